"""Rows by the million, by SQL: a team with styles as a long life leaves them.

Forty of each of the states that ask for something are among however many there are, evenly, so
that a page narrowed to them shows as much in a small installation as in a large one, and has to
find it among more.
"""

from __future__ import annotations

from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from styles.models import ReferenceImage, Style
from styles.states import MADE, State
from teams.models import Membership, PikzelsKey, Team, User

RARE = 40
RARE_STATES = (
    State.DRAFT,
    State.IN_REVIEW,
    State.DECLINED,
    State.QUEUED,
    State.COMMITTED,
    State.REFUSED,
    State.IN_DOUBT,
    State.TRAINING,
)
RARE_NAME = "Mars"
COLLEAGUES = 5

# What differs between the two databases.
SQL = {
    "sqlite": {
        "numbers": "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c"
        " WHERE n < {size}) SELECT n FROM c)",
        "uuid": "lower(hex(randomblob(16)))",
        "ago": "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '-' || n || ' minutes') || '000'",
        # Nothing of the filling has to outlive a power cut.
        "before": ("PRAGMA synchronous = OFF", "PRAGMA cache_size = -1000000"),
        "after": (
            "PRAGMA wal_checkpoint(TRUNCATE)",
            "PRAGMA synchronous = FULL",
            "PRAGMA cache_size = -2000",
        ),
    },
    "postgresql": {
        "numbers": "(SELECT generate_series(1, {size}) AS n)",
        "uuid": "gen_random_uuid()",
        "ago": "now() - n * interval '1 minute'",
        "before": (),
        "after": ("VACUUM ANALYZE",),
    },
}


class People(NamedTuple):
    team: Team
    owner: User
    key: PikzelsKey


def people() -> People:
    """Make a team with some people, whose owner runs the server, and a key; or find them."""
    if team := Team.objects.first():
        return People(team, User.objects.get(is_superuser=True), PikzelsKey.objects.get())
    team = Team.objects.create(name="Studio North")
    for number in range(COLLEAGUES):
        user = User.objects.create_user(f"bob{number}@example.com", "x", name=f"Bob {number}")
        Membership.objects.create(team=team, user=user)
    owner = User.objects.create_superuser("alice@example.com", "x", name="Alice")
    Membership.objects.create(team=team, user=owner, role="owner")
    key = PikzelsKey.seal("pkz_bench_1234", base_url="http://127.0.0.1:9", team=team, name="K")
    key.save()
    return People(team, owner, key)


def fill(size: int, whose: People) -> None:
    """Make `size` styles of a team, one a minute until now, each with three pictures."""
    _say("before")
    pattern = Style.objects.create(team=whose.team, key=whose.key, creator=whose.owner, name="P")
    first = whose.owner.pk - COLLEAGUES
    _copy(
        pattern,
        _numbers(size),
        id=_sql("uuid"),
        form_token=_sql("uuid"),
        name=_cases({len(RARE_STATES): f"'{RARE_NAME} ' || n"}, size, "'Style ' || n"),
        creator_id=f"{first} + n %% {COLLEAGUES + 1}",
        **_life(size),
    )
    Style.objects.filter(pk=pattern.pk).delete()
    _add_pictures()
    _say("after")


def _life(size: int) -> dict[str, str]:
    """Return what depends on the state: mostly ready, some gone, failed, given up or archived."""
    usual = (
        f"CASE WHEN n %% 100 = 50 THEN '{State.GONE}' WHEN n %% 100 = 51 "
        f"THEN '{State.TRAINING_FAILED}' WHEN n %% 100 = 52 THEN '{State.DROPPED}' "
        f"ELSE '{State.READY}' END"
    )
    rare = {place: f"'{state}'" for place, state in enumerate(RARE_STATES)}
    state = _cases(rare, size, usual)
    made = ", ".join(f"'{each}'" for each in MADE)
    ago = _sql("ago")
    return {
        "state": state,
        "pikzels_id": f"CASE WHEN {state} IN ({made}) THEN 'id-' || n ELSE '' END",
        "created_at": ago,
        "edited_at": ago,
        "updated_at": ago,
        "submitted_at": ago,
        "made_at": ago,
        "ready_at": f"CASE WHEN {state} = '{State.READY}' THEN {ago} END",
        "archived_at": f"CASE WHEN n %% 20 = 19 AND {state} = '{State.READY}' THEN {ago} END",
    }


