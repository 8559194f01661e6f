"""`make audit`: ask the OSV database about every pinned package; it is what pip-audit asks, too.

Ends with 1 where one has a known vulnerability. Where the database cannot be reached it says so and
ends with 0: a build without a network is not a build with a vulnerability.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).parents[1]
FILES = ("requirements.txt", "requirements-dev.txt")
DATABASE = "https://api.osv.dev/v1/querybatch"
PATIENCE = 30


def pins() -> list[tuple[str, str]]:
    texts = [(ROOT / file).read_text() for file in FILES]
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[\S*\])?==([^\s;\\]+)", "\n".join(texts), re.M)
    return sorted(set(found))


def vulnerabilities(packages: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the known ones of each package that has any. Raises RequestException, ValueError."""
    queries = [
        {"package": {"name": name, "ecosystem": "PyPI"}, "version": version}
        for name, version in packages
    ]
    answer = requests.post(DATABASE, json={"queries": queries}, timeout=PATIENCE)
    answer.raise_for_status()
    results: list[dict[str, Any]] = answer.json()["results"]
    return {
        f"{name} {version}": [each["id"] for each in result["vulns"]]
        for (name, version), result in zip(packages, results, strict=True)
        if result.get("vulns")
    }


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> int:
    packages = pins()
    try:
        found = vulnerabilities(packages)
    except (requests.RequestException, ValueError, KeyError) as error:
        say(f"NOT AUDITED: {DATABASE} cannot be asked ({type(error).__name__}).")
        return 0
    for package, known in found.items():
        say(f"{package}: {', '.join(known)} (https://osv.dev/{known[0]})")
    say(f"Audited {len(packages)} pinned packages: {len(found)} with known vulnerabilities.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
