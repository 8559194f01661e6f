"""The doctor: looks at everything that this server needs, and says what is wrong and what to do.

Each check is a function that yields findings. What needs the database is passed over where that
cannot be reached, and what goes out into the network where nobody wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from . import database, folders, outside, program, secrets_kept, shared
from .findings import Finding, Findings, Level, is_well, skipped, wrong

__all__ = ["READINESS", "Check", "Finding", "Level", "examine", "is_well", "run"]


class Check(NamedTuple):
    about: str
    look: Callable[[], Findings]
    needs_database: bool = False
    needs_network: bool = False


REACHABLE = Check("database", database.reachable)
MIGRATED = Check("database", database.migrated, needs_database=True)
WRITABLE, FREE = Check("storage", folders.writable), Check("storage", folders.free)
WORKER = Check("worker", outside.worker, needs_database=True)
REDIS = Check("redis", shared.redis)
BUCKET = Check("storage", shared.bucket_there)
# What a load balancer asks for: cheap, and without a look outside.
READINESS = (REACHABLE, MIGRATED, WRITABLE, FREE, BUCKET, REDIS, WORKER)


def checks(mail_to: str = "") -> tuple[Check, ...]:
    """Return all there are, in the order in which one would mend things."""
    return (
        Check("program", program.versions),
        Check("settings", program.configured),
        Check("settings", program.time_limits),
        REACHABLE,
        MIGRATED,
        Check("database", database.durable, needs_database=True),
        WRITABLE,
        Check("storage", folders.owned),
        FREE,
        Check("storage", folders.one_disk),
        BUCKET,
        Check("storage", shared.bucket_takes),
        Check("storage", folders.orphans, needs_database=True),
        Check("storage", folders.journals),
        Check("storage", program.static_files),
        Check("secrets", folders.secret),
        Check("secrets", secrets_kept.open_all, needs_database=True),
        REDIS,
        WORKER,
        Check("worker", secrets_kept.safe_mode, needs_database=True),
        Check("keys", secrets_kept.pikzels, needs_database=True, needs_network=True),
        Check("mail", partial(outside.mail, mail_to), needs_network=True),
        Check("proxy", outside.proxy, needs_network=True),
        Check("clock", outside.clock_of_database, needs_database=True),
        Check("clock", outside.clock, needs_database=True, needs_network=True),
    )


def examine(*, offline: bool = False, mail_to: str = "") -> list[Finding]:
    return run(checks(mail_to), offline=offline)


def run(wanted: Iterable[Check], *, offline: bool = False) -> list[Finding]:
    """Return what the checks find; one that breaks is a finding, too."""
    found: list[Finding] = []
    # Without migrations there may be no table to look at.
    database_is_well = True
    for check in wanted:
        if check.needs_network and offline:
            results = [skipped("Not looked at: --offline.")]
        elif check.needs_database and not database_is_well:
            results = [skipped("Not looked at: it needs the database.")]
        else:
            results = _results(check)
        found += [replace(each, about=check.about) for each in results]
        if check in {REACHABLE, MIGRATED}:
            database_is_well = database_is_well and is_well(results)
    return found


def _results(check: Check) -> list[Finding]:
    try:
        return list(check.look())
    except Exception as error:  # noqa: BLE001 - what it was to find out is what may break it
        what = f"{type(error).__name__} while looking at it"
        return [
            wrong(f"It could not be judged: {what}.", "Mend what stands above, then look again.")
        ]
