"""Does every stored secret open, and does Pikzels take the keys?"""

from __future__ import annotations

from collections.abc import Iterable

from styles import following
from styles.explanations import explain
from styles.models import SafeMode
from teams import rotation
from teams.models import PikzelsKey

from .findings import Finding, Findings, look, number_of, ok, wrong


def open_all() -> Findings:
    found = rotation.encrypt_all_anew(only_count=True)
    if found.unreadable:
        yield wrong(
            f"{number_of(found.unreadable, 'secret')} cannot be opened with any of the encryption "
            "keys.",
            "Bring the missing key back into ENCRYPTION_KEYS or DATA_DIR/keys/encryption_keys, or "
            "enter those Pikzels keys and set up those second factors again.",
        )
    if found.older:
        yield look(
            f"{number_of(found.older, 'secret')} still need an older encryption key.",
            "Run manage.py rotate_encryption_key once more.",
        )
    if not found.unreadable:
        yield ok("Every stored secret opens.")


def safe_mode() -> Findings:
    if SafeMode.is_on():
        yield look(
            "Nothing is sent since a backup was restored.",
            "Let an owner read the notice on the team's pages and say go on.",
        )


def pikzels() -> Findings:
    """Ask Pikzels about each key in use, for free."""
    keys = list(PikzelsKey.objects.in_use().select_related("team").order_by("pk"))
    real = [key for key in keys if not key.is_sandbox]
    if not real:
        yield ok("There is no Pikzels key yet: the sandbox plays Pikzels, or nothing is sent.")
    yield from (_ask(key) for key in real)
    yield from _sandbox(key for key in keys if key.is_sandbox)


def _ask(key: PikzelsKey) -> Finding:
    name = f"The key {key.shown} of {key.team}"
    found = following.test_key(key)
    if found.turned_away:
        why = explain(found.turned_away, "held")
        return wrong(f"{name} is turned away: {why.title}.", why.next_owner)
    if not found.works:
        return look(
            f"Pikzels could not be asked about {name[0].lower()}{name[1:]} just now.",
            f"Look whether this server reaches {key.base_url}, then run this again.",
        )
    if key.is_held:
        why = explain(key.held_code, "held")
        return look(f"{name} works and is held still: {why.title}.", "Press Resume on its page.")
    return ok(f"{name} works.")


def _sandbox(keys: Iterable[PikzelsKey]) -> Findings:
    # They all lead to the one sandbox.
    key = next(iter(keys), None)
    if key is None:
        return
    if following.test_key(key).works:
        yield ok("The sandbox answers.")
    else:
        yield look(
            f"The sandbox does not answer at {key.base_url}.",
            "Nothing, if the server is stopped just now: manage.py run starts it.",
        )
