"""Passkeys: added, used and removed with a device in software; a browser does it in e2e/."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.conf import LazySettings
from django.core import mail
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.test import Client, RequestFactory
from fido2.utils import websafe_decode, websafe_encode
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from teams import passkeys
from teams.models import Membership, User

from .conftest import PASSWORD
from .device import Device
from .test_pages import problems_of
from .wording import banned_words, visible_text

LOGIN = "/accounts/login/"
INDEX = "/accounts/2fa/"
KEYS = f"{INDEX}webauthn/"
ADD, SIGN_IN, CONFIRM = f"{KEYS}add/", f"{KEYS}login/", f"{KEYS}reauthenticate/"
SECOND_STEP = f"{INDEX}authenticate/"
NOT_TAKEN = "The passkey was not taken"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/143.0.0.0 Safari/537.36"


def visitor(**extra: Any) -> Client:
    return Client(SERVER_NAME="localhost", HTTP_USER_AGENT=CHROME, **extra)


def signed_in(user: User) -> Client:
    """Return a browser whose person has just given their password once more."""
    client = visitor()
    client.force_login(user)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def question(client: Client, path: str) -> dict[str, Any]:
    """Return what a page would have the browser ask the device."""
    response = client.get(path)
    assert problems_of(response.content.decode()) == []
    (asked,) = response.context["js_data"].values()
    return plain(asked)


def plain(asked: Any) -> dict[str, Any]:
    return json.loads(json.dumps(asked, cls=DjangoJSONEncoder, default=dict))


def ask_to_sign_in(client: Client) -> dict[str, Any]:
    return client.get(SIGN_IN, headers={"Accept": "application/json"}).json()["request_options"]


def post(client: Client, path: str, credential: object, **data: str) -> Any:
    return client.post(path, {"credential": json.dumps(credential), **data})


def add(client: Client, device: Device, name: str = "Phone") -> Any:
    answer = device.register(question(client, ADD))
    return post(client, ADD, answer, name=name, passwordless="on")


@pytest.fixture
def device(alice: User) -> Device:
    """A device that Alice has added."""
    device = Device()
    assert add(signed_in(alice), device).status_code == 302
    return device


def is_in(client: Client) -> bool:
    return client.get("/").status_code == 200


class TestAdding:
    def test_needs_the_password_once_more(self, alice: User) -> None:
        client = visitor()
        client.force_login(alice)
        assert client.get(ADD).url.startswith("/accounts/reauthenticate/?next=")

    def test_gives_recovery_codes_with_the_first(self, alice: User) -> None:
        client = signed_in(alice)
        assert add(client, Device()).url == f"{INDEX}recovery-codes/"
        assert add(client, Device(), "Laptop").url == INDEX
        text = visible_text(client.get(INDEX).content.decode())
        assert "You have 2: Phone, Laptop" in text

    def test_is_told_by_mail(self, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transaction, "on_commit", lambda callback: callback())
        client = signed_in(alice)
        add(client, Device())
        row = Authenticator.objects.get(type="webauthn")
        client.post(f"{KEYS}keys/{row.pk}/remove/")
        subjects = [each.subject for each in mail.outbox]
        assert subjects == ["A passkey was added", "A passkey was removed"]
        for each in mail.outbox:
            assert banned_words(each.subject + each.body) == []
            assert "Chrome on Linux" in each.body

    def test_offers_the_browsers_name(self, alice: User) -> None:
        client = signed_in(alice)
        assert 'value="Chrome on Linux"' in client.get(ADD).content.decode()
        add(client, Device())
        assert 'value="Chrome on Linux (2)"' in client.get(ADD).content.decode()

    def test_keeps_the_public_key_and_nothing_that_somebody_slipped_in(self, alice: User) -> None:
        client = signed_in(alice)
        answer = Device().register(question(client, ADD)) | {"more": "\0 odd"}
        answer["response"]["odd"] = "x"
        post(client, ADD, answer, name="Phone", passwordless="on")
        kept = Authenticator.objects.get(type="webauthn").data
        assert "odd" not in json.dumps(kept)
        assert kept["credential"]["response"].keys() == {"clientDataJSON", "attestationObject"}

    def test_asks_for_one_that_its_person_unlocks_and_that_is_found_without_a_name(
        self, alice: User
    ) -> None:
        client = signed_in(alice)
        options = question(client, ADD)["publicKey"]
        assert options["authenticatorSelection"]["userVerification"] == "required"
        assert (options["rp"]["id"], options["rp"]["name"]) == ("localhost", "Pikzels UI")
        assert "checked hidden" in client.get(ADD).content.decode()
        locked = add(client, Device(unlocks=False))
        assert (locked.status_code, NOT_TAKEN in locked.content.decode()) == (422, True)

    @pytest.mark.parametrize(
        ("name", "message"),
        [("", "Enter a name"), ("N" * 61, "60 characters or fewer"), ("a\0b", "Type it once more")],
    )
    def test_takes_a_name_that_can_be_read(self, alice: User, name: str, message: str) -> None:
        client = signed_in(alice)
        page = add(client, Device(), name)
        assert page.status_code == 422
        html = page.content.decode()
        assert problems_of(html) == []
        assert message in html and "<title>Error: " in html

    def test_takes_each_answer_once(self, alice: User) -> None:
        client = signed_in(alice)
        answer = Device().register(question(client, ADD))
        assert post(client, ADD, answer, name="One").status_code == 302
        assert post(client, ADD, answer, name="Two").status_code == 422
        assert Authenticator.objects.filter(type="webauthn").count() == 1


class TestSigningIn:
    def test_takes_no_password(self, alice: User, device: Device) -> None:
        client = visitor()
        response = post(client, SIGN_IN, device.sign(ask_to_sign_in(client)))
        assert (response.status_code, response.url) == (302, "/")
        assert is_in(client)
        assert client.session.get_expire_at_browser_close()

    def test_goes_on_to_where_one_wanted_to_go_and_nowhere_else(
        self, alice: User, device: Device
    ) -> None:
        for wanted, there in {"/team/": "/team/", "https://evil.example/": "/"}.items():
            client = visitor()
            answer = device.sign(ask_to_sign_in(client))
            assert post(client, SIGN_IN, answer, next=wanted).url == there

    def test_begins_a_new_session(self, alice: User, device: Device) -> None:
        """Whoever knew the visitor's cookie knows nothing of who signs in with it."""
        client = visitor()
        options = ask_to_sign_in(client)
        before = client.session.session_key
        post(client, SIGN_IN, device.sign(options))
        assert client.session.session_key != before

    def test_says_when_a_passkey_is_not_known_here_and_keeps_where_to_go(
        self, alice: User, device: Device
    ) -> None:
        client, strange = visitor(), Device()
        strange.user_handle = device.user_handle
        answer = strange.sign(ask_to_sign_in(client))
        page = client.post(
            SIGN_IN, {"credential": json.dumps(answer), "next": "/team/"}, follow=True
        )
        assert page.redirect_chain == [(f"{LOGIN}?next=%2Fteam%2F", 302)]
        assert NOT_TAKEN in page.content.decode()
        assert not is_in(client)

    def test_says_the_same_of_people_that_there_are_and_are_not(
        self, alice: User, device: Device
    ) -> None:
        found = []
        for handle in (device.user_handle, b"999999", b"\xff", b"1" * 40, b"-1"):
            client, strange = visitor(), Device()
            strange.user_handle = handle
            answer = strange.sign(ask_to_sign_in(client))
            page = client.post(SIGN_IN, {"credential": json.dumps(answer)}, follow=True)
            found.append((page.redirect_chain, visible_text(page.content.decode())))
        assert all(each == found[0] for each in found)

    def test_takes_each_answer_once(self, alice: User, device: Device) -> None:
        client = visitor()
        answer = device.sign(ask_to_sign_in(client))
        post(client, SIGN_IN, answer)
        client.post("/accounts/logout/")
        assert post(client, SIGN_IN, answer).url == LOGIN
        other = visitor()
        ask_to_sign_in(other)
        assert post(other, SIGN_IN, answer).url == LOGIN
        assert not is_in(client) and not is_in(other)

    def test_takes_no_answer_that_was_given_to_another_site(
        self, alice: User, device: Device
    ) -> None:
        client = visitor()
        device.origin = "https://evil.example"
        assert post(client, SIGN_IN, device.sign(ask_to_sign_in(client))).url == LOGIN
        device.origin = "http://localhost"
        options = ask_to_sign_in(client)
        options["publicKey"]["rpId"] = "evil.example"
        assert post(client, SIGN_IN, device.sign(options)).url == LOGIN

    def test_takes_no_device_that_was_not_unlocked(self, alice: User, device: Device) -> None:
        device.flags = 1
        client = visitor()
        assert post(client, SIGN_IN, device.sign(ask_to_sign_in(client))).url == LOGIN

    def test_takes_a_found_device_not_even_by_way_of_another_account(
        self, alice: User, bob: User, device: Device
    ) -> None:
        """What was asked after Bob's password is answered with Alice's device, not unlocked."""
        add(signed_in(bob), Device())
        client = visitor()
        client.post(LOGIN, {"login": bob.email, "password": PASSWORD})
        options = question(client, SECOND_STEP)
        device.flags = 1
        post(client, SIGN_IN, device.sign(options))
        assert not is_in(client)

    def test_does_not_let_in_who_is_switched_off(self, alice: User, device: Device) -> None:
        User.objects.filter(pk=alice.pk).update(is_active=False)
        client = visitor()
        page = client.post(
            SIGN_IN,
            {"credential": json.dumps(device.sign(ask_to_sign_in(client)))},
            follow=True,
        )
        assert "Account switched off" in page.content.decode()
        assert not page.wsgi_request.user.is_authenticated

    def test_shows_somebody_without_a_team_that_they_are_on_none(
        self, alice: User, device: Device
    ) -> None:
        Membership.objects.all().delete()
        client = visitor()
        post(client, SIGN_IN, device.sign(ask_to_sign_in(client)))
        assert client.get("/").status_code == 403

    def test_makes_nobody_an_account(self, alice: User, device: Device) -> None:
        alice.delete()
        client = visitor()
        assert post(client, SIGN_IN, device.sign(ask_to_sign_in(client))).url == LOGIN
        assert not User.objects.exists()

    def test_without_javascript_is_explained(self, alice: User) -> None:
        page = visitor().post(SIGN_IN, {"credential": ""}, follow=True)
        assert "Passkeys need JavaScript" in page.content.decode()


