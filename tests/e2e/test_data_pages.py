"""A person's data in a browser, and what a restored backup and a sweep leave on pages."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from styles import retention
from styles.models import SafeMode, Style
from styles.states import State
from teams.models import Membership, User

from .test_account_pages import enter_password, press

pytestmark = pytest.mark.django_db(transaction=True)
Look = Callable[[str, str], None]
MakeStyle = Callable[..., Style]


def test_bob_takes_his_data_along_and_has_himself_erased(
    look: Look,
    page: Page,
    sign_in: Callable[[User], Client],
    make_style: MakeStyle,
    alice: User,
    bob: User,
    tmp_path: Path,
) -> None:
    make_style("Mars diary", creator=bob, submitted_at=timezone.now(), state=State.REFUSED)
    make_style("A draft", creator=bob)
    sign_in(bob)
    look("account-data", "/account/data/")
    page.get_by_role("link", name="Download my data").click()
    enter_password(page, button="Confirm")
    look("account-export", "")
    with page.expect_download() as download:
        press(page, "Download")
    download.value.save_as(tmp_path / "data.zip")
    with zipfile.ZipFile(tmp_path / "data.zip") as packed:
        assert b"Mars diary" in packed.read("styles.json")
    look("account-erase", "/account/data/erase/")
    press(page, "Erase for good")
    look("account-erase-error", "")
    page.get_by_label("Your e-mail address").fill("bob@example.com")
    press(page, "Erase for good")
    expect(page.get_by_text("Everything of yours is erased")).to_be_visible()
    look("account-erased", "")
    assert list(Style.objects.values_list("name", flat=True)) == ["Mars diary"]


def test_alice_has_to_hand_over_first(
    look: Look, page: Page, sign_in: Callable[[User], Client], alice: User, bob: User
) -> None:
    sign_in(alice)
    look("account-data-owner", "/account/data/")
    page.get_by_role("link", name="Erase my account").click()
    enter_password(page, button="Confirm")
    look("account-erase-not-yet", "")
    Membership.objects.filter(user=bob).update(role="owner")
    page.reload()
    expect(page.get_by_role("button", name="Erase for good")).to_be_visible()


def test_after_a_restore_and_a_sweep(
    look: Look,
    sign_in: Callable[[User], Client],
    make_style: MakeStyle,
    alice: User,
    settings: LazySettings,
) -> None:
    style = make_style(state=State.READY, pikzels_id="18b2ad5e-2a9e-4d3f-b9a8-9f2a1e0b1234")
    Style.objects.update(updated_at=timezone.now() - timedelta(days=40))
    settings.KEEP_DAYS = {**settings.KEEP_DAYS, "originals": 30}
    retention.sweep()
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    sign_in(alice)
    look("style-without-originals", style.get_absolute_url())
    SafeMode.objects.create(backup_of=timezone.now(), lacking=[])
    look("safe-mode-restored", "/")


def test_pages_say_where_an_archived_history_is(
    look: Look,
    page: Page,
    sign_in: Callable[[User], Client],
    shelf: dict[str, Style],
    alice: User,
    tmp_path: Path,
) -> None:
    style = shelf["ready"]
    long_ago = timezone.now() - timedelta(days=1000)
    Style.objects.filter(pk=style.pk).update(submitted_at=long_ago, created_at=long_ago)
    style.attempts.update(opened_at=long_ago, closed_at=long_ago)
    style.events.update(at=long_ago)
    call_command("archive_history", "--to", str(tmp_path / "archive"), verbosity=0)
    sign_in(alice)
    look("style-archived-history", style.get_absolute_url())
    expect(page.get_by_text("Its attempts and its history until")).to_be_visible()
    look("usage-archived", "/team/usage/")
