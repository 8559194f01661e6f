"""What the sandbox does with a request: the API's endpoints and three kinds of pictures."""

import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from .. import rules
from ..errors import Code
from . import checks
from .answers import Answer, ApiError, failing, success
from .checks import Creation, Key
from .ledger import Asked, Ledger, Style
from .portrait import paint
from .thumbnail import wish_of
from .training import Progress, progress
from .triggers import Trigger, course_of, find

UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
STYLE_PATH = re.compile(r"/v2/pikzonality/([^/]+)")
PORTRAIT_PATH = re.compile(rf"/portraits/({UUID})\.png")
REFERENCE_PATH = re.compile(rf"/references/({UUID})-([123])\.png")
THUMBNAIL_PATH = re.compile(rf"/thumbnails/({UUID})-([0-9a-f]{{16}})\.png")
# Early triggers act on half a body, so the name has to come first in it.
EARLY_BYTES = 256
EARLY_NAME = re.compile(rb'\A\s*\{\s*"name"\s*:\s*"([a-zA-Z0-9 _-]{1,25})"')


@dataclass(kw_only=True)
class Request:
    """A request whose head has arrived. `body` reads so much of the body that a share of it is in.

    It raises ApiError for a body whose length is not known or too large, and ConnectionError.
    """

    id: str
    method: str
    path: str
    headers: Message
    body: Callable[[float], bytearray]
    asked: Asked = field(default_factory=Asked)


