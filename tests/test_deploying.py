"""What lies in deploy/, and the containers, read by the programs that it is for."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.conf import settings

from styles.creation import connect
from styles.images import UPLOAD_MAX_BYTES
from styles.pikzels import rules
from teams.models import PikzelsKey

from .pikzels.loopback import make_certificate
from .test_readme import ROOT, settings_read

DEPLOY = ROOT / "deploy"
UNITS = DEPLOY / "systemd"
COMMON = UNITS / "pikzels-ui-.service.d" / "common.conf"
SERVICES = sorted(each.name for each in UNITS.glob("*.service"))
FORM = rules.IMAGE_COUNT * UPLOAD_MAX_BYTES
LEAST_EXPOSED = 2.0


def needs(program: str) -> pytest.MarkDecorator:
    missing = shutil.which(program, path="/usr/sbin:/usr/bin:/usr/local/bin") is None
    return pytest.mark.skipif(missing, reason=f"no {program}")


def seconds(unit: str, name: str) -> float:
    found = re.search(rf"^{name}=(\d+)(min|h|)$", (UNITS / unit).read_text(), re.M)
    assert found
    return int(found[1]) * {"": 1, "min": 60, "h": 3600}[found[2]]


# systemd


def test_the_worker_may_wait_for_the_longest_answer(key: PikzelsKey) -> None:
    longest = connect(key)._limits.total
    assert seconds("pikzels-ui-worker.service", "TimeoutStopSec") >= longest + 60


def test_the_web_server_may_finish_its_pages() -> None:
    graceful = re.search(r"graceful_timeout = (\d+)", (ROOT / "gunicorn.conf.py").read_text())
    assert graceful
    assert seconds("pikzels-ui-web.service", "TimeoutStopSec") > int(graceful[1])


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as they are installed, but for programs, which lie elsewhere here."""
    folder = tmp_path / "systemd"
    shutil.copytree(UNITS, folder)
    for unit in folder.rglob("*.*"):
        if unit.is_file():
            here = re.sub(r"/opt/pikzels-ui/.venv/bin/\w+", sys.executable, unit.read_text())
            unit.write_text(here)
    return folder


@needs("systemd-analyze")
def test_systemd_understands_every_unit(installed: Path) -> None:
    units = sorted(map(str, installed.glob("*.*")))
    units = [unit for unit in units if not unit.endswith(".d")]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@needs("systemd-analyze")
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_do_little(installed: Path, service: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", installed / service],
        capture_output=True,
        text=True,
    )
    found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= LEAST_EXPOSED


# Proxies


@needs("nginx")
def test_nginx_takes_its_file(tmp_path: Path) -> None:
    certificate = str(make_certificate(tmp_path))
    site = (DEPLOY / "nginx.conf").read_text()
    site = re.sub(r"/etc/letsencrypt/\S+\.pem", certificate, site)
    site = site.replace("/var/log/nginx/pikzels-ui.log", str(tmp_path / "error.log"))
    # Ports that anybody may listen at.
    site = re.sub(r"(listen (?:\[::\]:)?)(\d+)", r"\g<1>1\2", site)
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/pid; events {{}} http {{ access_log off;\n{site}\n}}")
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin") or ""
    done = subprocess.run([nginx, "-t", "-c", whole], capture_output=True, text=True)
    assert done.returncode == 0 and "[warn]" not in done.stderr, done.stderr


