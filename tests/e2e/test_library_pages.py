"""The library's pages, notes, the archive, and what is brought in, like `test_pages`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from styles import archive, deleting, following, instructions, notes
from styles.models import Style
from styles.notes import mark_of
from styles.pikzels.sandbox import Sandbox
from styles.states import AT_REST, State
from teams.models import PikzelsKey, User

from ..pikzels.sandboxes import create

NOBODY = "5f0c8f7e-91c1-4a35-8d3e-0b1c2d3e4f50"
pytestmark = pytest.mark.django_db(transaction=True)


def test_the_library(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    shelf: dict[str, Style],
    alice: User,
    charlie: User,
) -> None:
    sign_in(alice)
    look("library", "/")
    look("library-needs", "/?show=needs")
    look("library-nothing-found", "/?q=nothing+like+it")
    sign_in(charlie)
    look("library-empty", "/")


def test_the_library_narrowed(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    shelf: dict[str, Style],
    alice: User,
    bob: User,
    page: Page,
) -> None:
    Style.objects.filter(pk=shelf[State.REFUSED].pk).update(creator=bob)
    sign_in(alice)
    look("library-filters", "/")
    page.get_by_text("Filter", exact=True).click()
    look("library-filters-open", "")
    look("library-filtered", f"/?q=a&state=over&by={alice.pk}&when=30days&from=2026-01-01")
    look("library-nothing-to-do", "/?state=doubt&archived=1")
    look("library-archive-empty", "/?archived=1")
    Style.objects.filter(state=State.IN_DOUBT).update(state=State.DROPPED)
    for style in (shelf[State.READY], shelf[State.DROPPED]):
        assert archive.archive(style, alice)
    look("library-archive", "/?archived=1")
    look("library-in-archive", "/?q=mars")
    Style.objects.exclude(state__in=AT_REST).update(state=State.DRAFT, pikzels_id="")
    look("library-nothing-needs-you", "/?state=doubt")


def test_a_note_and_the_archive(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    shelf: dict[str, Style],
    alice: User,
    bob: User,
    page: Page,
) -> None:
    style = shelf[State.READY]
    notes.write(style, "For the long videos.\n\nNot for shorts: too dark.", bob, seen=mark_of(""))
    sign_in(alice)
    look("style-note", style.get_absolute_url())
    look("library-note", "/?show=ready")
    page.get_by_role("link", name=style.name).click()
    notes.write(style, "Only for trailers.", bob, seen=mark_of(style.note))
    page.get_by_label("Change the note").fill("For everything")
    page.get_by_role("button", name="Save the note").click()
    expect(page.get_by_text("Bob changed the note").first).to_be_visible()
    look("style-note-changed", "")
    archive.archive(style, alice)
    look("style-archived", style.get_absolute_url())


def test_bringing_in_and_keeping(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    shelf: dict[str, Style],
    sandbox: Sandbox,
    sandbox_key: PikzelsKey,
    page: Page,
    alice: User,
    charlie: User,
) -> None:
    sign_in(charlie)
    look("bring-in-no-key", "/styles/bring-in/")
    sign_in(alice)
    look("bring-in", "/styles/bring-in/")
    page.get_by_role("button", name="Bring in").click()
    look("bring-in-error", "")
    made = [
        create(sandbox, n, key="pkz_sandbox_1234").json["id"] for n in ("Lava walk", "Ice cave")
    ]
    PikzelsKey.objects.exclude(pk=sandbox_key.pk).update(removed_at=timezone.now())
    pasted = f"name,id\nLava,{made[0]}\nIce,{made[1]}\n{shelf[State.READY].pikzels_id}\n{NOBODY}"
    page.goto(page.url)
    page.get_by_label("Style IDs").fill(pasted)
    page.get_by_role("button", name="Bring in").click()
    look("bring-in-done", "")
    style = Style.objects.get(name="Lava walk")
    look("style-attached", style.get_absolute_url())
    following.follow(style.pk)
    look("style-attached-portrait", style.get_absolute_url())
    look("library-attached", "/")
    look_at_instructions(style, look, page, alice)
    look("delete", style.address("delete"))
    training = shelf[State.TRAINING]
    look("delete-training", training.address("delete"))
    page.get_by_role("button", name="Delete when ready").click()
    look("style-to-be-deleted", "")
    deleting.delete(style, alice)
    look("style-attached-deleted", style.get_absolute_url())
    Style.objects.filter(state=State.GONE, attached=False).update(reason="deleted")
    look("style-deleted", shelf[State.GONE].get_absolute_url())


def look_at_instructions(
    style: Style, look: Callable[[str, str], None], page: Page, who: User
) -> None:
    look("instructions-empty", style.address("instructions"))
    instructions.save(style, "High contrast, one face, no text below the nose.", who)
    instructions.save(style, "Warm light from the left, never more than three words.", who)
    look("style-instructions", style.get_absolute_url())
    page.goto(page.url + "instructions/")
    page.get_by_label("Special instructions").fill("x" * 310)
    page.get_by_role("button", name="Save at Pikzels").click()
    look("instructions-error", "")
    Style.objects.filter(pk=style.pk).update(instructions="What was agreed here.")
    look("instructions-differ", style.address("instructions"))