@dataclass(kw_only=True)
class Api:
    """The endpoints, on a ledger. `clock` is in seconds since 1970, `wait` sleeps for seconds.

    Without `unique_names` a name may be used twice, so that every paid call makes a style.
    """

    ledger: Ledger
    address: str
    train_seconds: float
    slow_seconds: float
    unique_names: bool
    wait: Callable[[float], object]
    clock: Callable[[], float] = time.time

    def answer(self, request: Request) -> Answer:
        """Do what is asked. Raise ApiError for what is refused."""
        if (request.method, request.path) == ("POST", rules.CREATE_PATH):
            return self._create(request)
        if (request.method, request.path) == ("POST", rules.THUMBNAIL_PATH):
            return self._thumbnail(request)
        if request.method == "GET" and (found := PORTRAIT_PATH.fullmatch(request.path)):
            return self._picture(found[1], slice(None))
        if request.method == "GET" and (found := REFERENCE_PATH.fullmatch(request.path)):
            return self._picture(found[1], slice(int(found[2]) - 1, int(found[2])))
        if request.method == "GET" and (found := THUMBNAIL_PATH.fullmatch(request.path)):
            return self._picture(found[1], slice(None), seed=found[2])
        verbs = {"GET": self._get, "PATCH": self._patch, "DELETE": self._delete}
        verb, found = verbs.get(request.method), STYLE_PATH.fullmatch(request.path)
        if verb and found:
            return verb(request, found[1])
        raise ApiError(Code.NOT_FOUND)

    def _create(self, request: Request) -> Answer:
        key = checks.key_of(request.headers, paid=True)
        if early := EARLY_NAME.match(bytes(request.body(0.5)[:EARLY_BYTES])):
            request.asked.name = early[1].decode()
            if trigger := self._due(request, key, early=True):
                return self._fail(trigger, request, style_id="")
        creation = checks.creation_of(request.body(1), request.headers)
        request.asked.name = creation.name
        trigger = self._due(request, key)
        if trigger:
            style_id = self._make_quietly(creation, key, request) if trigger.makes else ""
            return self._fail(trigger, request, style_id)
        style_id = self._make(creation, key, request)
        self.wait(course_of(creation.name).delay * self.slow_seconds)
        return success({"id": style_id}, request.id)

    def _due(self, request: Request, key: Key, *, early: bool = False) -> Trigger | None:
        """Return the trigger that makes this create fail now, if there is one."""
        name = request.asked.name
        trigger = find(name)
        if not isinstance(trigger, Trigger) or (early and not trigger.failure.early):
            return None
        if not self.ledger.fires(trigger, name, key):
            return None
        request.asked.trigger = trigger.name
        return trigger

    def _due_later(self, verb: str, request: Request, style: Style) -> Trigger | None:
        """Return the trigger that a style's name holds for this verb, behind the verb's name."""
        before, _, rest = style.name.lower().partition(" ")
        trigger = find(rest) if before == verb else None
        if not isinstance(trigger, Trigger):
            return None
        key = checks.key_of(request.headers, paid=False)
        if not self.ledger.fires(trigger, style.name, key):
            return None
        request.asked.trigger = trigger.name
        return trigger

    def _fail(self, trigger: Trigger, request: Request, style_id: str) -> Answer:
        return failing(trigger.failure, request.id, style_id, self.clock())

    def _make(self, creation: Creation, key: Key, request: Request) -> str:
        return self.ledger.make(
            creation, key, request_id=request.id, now=self.clock(), unique=self.unique_names
        )

    def _make_quietly(self, creation: Creation, key: Key, request: Request) -> str:
        """Make the style unless its name is taken, in which case it was made before."""
        with contextlib.suppress(ApiError):
            return self._make(creation, key, request)
        return ""

    def _get(self, request: Request, style_id: str) -> Answer:
        style, state = self._own_style(request, style_id)
        if state.status == "completed" and not style.seen_ready:
            self.ledger.saw_ready(style.id)
        return success(self._payload(style, state), request.id)

    def _patch(self, request: Request, style_id: str) -> Answer:
        style, _ = self._own_style(request, style_id)
        text = checks.instructions_of(request.body(1), request.headers)
        trigger = self._due_later("instruct", request, style)
        if not trigger or trigger.makes:
            self.ledger.instruct(style.id, text)
        if trigger:
            return self._fail(trigger, request, style.id)
        style, state = self._own_style(request, style_id)
        return success(self._payload(style, state), request.id)

    def _delete(self, request: Request, style_id: str) -> Answer:
        style, state = self._own_style(request, style_id)
        if state.status == "processing":
            raise ApiError(Code.CANNOT_DELETE_PROCESSING)
        trigger = self._due_later("delete", request, style)
        if not trigger or trigger.makes:
            self.ledger.delete(style.id)
        if trigger:
            return self._fail(trigger, request, style.id)
        return success({"message": "The style was deleted."}, request.id)

    def _thumbnail(self, request: Request) -> Answer:
        checks.key_of(request.headers, paid=True)
        wish = wish_of(request.body(1), request.headers)
        style, state = self._own_style(request, wish.style_id)
        if state.status != "completed":
            raise ApiError(Code.CONFLICT)
        url = f"{self.address}/thumbnails/{style.id}-{wish.seed}.png"
        return success({"output": url}, request.id)

    def _own_style(self, request: Request, style_id: str) -> tuple[Style, Progress]:
        """Return the style that the request's key made. Raise ApiError otherwise."""
        key = checks.key_of(request.headers, paid=False)
        request.asked.name = ""
        if not re.fullmatch(UUID, style_id):
            raise ApiError(Code.INVALID_STYLE)
        style = self.ledger.style(style_id, key)
        state = self._state(style)
        if not style or not state:
            raise ApiError(Code.NOT_FOUND)
        request.asked.name = style.name
        return style, state

    def _state(self, style: Style | None) -> Progress | None:
        if style is None:
            return None
        return progress(style, now=self.clock(), seconds=self.train_seconds)

    def _payload(self, style: Style, state: Progress) -> dict[str, Any]:
        ready = state.status == "completed"
        references = [f"{self.address}/references/{style.id}-{at}.png" for at in (1, 2, 3)]
        return {
            "id": style.id,
            "name": style.name,
            "mode": "style",
            "status": state.status,
            "progress": state.percent,
            "portrait_url": f"{self.address}/portraits/{style.id}.png" if ready else None,
            "reference": references if ready else None,
            "special_instructions": style.special_instructions,
        }

    def _picture(self, style_id: str, which: slice, seed: str = "") -> Answer:
        """Return a painting in the colours of `which` references; it needs no key, only its ID."""
        style = self.ledger.style(style_id)
        state = self._state(style)
        if not style or not state or state.status != "completed":
            raise ApiError(Code.NOT_FOUND)
        body = paint(style.palettes[which], seed or style.id)
        return Answer(status=200, body=body, content_type="image/png")
