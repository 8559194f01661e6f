"""README.md names what there is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "pikzels_ui" / "settings.py").read_text()


def settings_read() -> set[str]:
    read = r'(?:env\.\w+|read_secret|_kept)\(\s*"([A-Z0-9_]+)"'
    return set(re.findall(read, SETTINGS))


@pytest.mark.parametrize("name", sorted(settings_read()))
def test_each_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in README


def test_settings_are_found_at_all() -> None:
    assert {"DATA_DIR", "PIKZELS_API_KEY", "EMAIL_URL", "S3_BUCKET"} <= settings_read()
