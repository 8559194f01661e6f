"""What Django and django-allauth say by themselves, in the words of this product."""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import allauth
import django
import pytest
from allauth.account.adapter import get_adapter
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as translated
from django.utils.translation import ngettext

from teams.account_forms import ChangePassword, SignIn
from teams.models import User

from .wording import banned_words

CATALOGUE = Path(__file__).parents[1] / "locale" / "en_GB" / "LC_MESSAGES"
DJANGO, ALLAUTH = Path(django.__file__).parent, Path(allauth.__file__).parent
ENTRY = re.compile(r'^(msgid|msgid_plural|msgstr|msgstr\[(\d)\]) (".*"(?:\n".*")*)$', re.MULTILINE)
# Nobody reads these here: pages of which we have our own, and of what is not switched on.
NOT_SHOWN = (
    "views/csrf.py",
    "views/templates/",
    "contrib/admin/templates/registration/password_reset",
    "templates/",
    "socialaccount/",
)
PUNCTUATION = ":?.!"


def entries(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the comments and the strings of each message of a .po file."""
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        strings = {
            match[1]: "".join(ast.literal_eval(line) for line in match[3].splitlines())
            for match in ENTRY.finditer(block)
        }
        if strings.get("msgid"):
            yield block.partition("msgid")[0], strings


def said_by(package: Path, *, folder: str = "locale") -> list[tuple[str, str]]:
    """Return the messages of a package that people can come to read, with their plurals."""
    return [
        (strings["msgid"], strings.get("msgid_plural", ""))
        for comments, strings in entries(package / folder / "en" / "LC_MESSAGES" / "django.po")
        if not any(place in comments for place in NOT_SHOWN)
    ]


def test_the_compiled_catalogue_is_what_the_readable_one_says() -> None:
    """To write it anew: msgfmt --check -o django.mo django.po"""
    readable: dict[object, str] = {}
    for _, strings in entries(CATALOGUE / "django.po"):
        key = strings["msgid"]
        plurals = {name: text for name, text in strings.items() if name.startswith("msgstr[")}
        readable |= {(key, int(name[7])): text for name, text in plurals.items()}
        if not plurals:
            readable[key] = strings["msgstr"]
    with (CATALOGUE / "django.mo").open("rb") as file:
        compiled = dict(vars(gettext.GNUTranslations(file))["_catalog"])
    compiled.pop("")
    assert compiled == readable


def test_every_message_is_put_into_our_words_once() -> None:
    found = [strings["msgid"] for _, strings in entries(CATALOGUE / "django.po")]
    assert len(found) == len(set(found)) > 50


def test_no_message_is_left_over_from_an_older_version() -> None:
    known = {
        strings["msgid"]
        for path in (
            DJANGO / "conf/locale",
            DJANGO / "contrib/admin/locale",
            DJANGO / "contrib/auth/locale",
            ALLAUTH / "locale",
        )
        for _, strings in entries(path / "en" / "LC_MESSAGES" / "django.po")
    }
    ours = {strings["msgid"] for _, strings in entries(CATALOGUE / "django.po")}
    assert ours <= known


@pytest.mark.parametrize(
    ("package", "folder"),
    [
        (DJANGO, "conf/locale"),
        (DJANGO, "contrib/admin/locale"),
        (DJANGO, "contrib/auth/locale"),
        (DJANGO, "contrib/contenttypes/locale"),
        (DJANGO, "contrib/sessions/locale"),
        (ALLAUTH, "locale"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_no_package_speaks_in_words_that_we_do_not_use(package: Path, folder: str) -> None:
    wrong = {
        text
        for one, many in said_by(package, folder=folder)
        for text in ({ngettext(one, many, n) for n in (1, 2)} if many else {translated(one)})
        if banned_words(text) and text != PUNCTUATION
    }
    assert wrong == set()


def test_django_allauths_errors_use_our_words() -> None:
    for adapter in (get_adapter(), get_mfa_adapter()):
        for text in adapter.error_messages.values():
            assert banned_words(str(text)) == []


@pytest.mark.parametrize(
    ("field", "typed", "message"),
    [
        (forms.CharField(), "", "Fill this in"),
        (forms.EmailField(), "alice", "Enter an e-mail address such as name@example.com"),
        (
            forms.URLField(assume_scheme="https"),
            "http://",
            "Enter a web address such as https://example.com",
        ),
        (forms.DateField(), "soon", "Enter a date such as 2026-11-22"),
        (forms.ChoiceField(choices=[("a", "A")]), "b", "Choose one of the options: b is not"),
        (forms.IntegerField(), "three", "Enter a whole number"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_field_says_what_to_enter(field: forms.Field, typed: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        field.clean(typed)
    assert caught.value.messages[0].startswith(message)


def test_dates_are_taken_as_the_message_shows_them() -> None:
    assert forms.DateField().clean("2026-11-22").day == 22
    assert forms.DateTimeField().clean("2026-11-22 14:30").minute == 30
    assert forms.TimeField().clean("14:30").minute == 30


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("k9-qz-and-more", "Password must have 15 characters or more"),
        ("manchesterunited", "Password must not be one that many people use"),
        ("730182645193018", "Password must have more than digits in it"),
        ("alice@example.com", "Password must be less like the e-mail address"),
        ("Alexandra Mustermann", "Password must be less like the name"),
        ("lamp " * 820, "Password must have 4,096 characters or fewer"),
    ],
)
def test_a_weak_password_is_described(password: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        validate_password(password, User(email="alice@example.com", name="Alexandra Mustermann"))
    assert caught.value.messages == [message]


def test_the_forms_of_django_allauth_use_them_too(alice: User) -> None:
    empty = {"login": ["Enter your e-mail address"], "password": ["Enter your password"]}
    assert SignIn({}).errors == empty
    changed = ChangePassword(alice, {"oldpassword": "wrong", "password1": "", "password2": ""})
    assert changed.errors["oldpassword"] == ["This is not your current password"]
