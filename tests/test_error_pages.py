"""The pages that stand in for another: in our words, and with a way back."""

from __future__ import annotations

from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from .wording import banned_words, visible_text


def test_an_unknown_host_is_told_which_address_to_use() -> None:
    answer = Client().get("/", headers={"host": "elsewhere.example.com"})
    assert answer.status_code == 400
    assert "PUBLIC_URL" in answer.content.decode()


def test_too_many_tries_are_told_to_wait(db: None) -> None:
    cache.clear()
    client = Client()
    pages = [client.post(reverse("account_reset_password"), {"email": "a@b.co"}) for _ in range(40)]
    assert pages[0].status_code == 302
    assert pages[-1].status_code == 429
    text = visible_text(pages[-1].content.decode())
    assert "Wait an hour" in text
    assert banned_words(text) == []
    cache.clear()