def _cases(rare: dict[int, str], size: int, usual: str) -> str:
    whens = " ".join(f"WHEN {place} THEN {sql}" for place, sql in rare.items())
    return f"CASE n %% {size // RARE} {whens} ELSE {usual} END"


def fill_waiting(size: int, whose: People) -> None:
    """Let `size` styles wait to be sent, due one a minute until now."""
    at = timezone.now()
    pattern = Style.objects.create(
        team=whose.team, key=whose.key, creator=whose.owner, name="P", state=State.QUEUED, due_at=at
    )
    fields = {"id": _sql("uuid"), "form_token": _sql("uuid"), "due_at": _sql("ago")}
    _copy(pattern, _numbers(size - 1), **fields)


def fill_training(size: int, whose: People) -> None:
    """Let `size` styles be in training, all of them due."""
    at = timezone.now()
    pattern = Style.objects.create(
        team=whose.team, key=whose.key, creator=whose.owner, name="Mars", state=State.TRAINING,
        pikzels_id="P", made_at=at, due_at=at,
    )  # fmt: skip
    fields = {"id": _sql("uuid"), "form_token": _sql("uuid"), "pikzels_id": "'trains-' || n"}
    _copy(pattern, _numbers(size - 1), **fields, due_at=_sql("ago"), made_at=_sql("ago"))


def add_others(number: int, whose: People) -> None:
    """Add as many that wait to be sent with another key, and as many in training, all due now."""
    other = PikzelsKey.seal(
        "pkz_other_1234", base_url=whose.key.base_url, team=whose.team, name="O"
    )
    other.save()
    now = timezone.now()
    shared = {"team": whose.team, "creator": whose.owner, "key": other, "due_at": now}
    for n in range(number):
        Style.objects.create(name=f"Waits {n}", state=State.QUEUED, **shared)
        Style.objects.create(
            name=f"Trains {n}", state=State.TRAINING, pikzels_id=f"other-{n}", made_at=now, **shared
        )


def _add_pictures() -> None:
    size = {"width": 1280, "height": 720, "bytes": 300_000, "media_type": "image/jpeg"}
    style = Style.objects.create(team=Team.objects.get(), name="P")
    file = "references/0f/0f1e2d3c4b5a69788796a5b4c3d2e1f0.jpg"
    pattern = ReferenceImage.objects.create(
        style=style, position=1, file=file, preview=file, original_name="a.jpg", sha256="0" * 64,
        **size,
    )  # fmt: skip
    three = "(SELECT 1 AS place UNION ALL SELECT 2 UNION ALL SELECT 3)"
    others = f"(SELECT s.id AS of_style, place FROM styles_style s, {three} p WHERE s.name <> 'P')"
    _copy(pattern, others, style_id="of_style", position="place", without=("id",))
    style.images.all().delete()
    style.delete()


def _numbers(size: int) -> str:
    return _sql("numbers").format(size=size)


def _sql(what: str) -> str:
    return str(SQL[connection.vendor][what])


def _say(what: str) -> None:
    with connection.cursor() as cursor:
        for statement in SQL[connection.vendor][what]:
            cursor.execute(statement)


def _copy(
    pattern: Style | ReferenceImage, rows: str, without: tuple[str, ...] = (), **fields: str
) -> None:
    """Insert a copy of `pattern` per row of the SQL `rows`, with `fields` by SQL."""
    meta = pattern._meta
    names = [field.column for field in meta.concrete_fields if field.column not in without]
    values = ", ".join(fields.get(name, f'a."{name}"') for name in names)
    columns = ", ".join(f'"{name}"' for name in names)
    table = meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({columns}) SELECT {values} FROM {table} a, {rows} r"
            " WHERE a.id = %s",
            [meta.pk.get_db_prep_value(pattern.pk, connection)],
        )
