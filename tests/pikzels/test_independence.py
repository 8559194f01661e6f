"""The client is to be read, tested and reused alone: it knows neither Django nor us."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import styles.pikzels

FOLDER = Path(styles.pikzels.__file__).parent
ROOT = FOLDER.parents[1]
MODULES = sorted(FOLDER.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Yield the full name of everything that the file imports, wherever it does so."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            yield ".".join([*start, *filter(None, [node.module])])


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_no_module_imports_django_or_the_application(path: Path) -> None:
    ours = {"styles", "teams", "pikzels_ui"}
    for name in imports(path):
        assert name.partition(".")[0] != "django"
        assert name.partition(".")[0] not in ours or f"{name}.".startswith("styles.pikzels.")


def test_the_package_can_be_imported_where_django_is_not_set_up() -> None:
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in MODULES]
    names = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    program = f"import sys, {', '.join(names)}; sys.exit('django' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env={}, check=False)
    assert done.returncode == 0
