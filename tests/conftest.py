"""The cast and its things: Alice owns the team, Bob is on it, Charlie is a stranger."""

from __future__ import annotations

import gc
import shutil
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module
from io import BytesIO
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.conf import LazySettings
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.signals import post_save
from django.test import Client

from styles.images import accept
from styles.models import Event, Style
from styles.pikzels.sandbox import Sandbox
from styles.states import State, may_follow
from teams.models import Membership, PikzelsKey, Team, User

from . import settings as ours
from .far_away import NAMES, FarAway, Play, far_away
from .own_redis import OwnRedis
from .pictures import photo
from .pikzels.loopback import make_certificate
from .stack import with_room

PASSWORD = "a light table for slides"

# Seven thousand tests lie in memory, and would be gone through for nothing, again and again.
gc.set_threshold(100_000, 50, 1000)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, else one process is left with them at the end."""
    items.sort(key=lambda item: not {"e2e", "faults"} & {mark.name for mark in item.iter_markers()})


def pytest_runtest_setup(item: pytest.Function) -> None:
    item.obj = with_room(item.obj)


def pytest_unconfigure() -> None:
    shutil.rmtree(ours.OWN_FOLDER, ignore_errors=True)


def person(name: str, team: Team | None, role: str = "member") -> User:
    user = User.objects.create_user(f"{name.lower()}@example.com", PASSWORD, name=name)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    if team:
        Membership.objects.create(team=team, user=user, role=role)
    return user


def join_group(user: User, name: str) -> None:
    """Make them staff in one of the groups, which tests with threads may have wiped out."""
    for migration, step in (
        ("0011_groups", "make_groups"),
        ("0013_operators_see_sign_ins", "widen"),
    ):
        getattr(import_module(f"styles.migrations.{migration}"), step)(apps, None)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.groups.add(Group.objects.get(name=name))


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture(autouse=True)
def own_folders(settings: LazySettings, tmp_path: Path) -> None:
    """Each test has its own folder for pictures and mails, and its own journal."""
    settings.DATA_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MAIL_DIR = tmp_path / "mails"
    settings.FILE_UPLOAD_TEMP_DIR = settings.MEDIA_ROOT / "incoming"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir(parents=True)


@pytest.fixture(autouse=True)
def own_tries(request: pytest.FixtureRequest) -> Iterator[None]:
    """Forget who tried how often: Django empties its tables after a test, but not the cache's."""
    marker = request.node.get_closest_marker("django_db")
    commits = marker is not None and marker.kwargs.get("transaction", False)
    if commits:
        request.getfixturevalue("transactional_db")
    yield
    if commits:
        cache.clear()


@pytest.fixture(autouse=True)
def only_moves_of_the_table() -> Iterator[None]:
    """Hold every change of a style's state that happens in a test to the table of states."""
    others: list[str] = []

    def note(instance: Event, created: bool, **_: object) -> None:
        old, new = instance.from_state, instance.to_state
        if created and old and not may_follow(old, new):
            others.append(f"{old} → {new}")

    post_save.connect(note, sender=Event)
    yield
    post_save.disconnect(note, sender=Event)
    assert others == []


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_redis(redis_server: OwnRedis) -> OwnRedis:
    """A Redis with nothing in it, also where the test before stopped it."""
    if not redis_server.answers():
        redis_server.start()
    redis_server.client.flushall()
    return redis_server


@pytest.fixture
def team(db: None) -> Team:
    return Team.objects.create(name="Studio North")


@pytest.fixture
def alice(team: Team) -> User:
    return person("Alice", team, "owner")


@pytest.fixture
def bob(team: Team) -> User:
    return person("Bob", team)


@pytest.fixture
def charlie(db: None) -> User:
    """A stranger, with a team of his own."""
    return person("Charlie", Team.objects.create(name="Elsewhere"), "owner")


@pytest.fixture
def key(team: Team) -> PikzelsKey:
    """The team's key; nobody listens at its address."""
    key = PikzelsKey.seal("pkz_canary_1234abcd", base_url="http://127.0.0.1:9", team=team, name="K")
    key.save()
    return key


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=["http", "https"])
def tls(request: pytest.FixtureRequest, certificate: Path) -> ssl.SSLContext | None:
    """What a server needs to speak TLS, or None to speak without; a test runs with both."""
    if request.param == "http":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture(scope="session")
def far_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("far-away"), NAMES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that nobody else writes to."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


@pytest.fixture
def place(far_certificate: Path) -> Iterator[Callable[[Play], FarAway]]:
    """Start a server far away that plays as told, for pictures from links."""
    with ExitStack() as stack:
        yield lambda play: stack.enter_context(far_away(play, far_certificate))


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A local Pikzels that trains in no time."""
    with Sandbox(tmp_path / "sandbox", port=0, train_seconds=0, slow_seconds=0.2) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.stopping.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def sandbox_key(sandbox: Sandbox, team: Team) -> PikzelsKey:
    key = PikzelsKey.seal(
        "pkz_sandbox_1234",
        base_url=sandbox.url,
        team=team,
        name="Sandbox",
        kind=PikzelsKey.Kind.SANDBOX,
    )
    key.save()
    return key


@pytest.fixture
def make_style(team: Team, alice: User, settings: LazySettings) -> Callable[..., Style]:
    """Make a style with three small pictures, in any state that needs no history."""

    def make(
        name: str = "Mars diary",
        *,
        state: State = State.DRAFT,
        creator: User | None = None,
        pictures: int = 3,
        of: Team | None = None,
        **fields: object,
    ) -> Style:
        style = Style.objects.create(
            team=of or team, creator=creator or alice, name=name, state=State.DRAFT
        )
        for position in range(1, pictures + 1):
            picture = accept(
                BytesIO(photo(320, 180, seed=position)),
                name=f"mars-{position}.jpg",
                directory=settings.FILE_UPLOAD_TEMP_DIR,
            )
            style.keep_picture(position, picture, style.creator or alice)
        Style.objects.filter(pk=style.pk).update(state=state, **fields)
        style.refresh_from_db()
        return style

    return make


def upload(
    position: int = 1, *, name: str = "", content: bytes | None = None
) -> SimpleUploadedFile:
    """Return a picture as a browser sends it."""
    body = photo(320, 180, seed=position) if content is None else content
    return SimpleUploadedFile(name or f"mars-{position}.jpg", body, content_type="image/jpeg")


def form_data(team: Team, *, name: str = "Mars diary", images: int = 3) -> dict[str, object]:
    """Return what the form of a new style posts."""
    files = {f"image_{n}": upload(n) for n in range(1, images + 1)}
    return {"team": team.pk, "token": str(uuid.uuid4()), "name": name, **files}