class TestAfterThePassword:
    @pytest.fixture
    def halfway(self, alice: User, device: Device) -> Client:
        client = visitor()
        page = client.post(LOGIN, {"login": alice.email, "password": PASSWORD}, follow=True)
        assert page.redirect_chain == [(SECOND_STEP, 302)]
        return client

    def test_it_is_the_second_step(self, halfway: Client, device: Device) -> None:
        assert not is_in(halfway)
        assert post(halfway, SECOND_STEP, device.sign(question(halfway, SECOND_STEP))).url == "/"
        assert is_in(halfway)

    def test_a_wrong_one_is_told_on_the_page(self, halfway: Client) -> None:
        page = post(halfway, SECOND_STEP, Device().sign(question(halfway, SECOND_STEP)))
        html = page.content.decode()
        assert (page.status_code, NOT_TAKEN in html) == (422, True)
        assert "<title>Error: " in html and "There is a problem" in html
        assert problems_of(html) == []

    def test_a_recovery_code_does_as_well(self, halfway: Client, alice: User) -> None:
        page = halfway.get(SECOND_STEP).content.decode()
        assert "Recovery code" in page and "from the app" not in page
        codes = alice.authenticator_set.get(type="recovery_codes").wrap().get_unused_codes()
        halfway.post(SECOND_STEP, {"code": codes[0]})
        assert is_in(halfway)

    def test_five_tries_are_all(self, halfway: Client, device: Device) -> None:
        for _ in range(5):
            assert post(halfway, SECOND_STEP, {"rawId": "x", "response": {}}).status_code == 422
            post(halfway, SECOND_STEP, Device().sign(question(halfway, SECOND_STEP)))
        page = post(halfway, SECOND_STEP, device.sign(question(halfway, SECOND_STEP)))
        assert page.status_code == 429
        assert not is_in(halfway)


