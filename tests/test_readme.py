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


def cells(text: str, columns: slice) -> list[list[str]]:
    """Return these columns of a table's rows, without its head."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row[columns]] for row in rows[2:]]


def test_what_was_measured_is_what_the_results_say() -> None:
    shown = README.partition("<!-- ratios: begin -->")[2].partition("<!-- ratios: end -->")[0]
    results = (ROOT / "bench" / "RESULTS.md").read_text()
    assert cells(shown, slice(0, 3)) == cells(results, slice(1, 4)) != []
