"""Passkeys: where they work, what is kept of them, and signing in with one.

Each signs in without a password, for it asks its person to unlock it (`userVerification` is always
required); after a password it is the second step. What is kept is the public key and what goes with
it. Nothing of that is secret, so that it is not encrypted; the private key never leaves the device.
"""

from __future__ import annotations

import re
import struct
from typing import Any
from urllib.parse import urlencode, urlsplit

from allauth.account.adapter import get_adapter
from allauth.mfa.webauthn import views
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from styles.checks import is_loopback
from styles.wording import _

BASE64 = re.compile(r"[A-Za-z0-9_-]{1,16384}")
LONGEST = 65_536
# Whatever reading bytes that anybody may have written can end in.
UNREADABLE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
WRONG = _(
    "The passkey was not taken: it is not one of this account, or the page was too old. "
    "Try it once more."
)
NEEDS_SCRIPT = _("Passkeys need JavaScript, which is off or was stopped in this browser")


# Where they work


def relying_host(request: HttpRequest) -> str:
    """Return the host that passkeys are bound to: that of PUBLIC_URL.

    Where that is this machine, the one that it was called by: "localhost" can have passkeys, and
    127.0.0.1 cannot.
    """
    public = urlsplit(settings.PUBLIC_URL).hostname or ""
    return _host(request) if is_loopback(public) else public


def work_at(request: HttpRequest) -> bool:
    """Whether browsers offer passkeys at the address of this request: by https, and by a name."""
    host = _host(request)
    trusted = request.is_secure() or host == "localhost"
    is_name = not re.fullmatch(r"[\d.]+|.*:.*", host)
    return trusted and is_name and host == relying_host(request)


def address_instead(request: HttpRequest) -> str:
    """Return the address of this machine at which they do work, or "" where there is none."""
    port = urlsplit(f"//{request.get_host()}").port
    here = is_loopback(_host(request)) and is_loopback(urlsplit(settings.PUBLIC_URL).hostname or "")
    return f"http://localhost{f':{port}' if port else ''}" if here else ""


def _host(request: HttpRequest) -> str:
    return urlsplit(f"//{request.get_host()}").hostname or ""


# What a browser sends


class CredentialField(forms.JSONField):
    """What a passkey answered, with the parts that we know, and nothing else that a person sent."""

    def __init__(self, *, parts: tuple[str, ...]) -> None:
        errors = {"required": NEEDS_SCRIPT, "invalid": WRONG}
        super().__init__(widget=forms.HiddenInput, error_messages=errors)
        self.parts = parts

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        try:
            if len(value) > LONGEST:
                raise ValueError
            return known_parts(super().to_python(value), self.parts)
        except UNREADABLE as problem:
            raise forms.ValidationError(WRONG, code="invalid") from problem

    def bound_data(self, data: Any, initial: Any) -> Any:
        # An answer is good for one question, so that there is no use in showing it again.
        return initial


def known_parts(credential: Any, parts: tuple[str, ...]) -> dict[str, Any]:
    """Return a credential as JSON has it. Raises one of UNREADABLE."""
    answer = credential["response"]
    found = {name: answer[name] for name in parts if answer.get(name)}
    texts = [credential["rawId"], *found.values()]
    if not all(isinstance(text, str) and BASE64.fullmatch(text) for text in texts):
        raise ValueError("not in base64")
    is_resident = credential.get("clientExtensionResults", {}).get("credProps", {}).get("rk")
    return {
        "type": "public-key",
        "id": credential["rawId"],
        "rawId": credential["rawId"],
        "response": found,
        "clientExtensionResults": {"credProps": {"rk": is_resident is True}},
    }


# Pages of django-allauth's that need a little more


class SignIn(views.LoginWebAuthnView):
    def form_valid(self, form: forms.Form) -> HttpResponse:
        response = super().form_valid(form)
        # As with a password: whoever wants to stay signed in says so.
        self.request.session.set_expiry(0)
        return response

    def form_invalid(self, form: forms.Form) -> HttpResponse:
        return _once_more(self, form, reverse("account_login"))


class Confirm(views.ReauthenticateWebAuthnView):
    def form_invalid(self, form: forms.Form) -> HttpResponse:
        return _once_more(self, form, self.request.path)


def _once_more(view: Any, form: forms.Form, path: str) -> HttpResponse:
    """Go back to ask a new question, and keep in mind where the person wanted to go."""
    for text in form.errors.get("credential", []):
        messages.error(view.request, str(text))
    wanted = view.request.POST.get("next", "")
    if wanted and get_adapter().is_safe_url(wanted):
        path = f"{path}?{urlencode({'next': wanted})}"
    return HttpResponseRedirect(path)
