"""Mails of a server that has no mail server: kept, and shown to whoever runs it alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection
from django.test import Client

from teams.mails import KEPT, KEPT_NOTICES, kept_mails, kept_notices
from teams.models import User

from .conftest import PASSWORD, browser_of


@pytest.fixture(autouse=True)
def no_mail_server(settings: LazySettings) -> None:
    settings.EMAIL_BACKEND = "teams.mails.KeptMails"


@pytest.fixture
def owner(alice: User) -> Client:
    """Alice, who set the server up."""
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    return browser_of(alice)


def write(subject: str, body: str = "Hello", to: str = "bob@example.com") -> None:
    EmailMessage(subject, body, "from@example.com", [to]).send()


def test_are_kept_for_this_server_alone(settings: LazySettings) -> None:
    write("One")
    (file,) = Path(settings.MAIL_DIR).iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_are_written_to_the_terminal_too(capsys: pytest.CaptureFixture[str]) -> None:
    write("One", "Follow the link")
    assert "Follow the link" in capsys.readouterr().out


def test_come_back_as_they_were_newest_first() -> None:
    write("One", "Grüße aus Köln\n" + "x" * 120)
    write("Two", "", "carol@example.com")
    two, one = kept_mails()
    assert (two.to, two.subject, two.body.strip()) == ("carol@example.com", "Two", "")
    assert one.body.rstrip("\n") == "Grüße aus Köln\n" + "x" * 120
    assert one.sent_at < two.sent_at


def test_the_plain_words_are_shown_of_one_that_has_two_forms() -> None:
    message = EmailMultiAlternatives("Both", "Plain words", "from@example.com", ["b@example.com"])
    message.attach_alternative("<p>Marked up</p>", "text/html")
    message.send()
    assert kept_mails()[0].body.strip() == "Plain words"


def test_the_oldest_go_when_there_are_too_many(settings: LazySettings) -> None:
    messages = [
        EmailMessage(f"Mail {n}", "", "from@example.com", ["b@example.com"])
        for n in range(KEPT + 2)
    ]
    assert get_connection().send_messages(messages) == KEPT + 2
    subjects = [each.subject for each in kept_mails()]
    assert subjects == [f"Mail {n}" for n in range(KEPT + 1, 1, -1)]
    assert len([*Path(settings.MAIL_DIR).iterdir()]) == KEPT


def test_notices_push_out_no_link_that_is_to_be_passed_on() -> None:
    write("A link to sign in")
    for n in range(KEPT + 2):
        notice = {"Auto-Submitted": "auto-generated"}
        EmailMessage(f"Ready {n}", "", "from@example.com", ["b@example.com"], headers=notice).send()
    assert [each.subject for each in kept_mails()] == ["A link to sign in"]
    newest = [f"Ready {n}" for n in range(KEPT + 1, KEPT + 1 - KEPT_NOTICES, -1)]
    assert [each.subject for each in kept_notices()] == newest


def test_a_header_cannot_be_smuggled_in(db: None) -> None:
    with pytest.raises(ValueError, match="newlines"):
        write("One\nBcc: eve@example.com")
    assert kept_mails() == []


class TestPage:
    def test_is_linked_from_the_team_for_whoever_runs_the_server(
        self, owner: Client, bob: User
    ) -> None:
        assert 'href="/team/mails/"' in owner.get("/team/").content.decode()
        assert 'href="/team/mails/"' not in browser_of(bob).get("/team/").content.decode()

    def test_says_so_when_there_are_none(self, owner: Client) -> None:
        page = owner.get("/team/mails/")
        assert page.status_code == 200
        assert "There are none." in page.content.decode()

    def test_a_link_to_a_new_password_can_be_passed_on(self, owner: Client, bob: User) -> None:
        Client().post("/accounts/password/reset/", {"email": bob.email})
        html = owner.get("/team/mails/").content.decode()
        assert "A new password" in html
        link = re.search(r'href="http://127[^/]+(/accounts/password/reset/key/[^"]+)"', html)
        assert link
        browser = Client()
        where = browser.get(link[1], follow=True).redirect_chain[-1][0]
        new = "three slides and a lamp"
        browser.post(where, {"password1": new, "password2": new})
        bob.refresh_from_db()
        assert bob.check_password(new)
        assert not bob.check_password(PASSWORD)

    def test_markup_in_a_mail_is_shown_as_it_was_written(self, owner: Client) -> None:
        write("<script>alert(1)</script>", "<img src=x> http://example.com/?a=1&b=2")
        html = owner.get("/team/mails/").content.decode()
        assert "<script>alert" not in html
        assert "<img src=x>" not in html

    def test_shows_notices_apart(self, owner: Client) -> None:
        notice = {"Auto-Submitted": "auto-generated"}
        EmailMessage(
            "Mars: Ready", "It is", "a@example.com", ["b@example.com"], headers=notice
        ).send()
        html = owner.get("/team/mails/").content.decode()
        assert html.index("There are none.") < html.index("1 notice") < html.index("Mars: Ready")

    def test_is_not_kept_by_the_browser(self, owner: Client) -> None:
        assert "no-store" in owner.get("/team/mails/").headers["Cache-Control"]

    def test_is_not_there_for_anybody_else(self, alice: User, bob: User, charlie: User) -> None:
        """An owner of a team could take over other accounts with it, also of other teams."""
        write("One", "Secret link")
        for each in (alice, bob, charlie):
            page = browser_of(each).get("/team/mails/")
            assert page.status_code == 404
            assert "Secret link" not in page.content.decode()
        User.objects.filter(pk=bob.pk).update(is_staff=True)
        assert browser_of(bob).get("/team/mails/").status_code == 404
