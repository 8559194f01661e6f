"""Texts that are translated when they are shown, typed as what they turn into."""

from typing import cast

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy


def _(text: str) -> str:
    """Mark a text for translation, which is looked up when the text is shown."""
    return cast(str, gettext_lazy(text))


def join(*sentences: str) -> str:
    """Return translated sentences as one paragraph, likewise put together when it is shown."""
    return cast(str, format_lazy(" ".join(["{}"] * len(sentences)), *sentences))