class TestConfirming:
    def test_it_is_as_good_as_the_password(self, alice: User, device: Device) -> None:
        client = visitor()
        post(client, SIGN_IN, device.sign(ask_to_sign_in(client)))
        assert client.get(ADD).status_code == 302
        answer = device.sign(question(client, f"{CONFIRM}?next={ADD}"))
        assert post(client, CONFIRM, answer, next=ADD).url == ADD
        assert client.get(ADD).status_code == 200

    def test_a_wrong_one_asks_once_more(self, alice: User, device: Device) -> None:
        client = visitor()
        client.force_login(alice)
        answer = Device().sign(question(client, CONFIRM))
        page = client.post(CONFIRM, {"credential": json.dumps(answer), "next": ADD}, follow=True)
        assert page.redirect_chain == [(f"{CONFIRM}?next={ADD.replace('/', '%2F')}", 302)]
        assert NOT_TAKEN in page.content.decode()
        assert client.get(ADD).status_code == 302

    def test_is_offered_beside_the_password(self, alice: User, device: Device) -> None:
        client = visitor()
        client.force_login(alice)
        page = client.get(ADD, follow=True).content.decode()
        assert "Use a passkey" in page and CONFIRM in page


class TestRenamingAndRemoving:
    def test_one_gets_another_name(self, alice: User, device: Device) -> None:
        client = signed_in(alice)
        path = f"{KEYS}keys/{Authenticator.objects.get(type='webauthn').pk}/edit/"
        assert client.post(path, {"name": ""}).status_code == 422
        assert "Enter a name for the passkey" in client.post(path, {"name": ""}).content.decode()
        assert client.post(path, {"name": "<b>Tablet</b>"}).status_code == 302
        assert "&lt;b&gt;Tablet&lt;/b&gt;" in client.get(KEYS).content.decode()

    def test_one_that_is_removed_lets_nobody_in(self, alice: User, device: Device) -> None:
        client = signed_in(alice)
        path = f"{KEYS}keys/{Authenticator.objects.get(type='webauthn').pk}/remove/"
        html = client.get(path).content.decode()
        assert "Remove “Phone”?" in html and problems_of(html) == []
        assert client.post(path).url == KEYS
        assert "You have none." in client.get(KEYS).content.decode()
        other = visitor()
        assert post(other, SIGN_IN, device.sign(ask_to_sign_in(other))).url == LOGIN
        assert not alice.authenticator_set.exists()

    def test_nobody_elses(self, alice: User, bob: User, device: Device) -> None:
        his = signed_in(bob)
        row = Authenticator.objects.get(type="webauthn")
        for what in ("edit", "remove"):
            path = f"{KEYS}keys/{row.pk}/{what}/"
            assert his.get(path).status_code == 404
            assert his.post(path, {"name": "Mine"}).status_code == 404
        row.refresh_from_db()
        assert row.data["name"] == "Phone"

    def test_needs_the_password_once_more(self, alice: User, device: Device) -> None:
        client = visitor()
        client.force_login(alice)
        row = Authenticator.objects.get(type="webauthn")
        assert client.post(f"{KEYS}keys/{row.pk}/remove/").status_code == 302
        assert Authenticator.objects.filter(pk=row.pk).exists()

    @pytest.mark.django_db(transaction=True)
    def test_twice_at_the_same_moment_removes_it_once_and_breaks_nothing(
        self, alice: User, device: Device
    ) -> None:
        path = f"{KEYS}keys/{Authenticator.objects.get(type='webauthn').pk}/remove/"
        together = threading.Barrier(2)

        def remove(client: Client) -> int:
            try:
                together.wait()
                return client.post(path).status_code
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            found = sorted(pool.map(remove, [signed_in(alice), signed_in(alice)]))
        assert found in ([302, 302], [302, 404])
        assert not Authenticator.objects.exists()


