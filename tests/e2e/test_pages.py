"""Every page in every state: looked at by a machine here, and by a person in `var/pictures`.

Each is seen at 390 and 1280 pixels, light and dark, and kept as a picture; no serious finding of
axe, no word on the console, and nothing that has to be scrolled sideways, down to 320 pixels.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import LazySettings, settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from styles import archive, breaker, deleting, following, instructions, notes, telling
from styles.advice import check
from styles.following import KeyTest
from styles.images import accept
from styles.models import Attempt, Event, Notice, SafeMode, Style, Unwanted, WorkerSign
from styles.notes import mark_of
from styles.pikzels.errors import Code
from styles.pikzels.sandbox import Sandbox
from styles.states import AT_REST, State
from teams import limits, people
from teams.models import ApiToken, PikzelsKey, Team, User
from teams.setup import ensure_keys, setup_link

from ..conftest import browser_of, join_group, person
from ..pictures import encoded, photo
from ..pikzels.sandboxes import create
from ..waiting import wait_until
from ..wording import banned_words, visible_text
from .scenes import furnish, thumbnail

PICTURES = Path(__file__).resolve().parents[2] / "var" / "pictures"
NOBODY = "5f0c8f7e-91c1-4a35-8d3e-0b1c2d3e4f50"
SIZES = {"phone": 390, "desktop": 1280}
# Its face and its pictures are there, also those that wait to be scrolled to, which come at once.
PAINTED = """() => {
    const pictures = [...document.images];
    pictures.forEach((each) => { each.loading = "eager"; });
    return document.fonts.status === "loaded" && pictures.every((each) => each.complete);
}"""
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shelf(team: Team, key: PikzelsKey, alice: User, bob: User, tmp_path: Path) -> dict[str, Style]:
    return furnish(team, key, alice, tmp_path)


@pytest.fixture
def sign_in(live_server: LiveServer, page: Page) -> Callable[[User], Client]:
    def signed_in(user: User) -> Client:
        client = browser_of(user)
        cookie = client.cookies["sessionid"].value
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        return client

    return signed_in


@pytest.fixture
def look(live_server: LiveServer, page: Page, console: list[str]) -> Callable[[str, str], None]:
    def looked(name: str, address: str) -> None:
        if address:
            answer = page.goto(live_server.url + address)
            assert answer and answer.status < 500
        assert console == []
        inspect(page, name)
        # Some of axe's own checks try what the CSP forbids.
        console.clear()

    return looked


def inspect(page: Page, name: str) -> None:
    """Judge the page as it stands, and keep pictures of it."""
    # Not `wait_for_function`, which looks again by what the CSP forbids.
    wait_until(lambda: page.evaluate(PAINTED))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for size, width in SIZES.items():
            page.set_viewport_size({"width": width, "height": 900})
            picture(page, f"{name}-{size}-{scheme}")
        # In the dark only the colours are others.
        rules = {} if scheme == "light" else {"runOnly": ["color-contrast"]}
        assert_no_findings(page, f"{name}, {scheme}", rules)
    page.set_viewport_size({"width": 320, "height": 900})
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 320, f"{name} is {wide} pixels wide on a small phone"
    assert banned_words(visible_text(page.content())) == [], name
    page.set_viewport_size({"width": 1280, "height": 900})


def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def assert_no_findings(page: Page, name: str, options: dict[str, object]) -> None:
    found = [
        f"{finding['id']}: {[node['html'][:120] for node in finding['nodes']]}"
        for finding in Axe().run(page, options=options).response["violations"]
        if finding["impact"] in {"serious", "critical"}
    ]
    assert found == [], name


def test_a_style_in_every_state(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    shelf: dict[str, Style],
    alice: User,
    page: Page,
) -> None:
    sign_in(alice)
    for state, style in shelf.items():
        look(f"style-{state}", style.get_absolute_url())
        assert page.locator("main").get_attribute("data-style-state") == state
        known = page.locator("main").get_attribute("data-pikzels-id")
        assert (known or "") == style.pikzels_id


def test_a_held_style_as_owner_and_member(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    shelf: dict[str, Style],
    key: PikzelsKey,
    alice: User,
    bob: User,
) -> None:
    breaker.hold(key, Code.INSUFFICIENT_CREDITS)
    for name, user in (("member", bob), ("owner", alice)):
        sign_in(user)
        look(f"style-held-{name}", shelf[State.QUEUED].get_absolute_url())
        look(f"library-held-{name}", "/")
        look(f"team-held-{name}", "/team/")


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


def test_the_form(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    shelf: dict[str, Style],
    alice: User,
    page: Page,
) -> None:
    sign_in(alice)
    look("form-new", "/styles/new/")
    page.get_by_label("Style name").fill("Café")
    page.get_by_role("button", name="Create style").click()
    look("form-errors", "")
    look("form-draft", shelf[State.DRAFT].address("edit"))
    look("form-refused", shelf[State.REFUSED].address("edit"))


def test_the_form_while_pictures_arrive(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    page: Page,
    alice: User,
    tmp_path: Path,
    key: PikzelsKey,
) -> None:
    sign_in(alice)
    look("form-empty", "/styles/new/")
    picture = thumbnail(tmp_path / "mars.jpg", "ON MARS", "#0b3d91 #ff6b35")
    page.locator("#id_image_1").set_input_files(picture)
    expect(page.get_by_text("Draft saved")).to_be_visible()
    page.route("**/edit/", lambda route: None)
    page.locator("#id_image_2").set_input_files(picture)
    expect(page.locator("progress").nth(1)).to_be_visible()
    look("form-arriving", "")
    page.unroute("**/edit/")
    page.route("**/edit/", lambda route: route.abort())
    page.locator("#id_image_3").set_input_files(picture)
    expect(page.locator("image-slot .error")).to_be_visible()
    look("form-lost", "")


def test_the_form_with_advice_and_questions(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    page: Page,
    alice: User,
    team: Team,
    make_style: Callable[..., Style],
    key: PikzelsKey,
) -> None:
    team.asks_for_rights = True
    team.save(update_fields=["asks_for_rights"])
    sent = make_style("Mars diary")
    sent.submit(alice)
    advised = make_style("Mars diary", pictures=2)
    keep_picture(advised, 1, Image.new("RGB", (1280, 1280), "#0b3d91"))
    barred = Image.new("RGB", (640, 480), "black")
    barred.paste(Image.open(BytesIO(photo(640, 360, seed=2))), (0, 60))
    keep_picture(advised, 2, barred)
    sign_in(alice)
    look("form-advice", advised.address("edit"))
    page.get_by_text("See the crop").first.click()
    page.get_by_label("Or a link").fill("http://example.com/mars.jpg")
    page.get_by_role("button", name="Add picture").click()
    expect(page.locator("[data-part=link] .error")).to_be_visible()
    look("form-link-wrong", "")
    copy = sent.variant(alice, sent.name)
    look("form-variant", copy.address("edit"))
    page.get_by_label("I may use these pictures").check()
    page.get_by_role("button", name="Create style").click()
    expect(page.get_by_text("You have sent this already")).to_be_visible()
    look("form-twin", "")


def test_the_form_when_the_hour_is_full(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    page: Page,
    alice: User,
    team: Team,
    make_style: Callable[..., Style],
    key: PikzelsKey,
    settings: LazySettings,
    tmp_path: Path,
) -> None:
    settings.STYLES_PER_HOUR = settings.UPLOADS_PER_HOUR = 1
    limits.count_sent(alice, team)
    limits.count_pictures(alice, [1])
    sign_in(alice)
    look("form-before-too-many", make_style().address("edit"))
    page.get_by_role("button", name="Create style").click()
    expect(page.get_by_text("Many styles were sent within an hour")).to_be_visible()
    look("form-too-many-styles", "")
    look("form-empty-before-too-many", "/styles/new/")
    page.get_by_label("Style name").fill("Mars diary 2")
    picture = thumbnail(tmp_path / "mars.jpg", "ON MARS", "#0b3d91 #ff6b35")
    page.locator("#id_image_1").set_input_files(picture)
    expect(page.get_by_text("Many pictures came within an hour").first).to_be_visible()
    look("form-too-many-pictures", "")


def keep_picture(style: Style, position: int, picture: Image.Image) -> None:
    file = BytesIO(encoded(picture, "JPEG"))
    folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
    assert style.creator
    style.keep_picture(position, accept(file, name="wide.jpg", directory=folder), style.creator)


def test_pages_that_ask_first(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    shelf: dict[str, Style],
    alice: User,
    team: Team,
) -> None:
    team.may_review_own = True
    team.save(update_fields=["may_review_own"])
    sign_in(alice)
    for name in ("paste_id", "send_again", "give_up", "support"):
        look(f"ask-{name}", shelf[State.IN_DOUBT].address(name))
    look("ask-cancel", shelf[State.QUEUED].address("cancel"))
    look("style-in_review-reviewer", shelf[State.IN_REVIEW].get_absolute_url())


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


def test_team_and_account(
    sign_in: Callable[[User], Client], look: Callable[[str, str], None], alice: User
) -> None:
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    sign_in(alice)
    look("team", "/team/")
    look("mails", "/team/mails/")
    look("account", "/account/")
    look("not-found", "/nowhere/")


def test_people(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    page: Page,
    alice: User,
    bob: User,
    charlie: User,
    team: Team,
) -> None:
    mine = alice.memberships.get()
    link = people.invite(mine, "dora@example.com", "reviewer")
    for_charlie = people.invite(mine, charlie.email, "member")
    charlie.memberships.get().team.memberships.create(user=alice, role="member")
    sign_in(alice)
    look("team-people", "/team/")
    page.get_by_role("button", name="Change team").click()
    look("team-menu", "")
    look("invite", "/team/invite/")
    page.get_by_label("E-mail address").fill("dora")
    page.get_by_role("button", name="Invite").click()
    look("invite-error", "")
    page.get_by_label("E-mail address").fill("eve@example.com")
    page.get_by_role("button", name="Invite").click()
    look("invited", "")
    look("team-settings", "/team/settings/")
    look("remove", f"/team/people/{bob.memberships.get().pk}/remove/")
    look("invitation-for-another", path_of(for_charlie))
    sign_in(charlie)
    look("invitation-member", path_of(for_charlie))
    page.context.clear_cookies()
    look("invitation-sign-in", path_of(for_charlie))
    look("invitation-new", path_of(link))
    page.get_by_role("button", name="Join the team").click()
    look("invitation-error", "")
    look("invitation-over", "/join/nothing/")


def path_of(link: str) -> str:
    return re.sub(r"^https?://[^/]+", "", link)


def test_keys(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    page: Page,
    shelf: dict[str, Style],
    alice: User,
    team: Team,
    key: PikzelsKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [KeyTest(works=False), KeyTest(works=False, turned_away=Code.INVALID_API_KEY)]
    monkeypatch.setattr(following, "test_key", lambda _key: found[-1])
    sign_in(alice)
    look("key-add", "/team/keys/add/")
    page.get_by_label("Name of the key").fill("Second account")
    page.get_by_label("API key").fill("pkz_of_the_second_account")
    page.get_by_role("button", name="Test and save").click()
    expect(page.get_by_role("alert")).to_contain_text("Pikzels does not know this API key")
    found.pop()
    page.get_by_label("API key").fill("pkz_of_the_second_account")
    page.get_by_role("button", name="Test and save").click()
    expect(page.get_by_role("button", name="Save without the test")).to_be_visible()
    look("key-add-unsure", "")
    page.get_by_label("API key").fill("pkz_of_the_second_account")
    page.get_by_role("button", name="Save without the test").click()
    expect(page.get_by_text("The key is saved.")).to_be_visible()
    look("team-keys", "")
    address = reverse("key", args=[team.keys.get(name="Second account").uuid])
    page.goto(f"{page.url.partition('/team/')[0]}{address}")
    page.get_by_role("button", name="Test this key").click()
    look("key", "")
    breaker.hold(key, Code.API_KEY_DELETED)
    held = reverse("key", args=[key.uuid])
    look("key-held", held)
    look("key-replace", f"{held}replace/")
    look("key-remove", f"{held}remove/")
    page.get_by_role("button", name="Remove the key").click()
    expect(page.get_by_text("The key is removed.")).to_be_visible()
    page.get_by_text("Removed keys").click()
    look("team-keys-removed", "")
    look("key-removed", held)
    monkeypatch.setattr(settings, "PIKZELS_API_KEY", "pkz_of_the_server_1111")
    ensure_keys(team)
    look("key-of-the-server", reverse("key", args=[team.keys.get(kind="environment").uuid]))


def test_api_tokens(
    sign_in: Callable[[User], Client], look: Callable[[str, str], None], page: Page, alice: User
) -> None:
    sign_in(alice)
    look("account-tokens-empty", "/account/tokens/")
    page.get_by_role("button", name="Make the token").click()
    look("account-tokens-error", "")
    page.get_by_label("Name of the token").fill("Thumbnail bot")
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_role("heading", name="Your new token")).to_be_visible()
    look("account-tokens-new", "")
    ApiToken.issue(alice, "A bot whose name is as long as a name of a token may become.")
    ApiToken.objects.filter(expires_at=None).update(last_used_at=timezone.now())
    look("account-tokens", "/account/tokens/")
    page.get_by_role("button", name="Revoke Thumbnail bot").click()
    expect(page.get_by_text("The token is revoked.")).to_be_visible()
    expect(page.get_by_text("Thumbnail bot", exact=True)).to_have_count(0)


def test_notices(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    live_server: LiveServer,
    page: Page,
    shelf: dict[str, Style],
    settings: LazySettings,
    alice: User,
) -> None:
    """What somebody is told, and how they are told less."""
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    settings.EMAIL_BACKEND = "teams.mails.KeptMails"
    settings.PUBLIC_URL = live_server.url
    shelf[State.TRAINING].move(State.READY, only_from=[State.TRAINING])
    Notice.objects.update(due_at=timezone.now())
    telling.tell(Notice.objects.get().pk)
    sign_in(alice)
    look("mails-notices", "/team/mails/")
    page.get_by_text("1 notice, which needs no passing on").click()
    look("mails-notices-open", "")
    page.get_by_role("article").get_by_role("link", name="/account/notices/").click()
    expect(page.get_by_role("group", name="Write to me when")).to_be_visible()
    look("account-notices", "")
    page.get_by_label("A style of mine is ready").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_label("A style of mine is ready")).not_to_be_checked()
    assert Unwanted.of(alice) == {Notice.Kind.READY}


def test_usage(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    page: Page,
    shelf: dict[str, Style],
    alice: User,
    bob: User,
) -> None:
    Attempt.objects.update(price="US$ 0.38")
    made = Attempt.objects.filter(outcome="made")
    made.filter(pk=made.earliest("pk").pk).update(asked_by=bob, price="")
    earlier = timezone.now() - timedelta(days=40)
    made.filter(pk=made.latest("pk").pk).update(opened_at=earlier, price="US$ 0.35")
    sign_in(alice)
    look("team-with-usage", "/team/")
    page.get_by_role("link", name="Usage").click()
    expect(page.get_by_role("heading", name="Usage")).to_be_visible()
    look("usage", "")
    with page.expect_download() as download:
        page.get_by_role("link", name="All months as CSV").click()
    assert download.value.suggested_filename == "usage.csv"
    sign_in(bob)
    look("usage-member", "/team/usage/")
    Attempt.objects.update(asked_by=alice)
    look("usage-empty", "/team/usage/")


def test_pages_for_strangers(
    look: Callable[[str, str], None], live_server: LiveServer, page: Page, db: None
) -> None:
    path = re.sub(r"^https?://[^/]+", "", setup_link())
    look("setup", path)
    page.get_by_role("button").last.click()
    look("setup-empty", "")


def test_somebody_without_a_team(
    sign_in: Callable[[User], Client], look: Callable[[str, str], None], bob: User, team: Team
) -> None:
    team.memberships.all().delete()
    sign_in(bob)
    look("no-team", "/")


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
