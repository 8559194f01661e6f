"""The settings as other environments than that of the tests would have them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

OURS = (
    "ANSWER_SECONDS", "API_CALLS_PER_MINUTE",
    "BIND", "DATABASE_URL", "DEBUG", "EMAIL_URL", "ENCRYPTION_KEYS", "EXECUTOR", "HEALTH_TOKEN",
    "HSTS_SUBDOMAINS",
    "IN_FLIGHT_PER_KEY", "LOG_FORMAT", "LOG_LEVEL", "PIKZELS_API_KEY", "PIKZELS_API_KEY_FILE",
    "PIKZELS_BASE_URL", "PORT", "PUBLIC_URL", "REDIS_URL", "S3_ACCESS_KEY",
    "S3_BUCKET", "S3_ENDPOINT", "S3_REGION", "S3_SECRET_KEY", "SANDBOX", "SECRET_KEY",
    "STYLE_PRICE", "STYLE_PRICE_AS_OF", "TRUSTED_PROXIES", "WORKER_THREADS",
)  # fmt: skip


def settings_of(monkeypatch: pytest.MonkeyPatch, folder: Path, **env: str) -> dict[str, Any]:
    """Return the settings that a process with these variables would have."""
    with monkeypatch.context() as patch:
        for name in OURS:
            patch.delenv(name, raising=False)
        for name, value in {"DATA_DIR": str(folder / "data"), **env}.items():
            patch.setenv(name, value)
        # Not by importing it: that one is the settings of the tests themselves.
        spec = importlib.util.find_spec("pikzels_ui.settings")
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return vars(module)
