"""The reviewers' desk and the admin, like `test_pages`."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page

from styles import breaker
from styles.advice import check
from styles.models import Event, SafeMode, Style, WorkerSign
from styles.pikzels.errors import Code
from styles.states import State
from teams.models import PikzelsKey, Team, User

from ..conftest import join_group, person

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_reviewers_desk(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    shelf: dict[str, Style],
    alice: User,
    bob: User,
    team: Team,
    page: Page,
) -> None:
    team.review_required = True
    team.save(update_fields=["review_required"])
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    dee = person("Dee", team, "reviewer")
    Style.objects.filter(name__in=["Code speed", "Loud title", "Off grid", "Tiny house"]).update(
        state=State.IN_REVIEW, creator=bob, submitted_at=timezone.now() - timedelta(hours=3)
    )
    Event.objects.filter(to_state=State.IN_REVIEW).update(who=bob)
    taken, declined, style = Style.objects.filter(state=State.IN_REVIEW)[:3]
    Style.objects.filter(name="Never mind").update(
        state=State.IN_REVIEW, submitted_at=timezone.now() - timedelta(minutes=5)
    )
    for each in Style.objects.in_review():
        check(each)
    sign_in(alice)
    look("style-in_review-reviewer", style.get_absolute_url())
    Style.objects.filter(pk=taken.pk).update(claimed_by=dee, claimed_at=timezone.now())
    for frame, address in (("", "/review/"), ("admin-", "/admin/styles/style/review/")):
        look(f"{frame}review", address)
        look(f"{frame}review-style", f"{address}{style.pk}/")
        page.get_by_role("button", name="Ask for a change").click()
        look(f"{frame}review-style-problem", "")
        look(f"{frame}review-style-taken", f"{address}{taken.pk}/")
        page.goto(page.url.replace(f"{taken.pk}/", ""))
        for box in page.get_by_role("checkbox").all():
            box.check()
        page.get_by_role("button", name="Approve the chosen ones").click()
        look(f"{frame}review-many", "")
    style.ask_for_changes(dee, "The title is hard to read at phone size.")
    declined.decline(dee, "This is not our look.")
    look("style-changes-wanted", style.get_absolute_url())
    look("form-changes-wanted", style.address("edit"))
    look("style-declined-by-reviewer", declined.get_absolute_url())
    Style.objects.filter(state=State.IN_REVIEW).update(state=State.DRAFT)
    look("review-empty", "/review/")


def test_the_admin(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    page: Page,
    shelf: dict[str, Style],
    alice: User,
    key: PikzelsKey,
) -> None:
    User.objects.filter(pk=alice.pk).update(is_superuser=True, is_staff=True)
    client = sign_in(alice)
    look("admin-without-a-worker", "/admin/")
    a_month(shelf[State.READY], key)
    WorkerSign.give(uuid.uuid4(), "studio 4711")
    look("admin-front", "/admin/")
    breaker.hold(key, Code.INSUFFICIENT_CREDITS)
    SafeMode.objects.create(lacking=[])
    Style.objects.filter(name="Money duels").update(made_at=timezone.now() - timedelta(hours=5))
    look("admin-front-busy", "/admin/")
    for details in page.locator("details").all():
        details.locator("summary").click()
    look("admin-front-tables", "")
    look("admin-desk", "/admin/styles/style/desk/")
    page.locator("summary").first.click()
    look("admin-desk-open", "")
    doubt = shelf[State.IN_DOUBT].pk
    look("admin-settle", f"/admin/styles/style/{doubt}/settle/paste_id/")
    page.get_by_role("button", name="Paste its ID").click()
    look("admin-settle-problem", "")
    client.post("/admin/styles/event/export/?q=mars")
    for name, path in {
        "admin-styles": "/admin/styles/style/",
        "admin-styles-narrowed": f"/admin/styles/style/?creator__id__exact={alice.pk}",
        "admin-style": f"/admin/styles/style/{doubt}/change/",
        "admin-attempts": "/admin/styles/attempt/",
        "admin-keys": "/admin/teams/pikzelskey/",
        "admin-sign-ins": "/admin/teams/signin/",
        "admin-done-by-hand": "/admin/admin/logentry/",
    }.items():
        look(name, path)


def test_the_admin_for_those_who_may_see_less(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    shelf: dict[str, Style],
    bob: User,
) -> None:
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    sign_in(bob)
    look("admin-without-rights", "/admin/")
    join_group(bob, "Reviewers")
    look("admin-reviewer", "/admin/")


def a_month(style: Style, key: PikzelsKey) -> None:
    """Tell what happened in the last weeks, more or less."""
    now = timezone.now()
    became = [State.READY, State.READY, State.READY, State.REFUSED, State.DROPPED, State.DECLINED]
    for day in range(30):
        for n in range(day * 7 % 9):
            state = became[(day + n) % len(became)]
            made = {"pikzels_id": f"old-{day}-{n}"} if state == State.READY else {}
            Style.objects.create(
                team=style.team, name=f"Old {day} {n}", state=state, key=key, **made,
                created_at=now - timedelta(days=day, minutes=n),
            )  # fmt: skip
    for week in range(12):
        codes = [Code.INVALID_IMAGE, Code.INTERNAL_ERROR, Code.TOO_MANY_REQUESTS, "no_answer"]
        for n in range(week * 5 % 7):
            code = codes[(week + n) % len(codes)]
            style.attempts.create(
                key=key, number=100 * (week + 1) + n, code=code, reason=code, outcome="refused",
                opened_at=now - timedelta(weeks=week, hours=n), lease_until=now, closed_at=now,
            )  # fmt: skip