@needs("caddy")
def test_caddy_takes_its_file() -> None:
    command = ["caddy", "validate", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    formatted = subprocess.run(["caddy", "fmt", DEPLOY / "Caddyfile"], capture_output=True)
    assert formatted.stdout == (DEPLOY / "Caddyfile").read_bytes()


@pytest.mark.parametrize(
    ("file", "pattern", "unit"),
    [
        ("nginx.conf", r"client_max_body_size (\d+)m;", 2**20),
        ("Caddyfile", r"max_size (\d+)MB", 10**6),
    ],
)
def test_three_of_the_largest_pictures_come_through(file: str, pattern: str, unit: int) -> None:
    found = re.search(pattern, (DEPLOY / file).read_text())
    assert found and int(found[1]) * unit >= FORM + 2_000_000


# Settings


@pytest.mark.parametrize("file", ["environment", "systemd/pikzels-ui-.service.d/common.conf"])
def test_settings_that_are_named_are_some(file: str) -> None:
    text = (DEPLOY / file).read_text().replace("Environment=", "")
    named = set(re.findall(r"\b([A-Z][A-Z_]+)=", text))
    assert {name.removesuffix("_FILE") for name in named} <= settings_read() | {"PYTHONUNBUFFERED"}


def test_a_shell_and_systemd_read_the_same_settings() -> None:
    """Both read the file, and what they share of quoting is little."""
    lines = (DEPLOY / "environment").read_text().splitlines()
    set_to = [
        line.lstrip("# ").partition("=")[2] for line in lines if re.match(r"(# )?[A-Z_]+=", line)
    ]
    assert [value for value in set_to if not re.fullmatch(r"[\w:/.@+-]+|'[^']*'", value)] == []


def test_commands_by_hand_have_the_settings_of_the_services() -> None:
    def pairs(path: Path, before: str) -> set[str]:
        found = re.search(rf"^{before}(.*)$", path.read_text(), re.M)
        assert found
        return set(found[1].split()) - {"PYTHONUNBUFFERED=1"}

    assert pairs(COMMON, "Environment=") == pairs(DEPLOY / "pikzels-ui", "export ")


# Containers

IMAGE = (ROOT / "Dockerfile").read_text()
SCALED = yaml.safe_load((ROOT / "compose.scaled.yaml").read_text())
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())


def test_the_image_runs_without_rights() -> None:
    users = re.findall(r"^USER (\S+)", IMAGE, re.M)
    assert users and users[-1].isdigit() and users[-1] != "0"


def test_the_image_installs_by_hashes_only() -> None:
    assert re.findall(r"pip install (?:(?!--require-hashes).)*$", IMAGE, re.M) == []
    assert "--require-hashes" in IMAGE


def test_only_the_program_gets_into_the_image() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] != "#"]
    taken = {line[1:] for line in lines if line.startswith("!")}
    assert lines[0] == "*"
    ours = {app for app in settings.INSTALLED_APPS if (ROOT / app).is_dir()}
    assert ours | {"pikzels_ui", "templates", "static", "locale", "manage.py"} <= taken
    assert not taken & {".env", ".git", "var", "tests"}
    assert all((ROOT / name).exists() for name in taken)


def test_workers_of_tasks_differ_from_the_worker_by_their_command_alone() -> None:
    worker, tasks = (
        (UNITS / f"pikzels-ui-{name}.service").read_text().partition("[Service]")[2]
        for name in ("worker", "tasks")
    )
    assert tasks == re.sub(r"^(ExecStart=.* work)$", r"\1 --tasks", worker, flags=re.M)
    assert tasks != worker


def test_the_image_can_have_what_several_hosts_need() -> None:
    build = SCALED["services"]["web"]["build"]
    assert (ROOT / f"requirements-{build['args']['PACKAGES']}.txt").exists()
    assert "ARG PACKAGES=postgres" in IMAGE
    assert SCALED["services"]["tasks"]["command"][-2:] == ["work", "--tasks"]
    assert [name for name, each in SCALED["services"].items() if "ports" in each] == []


def test_the_container_of_the_worker_may_wait_as_long() -> None:
    wait = COMPOSE["services"]["worker"]["stop_grace_period"]
    assert wait == f"{seconds('pikzels-ui-worker.service', 'TimeoutStopSec') // 60:.0f}m"


def test_no_service_is_reachable_but_the_proxy() -> None:
    assert [name for name, each in COMPOSE["services"].items() if "ports" in each] == ["caddy"]


def test_pins_with_postgresql_are_those_without_and_its_driver() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^([\w.-]+==\S+)", (ROOT / name).read_text(), re.M))

    assert pins("requirements-postgres.txt") < pins("requirements-scaled.txt")
    more = pins("requirements-postgres.txt") - pins("requirements.txt")
    assert pins("requirements.txt") < pins("requirements-postgres.txt")
    assert {pin.partition("==")[0] for pin in more} == {"psycopg", "psycopg-binary"}
