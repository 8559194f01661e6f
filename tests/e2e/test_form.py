"""The form in a browser: pictures come in every way, and none is asked for twice."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import APIResponse, Browser, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from styles import form_buttons, forms
from styles.images import fetching
from styles.models import Style
from styles.states import State
from teams.models import User

from ..conftest import browser_of
from ..far_away import FarAway, far_away, sending
from ..pictures import photo
from ..waiting import wait_until
from .looking import KEEPING_PICTURES, picture

pytestmark = pytest.mark.django_db(transaction=True)
MakeStyle = Callable[..., Style]
DROP = """([names, target, texts]) => {
  const data = new DataTransfer();
  for (const [name, base64] of names) {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    data.items.add(new File([bytes], name, { type: "image/jpeg" }));
  }
  for (const [type, text] of texts) data.setData(type, text);
  const element = document.querySelector(target);
  for (const kind of ["dragover", "drop"]) {
    const about = { dataTransfer: data, bubbles: true, cancelable: true };
    element.dispatchEvent(new DragEvent(kind, about));
  }
}"""
PASTE = """([names, text]) => {
  const data = new DataTransfer();
  for (const [name, base64] of names) {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    data.items.add(new File([bytes], name, { type: "image/jpeg" }));
  }
  if (text) data.setData("text/plain", text);
  document.body.dispatchEvent(
    new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def form(client: Client, live_server: LiveServer, page: Page) -> Page:
    """An empty form for a new style."""
    page.goto(f"{live_server.url}/styles/new/")
    return page


def files(*names: str) -> list[list[str]]:
    return [
        [name, base64.b64encode(photo(640, 360, seed=seed)).decode()]
        for seed, name in enumerate(names)
    ]


def written(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for seed, path in enumerate(paths):
        path.write_bytes(photo(640, 360, seed=seed))
    return paths


def drop(page: Page, *names: str, on: str = "body", text: str = "") -> None:
    texts = [["text/uri-list", text]] if text else []
    page.evaluate(DROP, [files(*names), on, texts])


def slot(page: Page, number: int) -> object:
    return page.locator(f"image-slot[data-slot='{number}']")


def expect_kept(page: Page, *names: str) -> None:
    """Wait until the slots hold these pictures in this order, on the server."""
    for number, name in enumerate(names, start=1):
        expect(slot(page, number)).to_contain_text(re.compile(re.escape(name) + " · 640×360"))
    kept = [image.original_name for image in Style.objects.get().images.all()]
    assert kept == list(names)


def holding(page: Page, address: str, go_on: threading.Event) -> list[Route]:
    """Let requests wait until `go_on` is set; return those that wait."""
    held: list[Route] = []

    def handle(route: Route) -> None:
        if go_on.is_set():
            route.continue_()
        else:
            held.append(route)

    page.route(address, handle)
    return held


class TestWaysIn:
    def test_a_chosen_picture_is_kept_at_once(self, form: Page, tmp_path: Path) -> None:
        form.locator("#id_image_1").set_input_files(written(tmp_path, "mars.jpg"))
        expect_kept(form, "mars.jpg")
        expect(form.locator("[data-announce]")).to_have_text("Image 1 is kept.")
        expect(form.get_by_text("Draft saved")).to_be_visible()
        assert form.url.endswith(Style.objects.get().address("edit"))

    def test_one_that_is_chosen_before_the_scripts_are_there_is_not_lost(
        self, client: Client, live_server: LiveServer, page: Page, tmp_path: Path
    ) -> None:
        go_on = threading.Event()
        held = holding(page, "**/draft-form.js", go_on)
        page.goto(f"{live_server.url}/styles/new/", wait_until="commit")
        page.locator("#id_image_1").set_input_files(written(tmp_path, "mars.jpg"))
        assert page.locator("#id_image_1").evaluate("e => e.files.length") == 1
        go_on.set()
        for route in held:
            route.continue_()
        expect_kept(page, "mars.jpg")

    def test_dropped_anywhere_they_fill_the_empty_slots_in_order(self, form: Page) -> None:
        drop(form, "b.jpg", on="image-slot[data-slot='2']")
        expect(slot(form, 2)).to_contain_text("640×360")
        drop(form, "a.jpg", "c.jpg", on="h1")
        expect_kept(form, "a.jpg", "b.jpg", "c.jpg")

    def test_of_four_that_are_dropped_the_last_is_left_out_and_named(self, form: Page) -> None:
        drop(form, "a.jpg", "b.jpg", "c.jpg", "party.jpg")
        expect(
            form.get_by_role("alert").filter(
                has_text="Left out, for a style has three pictures: party.jpg"
            )
        ).to_be_visible()
        expect_kept(form, "a.jpg", "b.jpg", "c.jpg")

    def test_pasted_ones_are_kept(self, form: Page) -> None:
        form.evaluate(PASTE, [files("pasted.jpg"), ""])
        expect_kept(form, "pasted.jpg")


class TestLinks:
    @pytest.fixture(autouse=True)
    def there(self, far_certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FarAway]:
        """An internet of this machine, with one picture everywhere."""
        picture = sending(200, photo(640, 360, seed=3), "Content-Type: image/jpeg")
        with far_away(picture, far_certificate) as there:

            def fetch(link: object, *, directory: Path) -> object:
                return fetching.fetch_picture(link, directory=directory, network=there.network)

            monkeypatch.setattr(form_buttons, "fetch_picture", fetch)
            yield there

    def test_are_typed_and_added_by_enter_which_sends_nothing(self, form: Page) -> None:
        form.get_by_label("Style name").fill("By link")
        form.get_by_label("Or a link").fill("https://pictures.example/mars.jpg")
        form.get_by_label("Or a link").press("Enter")
        expect_kept(form, "mars.jpg")
        expect(form.locator("[data-announce]")).to_have_text("Image 1 is kept.")
        assert Style.objects.get().state == State.DRAFT
        assert form.get_by_label("Or a link").input_value() == ""

    def test_are_added_once_however_often_enter_is_pressed(
        self, form: Page, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, go_on, fetch = threading.Event(), threading.Event(), form_buttons.fetch_picture

        def slowly(link: object, *, directory: Path) -> object:
            begun.set()
            go_on.wait(10)
            return fetch(link, directory=directory)

        monkeypatch.setattr(form_buttons, "fetch_picture", slowly)
        drop(form, "a.jpg", "b.jpg")
        expect_kept(form, "a.jpg", "b.jpg")
        form.get_by_label("Style name").fill("Mars diary")
        form.get_by_label("Or a link").fill("https://pictures.example/mars.jpg")
        form.keyboard.press("Enter")
        form.keyboard.press("Enter")
        wait_until(begun.is_set)
        form.keyboard.press("Enter")
        go_on.set()
        expect_kept(form, "a.jpg", "b.jpg", "mars.jpg")
        expect(form.locator("[data-part=link] .error")).to_have_count(0)
        form.keyboard.press("Enter")
        expect(form.locator("[data-part=link] .error")).to_contain_text("All three slots are full")
        assert Style.objects.get().state == State.DRAFT

    def test_to_a_video_become_its_thumbnail(self, form: Page) -> None:
        form.get_by_label("Or a link").fill("youtube.com/shorts/dQw4w9WgXcQ?feature=share")
        form.get_by_role("button", name="Add picture").click()
        expect(slot(form, 1)).to_contain_text("dQw4w9WgXcQ · 640×360")

    def test_are_pasted_or_dropped_anywhere(self, form: Page) -> None:
        form.evaluate(PASTE, [[], "https://pictures.example/pasted.jpg"])
        expect(slot(form, 1)).to_contain_text("pasted.jpg")
        drop(form, on="h1", text="https://pictures.example/dropped.jpg")
        expect(slot(form, 2)).to_contain_text("dropped.jpg")

    def test_that_are_wrong_stay_to_be_mended(self, form: Page) -> None:
        field = form.get_by_label("Or a link")
        field.fill("http://pictures.example/mars.jpg")
        form.get_by_role("button", name="Add picture").click()
        expect(form.locator("[data-part=link] .error")).to_contain_text("https://")
        assert field.input_value() == "http://pictures.example/mars.jpg"
        field.fill("mars")
        field.press("Enter")
        expect(form.locator("[data-part=link] .error")).to_contain_text("not a web address")
        expect(form.locator(":focus")).to_have_attribute("name", "link")
        described = (field.get_attribute("aria-describedby") or "").split()
        assert any("error" in each for each in described)


class TestOrder:
    def test_is_changed_by_keyboard_and_said(self, form: Page) -> None:
        drop(form, "a.jpg", "b.jpg", "c.jpg")
        expect_kept(form, "a.jpg", "b.jpg", "c.jpg")
        form.get_by_role("button", name="Later image 1").press("Enter")
        expect(form.locator("[data-announce]")).to_have_text("Image 1 is now image 2.")
        expect_kept(form, "b.jpg", "a.jpg", "c.jpg")
        # The same key once more: the focus went along with the picture.
        expect(form.locator(":focus")).to_have_attribute("value", "later 2")
        form.keyboard.press("Enter")
        expect_kept(form, "b.jpg", "c.jpg", "a.jpg")
        expect(form.locator(":focus")).to_have_attribute("value", "earlier 3")

    def test_is_changed_by_dragging(self, form: Page) -> None:
        drop(form, "a.jpg", "b.jpg")
        expect_kept(form, "a.jpg", "b.jpg")
        form.evaluate(DROP, [[], "image-slot[data-slot='1']", [["application/x-slot", "2"]]])
        expect_kept(form, "b.jpg", "a.jpg")

    def test_removing_empties_the_slot_and_keeps_the_focus_there(self, form: Page) -> None:
        drop(form, "a.jpg", "b.jpg")
        expect_kept(form, "a.jpg", "b.jpg")
        form.get_by_role("button", name="Remove image 1").press("Enter")
        expect(form.locator("[data-announce]")).to_have_text("Image 1 removed.")
        expect(form.locator(":focus")).to_have_attribute("name", "image_1")
        assert Style.objects.get().filled() == {2}

    def test_a_picture_is_replaced(self, form: Page, tmp_path: Path) -> None:
        drop(form, "a.jpg", "b.jpg")
        expect_kept(form, "a.jpg", "b.jpg")
        form.locator("#id_image_1").set_input_files(written(tmp_path, "new.jpg"))
        expect_kept(form, "new.jpg", "b.jpg")


def test_a_free_name_is_taken_and_the_focus_goes_to_it(form: Page, make_style: MakeStyle) -> None:
    make_style("Mars", state=State.QUEUED)
    form.get_by_label("Style name").fill("mars")
    form.get_by_label("Style name").blur()
    form.get_by_role("button", name="mars 2").press("Enter")
    expect(form.locator(":focus")).to_have_attribute("name", "name")
    expect(form.get_by_label("Style name")).to_have_value("mars 2")


class TestTrouble:
    def test_a_lost_connection_keeps_the_picture_for_another_try(self, form: Page) -> None:
        form.route("**/styles/new/", lambda route: route.abort())
        drop(form, "a.jpg")
        expect(slot(form, 1)).to_contain_text("did not arrive: the connection was lost")
        form.unroute("**/styles/new/")
        form.get_by_role("button", name="Try again image 1").press("Enter")
        expect_kept(form, "a.jpg")

    def test_it_goes_on_by_itself_when_the_network_is_back(self, form: Page) -> None:
        form.context.set_offline(True)
        drop(form, "a.jpg")
        expect(slot(form, 1)).to_contain_text("the connection was lost")
        form.context.set_offline(False)
        expect_kept(form, "a.jpg")

    def test_what_the_server_does_not_take_is_said(self, form: Page) -> None:
        form.route("**/styles/new/", lambda route: route.fulfill(status=502, body="Bad gateway"))
        drop(form, "a.jpg")
        expect(slot(form, 1)).to_contain_text("the server did not take it")

    def test_a_file_that_is_no_picture_stays_named_while_others_arrive(
        self, form: Page, tmp_path: Path
    ) -> None:
        party = tmp_path / "party.pdf"
        party.write_bytes(b"%PDF-1.4")
        form.locator("#id_image_2").set_input_files(party)
        error = slot(form, 2).locator(".error")
        expect(error).to_contain_text("“party.pdf”")
        drop(form, "a.jpg", on="image-slot[data-slot='1']")
        expect(slot(form, 1)).to_contain_text("640×360")
        expect(form.locator("[data-announce]")).to_have_text("Image 1 is kept.")
        form.get_by_role("button", name="Save for later").click()
        expect(form.locator("[data-announce]")).to_contain_text("Saved.")
        expect(error).to_contain_text("“party.pdf”")
        drop(form, "b.jpg", on="image-slot[data-slot='2']")
        expect(slot(form, 2)).to_contain_text("640×360")
        expect(error).to_have_count(0)

    def test_a_form_that_was_answered_with_errors_shows_what_arrives(self, form: Page) -> None:
        form.get_by_label("Style name").fill("Mars diary")
        form.get_by_role("button", name="Create style").click()
        expect(form).to_have_title(re.compile("^Error: "))
        expect(form).to_have_url(re.compile("/edit/$"))
        drop(form, "a.jpg", "b.jpg", "c.jpg")
        expect_kept(form, "a.jpg", "b.jpg", "c.jpg")
        # All three crossed each other, so that the page is brought up to date once more.
        expect(form.locator("[data-busy]")).to_have_count(0)
        form.reload()
        expect(form).to_have_title(re.compile("^New style"))
        assert Style.objects.get().state == State.DRAFT

    def test_a_wrong_name_is_tied_to_its_field_and_said(self, form: Page) -> None:
        name = form.get_by_label("Style name")
        name.fill("Café")
        name.blur()
        expect(form.locator("[data-announce]")).to_contain_text("change “é”")
        expect(name).to_have_attribute("aria-invalid", "true")
        described = (name.get_attribute("aria-describedby") or "").split()
        assert all(form.locator(f"#{each}").count() == 1 for each in described)
        name.fill("Cafe")
        name.blur()
        expect(form.locator("#name-remarks .error")).to_have_count(0)
        expect(name).not_to_have_attribute("aria-invalid", "true")

    def test_an_upload_is_called_off(self, form: Page) -> None:
        holding(form, "**/styles/new/", threading.Event())
        drop(form, "a.jpg")
        expect(slot(form, 1).locator("progress")).to_be_visible()
        form.get_by_role("button", name="Cancel image 1").press("Enter")
        expect(form.locator(":focus")).to_have_attribute("name", "image_1")
        expect(slot(form, 1)).to_contain_text("Choose a picture")
        assert not Style.objects.exists()

    def test_a_file_that_is_no_picture_is_named_beside_its_slot(
        self, form: Page, tmp_path: Path
    ) -> None:
        party = tmp_path / "party.png"
        party.write_bytes(b"not a picture")
        form.locator("#id_image_2").set_input_files(party)
        expect(slot(form, 2).locator(".error")).to_contain_text("“party.png”")
        expect(form.locator("[data-announce]")).to_contain_text("party.png")

    def test_a_wrong_name_costs_no_picture(self, form: Page) -> None:
        drop(form, "a.jpg", "b.jpg", "c.jpg")
        expect_kept(form, "a.jpg", "b.jpg", "c.jpg")
        form.get_by_label("Style name").fill("Café")
        form.get_by_role("button", name="Create style").click()
        expect(form).to_have_title(re.compile("^Error: "))
        expect_kept(form, "a.jpg", "b.jpg", "c.jpg")
        form.get_by_label("Style name").fill("Cafe")
        form.get_by_role("button", name="Create style").click()
        expect(form.locator("main")).to_have_attribute("data-style-state", State.QUEUED)

    def test_a_closed_tab_costs_nothing(self, form: Page, live_server: LiveServer) -> None:
        form.get_by_label("Style name").fill("Mars diary")
        drop(form, "a.jpg", "b.jpg")
        expect_kept(form, "a.jpg", "b.jpg")
        again = form.context.new_page()
        form.close()
        again.goto(f"{live_server.url}/styles/new/")
        again.get_by_role("link", name="Mars diary").click()
        expect_kept(again, "a.jpg", "b.jpg")
        assert again.get_by_label("Style name").input_value() == "Mars diary"

    def test_being_signed_out_is_said_and_mended(self, form: Page, alice: User) -> None:
        drop(form, "a.jpg")
        expect_kept(form, "a.jpg")
        form.context.clear_cookies(name="sessionid")
        form.get_by_role("button", name="Remove image 1").press("Enter")
        expect(form.get_by_role("alert").filter(has_text="signed out")).to_be_visible()
        # In another tab; from then on forms need another token.
        form.context.clear_cookies()
        session = browser_of(alice).cookies["sessionid"].value
        form.context.add_cookies([{"name": "sessionid", "value": session, "url": form.url}])
        form.get_by_role("button", name="Remove image 1").press("Enter")
        expect(form.locator("[data-announce]")).to_have_text("Image 1 removed.")


class TestSending:
    def test_an_answer_that_comes_late_takes_no_picture_off_the_page(self, form: Page) -> None:
        go_on = threading.Event()
        form.get_by_label("Style name").fill("Mars")
        form.get_by_label("Style name").blur()
        expect(form.get_by_text("Draft saved")).to_be_visible()
        # The name's own request is answered now, and its answer arrives after the pictures.
        answers: list[tuple[Route, APIResponse]] = []

        def handle(route: Route) -> None:
            body = route.request.post_data_buffer or b""
            if b"filename" in body or go_on.is_set():
                route.continue_()
            else:
                answers.append((route, route.fetch()))

        form.route("**/edit/", handle)
        form.get_by_label("Style name").fill("Mars diary")
        form.get_by_label("Style name").blur()
        form.wait_for_timeout(300)
        drop(form, "a.jpg", "b.jpg", "c.jpg")
        expect_kept(form, "a.jpg", "b.jpg", "c.jpg")
        assert answers
        go_on.set()
        for route, answer in answers:
            route.fulfill(response=answer)
        form.wait_for_timeout(300)
        expect_kept(form, "a.jpg", "b.jpg", "c.jpg")
        form.get_by_role("button", name="Create style").click()
        expect(form.locator("main")).to_have_attribute("data-style-state", State.QUEUED)

    def test_waits_for_the_pictures_that_are_on_their_way(self, form: Page) -> None:
        form.get_by_label("Style name").fill("Mars diary")
        form.get_by_label("Style name").blur()
        expect(form.get_by_text("Draft saved")).to_be_visible()
        go_on = threading.Event()
        held = holding(form, "**/edit/", go_on)
        drop(form, "a.jpg", "b.jpg", "c.jpg")
        expect(slot(form, 3).locator("progress")).to_be_visible()
        form.get_by_role("button", name="Create style").dblclick()
        expect(form.get_by_text("Waiting for the pictures to arrive.")).to_be_visible()
        go_on.set()
        for route in held:
            route.continue_()
        expect(form.locator("main")).to_have_attribute("data-style-state", State.QUEUED)
        assert Style.objects.get().filled() == {1, 2, 3}

    def test_a_double_click_makes_one_style(self, form: Page) -> None:
        form.get_by_label("Style name").fill("Mars diary")
        drop(form, "a.jpg", "b.jpg", "c.jpg")
        expect_kept(form, "a.jpg", "b.jpg", "c.jpg")
        form.get_by_role("button", name="Create style").dblclick()
        expect(form.locator("main")).to_have_attribute("data-style-state", State.QUEUED)
        assert Style.objects.count() == 1
        assert Style.objects.get().events.count() == 1

    def test_a_form_that_was_sent_from_another_tab_leads_to_its_style(
        self, form: Page, alice: User
    ) -> None:
        form.get_by_label("Style name").fill("Mars diary")
        drop(form, "a.jpg", "b.jpg", "c.jpg")
        expect_kept(form, "a.jpg", "b.jpg", "c.jpg")
        style = Style.objects.get()
        assert style.submit(alice)
        form.get_by_role("button", name="Remove image 1").press("Enter")
        form.wait_for_url(f"**{style.get_absolute_url()}")
        assert style.filled() == {1, 2, 3}


class TestWithoutJavaScript:
    @pytest.fixture
    def plain(self, browser: Browser, client: Client, live_server: LiveServer) -> Iterator[Page]:
        context = browser.new_context(java_script_enabled=False)
        session = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        page.goto(f"{live_server.url}/styles/new/")
        yield page
        context.close()

    def test_the_whole_flow_works(self, plain: Page, tmp_path: Path) -> None:
        paths = written(tmp_path, "a.jpg", "b.jpg", "c.jpg")
        plain.get_by_label("Style name").fill("Café")
        for number, path in enumerate(paths[:2], start=1):
            plain.locator(f"#id_image_{number}").set_input_files(path)
        plain.get_by_role("button", name="Create style").click()
        expect(plain.get_by_role("alert")).to_contain_text("There is a problem")
        expect(plain.get_by_role("alert")).to_contain_text("Choose image 3")
        expect_kept(plain, "a.jpg", "b.jpg")
        plain.get_by_label("Style name").fill("Cafe")
        plain.locator("#id_image_3").set_input_files(paths[2])
        plain.get_by_role("button", name="Later image 1").click()
        expect_kept(plain, "b.jpg", "a.jpg", "c.jpg")
        expect(plain.locator(".message")).to_contain_text("Image 1 is now image 2.")
        plain.get_by_role("button", name="Create style").click()
        expect(plain.locator("main")).to_have_attribute("data-style-state", State.QUEUED)
        assert Style.objects.get().name == "Cafe"

    def test_a_draft_is_saved_for_later(self, plain: Page, tmp_path: Path) -> None:
        plain.locator("#id_image_1").set_input_files(written(tmp_path, "a.jpg"))
        plain.get_by_role("button", name="Save for later").click()
        expect_kept(plain, "a.jpg")
        assert plain.url.endswith(Style.objects.get().address("edit"))


def test_each_step_is_seen_in_forced_colours(form: Page) -> None:
    form.emulate_media(forced_colors="active")
    drop(form, "a.jpg")
    expect_kept(form, "a.jpg")
    form.route("**/edit/", lambda route: route.abort())
    drop(form, "b.jpg")
    expect(slot(form, 2)).to_contain_text("did not arrive")
    for frame in form.locator("image-slot .frame").all():
        assert frame.evaluate("e => parseFloat(getComputedStyle(e).borderTopWidth)") >= 2
    form.locator("#id_image_3").focus()
    ring = "e => getComputedStyle(e.parentElement.querySelector('.frame')).outlineStyle"
    assert form.locator("#id_image_3").evaluate(ring) == "solid"
    if KEEPING_PICTURES:
        picture(form, "form-forced-colours")


def test_a_picture_that_was_cancelled_too_late_is_shown_before_it_is_paid_for(
    form: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it had left: the server keeps it, while the page shows an empty slot."""
    last, real = threading.Event(), forms.accept

    def slowly(*args: object, name: str, **options: object) -> object:
        if name == "late.jpg":
            last.wait(10)
        return real(*args, name=name, **options)

    monkeypatch.setattr(forms, "accept", slowly)
    slots = [form.locator(f"image-slot[data-slot='{n}']") for n in (1, 2, 3)]
    name = form.get_by_label("Style name")
    name.fill("Mars diary")
    # Kept now, and not when the name loses the focus to Cancel: that answer would show the picture.
    with form.expect_response(lambda answer: answer.request.method == "POST"):
        name.blur()
    one, two, late = written(tmp_path, "one.jpg", "two.jpg", "late.jpg")
    for slot, path in zip(slots[:2], (one, two), strict=True):
        slot.locator("input[type=file]").set_input_files(path)
        expect(slot.locator(".slot-info")).to_contain_text("640×360")
    slots[2].locator("input[type=file]").set_input_files(late)
    expect(slots[2].locator(".slot-info")).to_contain_text("Looking at it")
    # Nor does the page look again.
    form.route(
        "**/edit/",
        lambda route: route.abort() if route.request.method == "GET" else route.continue_(),
    )
    slots[2].get_by_role("button", name="Cancel").click()
    last.set()
    wait_until(lambda: Style.objects.get().filled() == {1, 2, 3})
    form.locator("aside button.primary").click()
    expect(form.get_by_text("The style was changed meanwhile")).to_be_visible()
    form.unroute("**/edit/")
    expect(slots[2].locator("img")).to_be_visible()
    assert Style.objects.get().state == State.DRAFT
    form.locator("aside button.primary").click()
    form.wait_for_url(re.compile(r"/styles/[-\w]{36}/$"))
    assert Style.objects.get().state == State.QUEUED