class TestWhereTheyWork:
    @pytest.mark.parametrize(
        ("public_url", "asked", "works", "host"),
        [
            ("http://127.0.0.1:8000", "http://localhost:8000", True, "localhost"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000", False, "127.0.0.1"),
            ("http://localhost", "http://localhost", True, "localhost"),
            ("http://[::1]:8000", "http://[::1]:8000", False, "::1"),
            ("https://a.example.com", "https://a.example.com", True, "a.example.com"),
            ("https://a.example.com", "http://localhost:8000", False, "a.example.com"),
            ("http://a.example.com", "http://a.example.com", False, "a.example.com"),
            ("https://192.0.2.7", "https://192.0.2.7", False, "192.0.2.7"),
        ],
    )
    def test_is_a_name_by_https_or_this_machine(
        self, settings: LazySettings, public_url: str, asked: str, works: bool, host: str
    ) -> None:
        settings.PUBLIC_URL, settings.ALLOWED_HOSTS = public_url, ["*"]
        scheme, _, address = asked.partition("://")
        request = RequestFactory().get("/", headers={"host": address}, secure=scheme == "https")
        assert passkeys.work_at(request) is works
        assert passkeys.relying_host(request) == host

    def test_elsewhere_the_pages_say_so_instead_of_failing(
        self, alice: User, device: Device
    ) -> None:
        client = Client(headers={"host": "127.0.0.1:8000"})
        client.force_login(alice)
        client.post("/accounts/reauthenticate/", {"password": PASSWORD})
        for path in (INDEX, KEYS, ADD, CONFIRM):
            html = client.get(path).content.decode()
            assert "Sign in at http://localhost:8000" in html, path
            assert "webauthn.js" not in html, path
            assert problems_of(html) == []
        assert "Add a passkey</a>" not in client.get(INDEX).content.decode()

    def test_signing_in_offers_only_what_works(self, alice: User, device: Device) -> None:
        assert "Use a passkey" in visitor().get(LOGIN).content.decode()
        elsewhere = Client(SERVER_NAME="127.0.0.1")
        assert "passkey" not in elsewhere.get(LOGIN).content.decode()
        data = {"login": alice.email, "password": PASSWORD}
        page = elsewhere.post(LOGIN, data, follow=True).content.decode()
        assert "Recovery code" in page and "Use a passkey" not in page

    def test_a_server_by_plain_http_tells_who_can_mend_that(
        self, alice: User, settings: LazySettings
    ) -> None:
        settings.PUBLIC_URL = "http://testserver"
        client = Client()
        client.force_login(alice)
        html = client.get(INDEX).content.decode()
        assert "sets PUBLIC_URL" in html and "localhost" not in html

    def test_pages_without_them_load_no_script_for_them(self, alice: User) -> None:
        client = signed_in(alice)
        for path in ("/", "/account/", INDEX, f"{INDEX}totp/activate/"):
            assert "webauthn" not in client.get(path).content.decode().replace(KEYS, "")


ODD = [
    "", " ", "null", "0", "[]", "{}", '"x"', "{", "NaN", "1" * 5000, "[" * 5000, "\0",
    '{"rawId": 1, "response": {}}', '{"rawId": "x", "response": []}',
    '{"rawId": "eA", "response": {"clientDataJSON": "eA"}}',
    '{"rawId": "eA", "response": {"clientDataJSON": "\\ud800"}}',
    '{"rawId": "eA", "response": null, "clientExtensionResults": 1}',
    json.dumps({"rawId": "A" * 70_000, "response": {}}),
]  # fmt: skip


class TestOddInput:
    @pytest.mark.parametrize("credential", ODD, ids=range(len(ODD)))
    def test_is_told_and_never_breaks_a_page(
        self, alice: User, device: Device, credential: str
    ) -> None:
        hers = signed_in(alice)
        for path, status in ((ADD, 422), (CONFIRM, 302), (SIGN_IN, 302)):
            client = visitor() if path == SIGN_IN else hers
            client.get(path, headers={"Accept": "application/json"})
            answer = client.post(path, {"credential": credential, "name": "x"})
            assert answer.status_code == status, path
        assert Authenticator.objects.filter(type="webauthn").count() == 1

    @hypothesis_settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        adding=st.booleans(),
        part=st.integers(0, 3),
        where=st.integers(0, 400),
        gone=st.integers(0, 40),
        new=st.binary(max_size=40),
    )
    def test_that_is_nearly_right_never_breaks_a_page(
        self,
        alice: User,
        device: Device,
        adding: bool,
        part: int,
        where: int,
        gone: int,
        new: bytes,
    ) -> None:
        """A genuine answer in which a few bytes of one part are others."""
        with transaction.atomic():
            client = visitor()
            if adding:
                client = signed_in(alice)
                answer = Device().register(question(client, ADD))
            else:
                answer = device.sign(ask_to_sign_in(client))
            names = sorted(answer["response"])
            name = names[part % len(names)]
            raw = bytearray(websafe_decode(answer["response"][name]))
            where %= len(raw)
            raw[where : where + gone] = new
            answer["response"][name] = websafe_encode(bytes(raw))
            found = post(client, ADD if adding else SIGN_IN, answer, name="x")
            assert found.status_code in {302, 422, 429}
            transaction.set_rollback(True)

    def test_deep_bytes_break_nothing(self, alice: User) -> None:
        client = signed_in(alice)
        answer = Device().register(question(client, ADD))
        answer["response"]["attestationObject"] = websafe_encode(b"\x81" * 12_000)
        assert post(client, ADD, answer, name="x").status_code == 422
