"""A stand-in for the call that makes a thumbnail with a style, of which no contract is at hand.

It takes what our snippets send, and answers as public clients expect it: the picture's address in
`output`. Its codes for a style that cannot be used are guesses.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from .. import rules
from .checks import Problem, json_object, problem, refuse


@dataclass(frozen=True)
class Wish:
    """A thumbnail that is asked for: `seed` stands for its prompt in the picture's address."""

    style_id: str
    seed: str


def wish_of(body: bytes | bytearray, headers: Message) -> Wish:
    """Return what a request asks for. Raise ApiError VALIDATION_ERROR otherwise."""
    data = json_object(body, headers)
    refuse(list(_problems(data)))
    prompt = data["prompt"].encode("utf-8", "surrogatepass")
    return Wish(data["style"], hashlib.sha256(prompt).hexdigest()[:16])


def _problems(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the fields that are known; others are Pikzels' to judge."""
    prompt = data.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        yield problem("prompt", "Say what the thumbnail shows.")
    if data.get("model") not in rules.STYLE_MODELS:
        yield problem("model", f"With a style: {' or '.join(rules.STYLE_MODELS)}.")
    if not isinstance(data.get("format", ""), str):
        yield problem("format", "Give a text, such as 16:9.")
    if not isinstance(data.get("style"), str):
        yield problem("style", "Give the ID of a style: the sandbox paints with nothing else.")
