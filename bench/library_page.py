"""What rendering the library's page of 24 cards costs, against jinja2 rendering the same page.

Run with `python -m bench.library_page`. Both get the same names, and all that asks the database is
done before; what they return is held to be the same but for spaces.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from statistics import median
from typing import Any

from .figures import Figure, run
from .furnished import Furnished, furnished
from .measuring import cpu_ms, in_turns, ratio, taken

TEMPLATE = "styles/library.html"
PAGES = 20  # in each turn, for one alone takes few milliseconds


def fill(who: Furnished) -> None:
    """Make styles as a library has them: most are ready, some train, one was refused."""
    from django.utils import timezone

    from styles.models import ReferenceImage, Style
    from styles.states import State

    key = who.team.keys.get()
    for number in range(30):
        state = {3: State.TRAINING, 7: State.REFUSED}.get(number % 10, State.READY)
        style = Style.objects.create(
            team=who.team,
            creator=who.user,
            name=f"Mars & Moon {number}",
            key=key,
            state=state,
            reason="NAME_RESERVED" if state == State.REFUSED else "",
            pikzels_id="" if state == State.REFUSED else str(uuid.uuid4()),
            progress=40 if state == State.TRAINING else None,
            note="For the <main> channel" if number % 4 == 0 else "",
            created_at=timezone.now() - timedelta(hours=number),
        )
        ReferenceImage.objects.bulk_create(
            ReferenceImage(style=style, position=position, file=f"{number}-{position}.jpg")
            for position in (1, 2, 3)
        )


def names(who: Furnished) -> dict[str, Any]:
    """Return what the page's view and the frame around it give the template, once looked up."""
    from django.http import QueryDict
    from django.middleware.csrf import get_token
    from django.template.context import RequestContext, make_context
    from django.test import RequestFactory
    from django.urls import resolve

    from styles.library import shelf

    request: Any = RequestFactory().get("/")
    request.user, request.team, request.membership = who.user, who.team, who.membership
    request.memberships, request.resolver_match = [who.membership], resolve("/")
    request._messages = []
    context = make_context(shelf(who.membership, QueryDict("show=")), request)
    assert isinstance(context, RequestContext)
    with context.bind_template(template()):
        found = context.flatten()
    found["csrf_token"] = get_token(request)
    # Not asked for again each time.
    found["user"].initials  # noqa: B018
    return found


def template() -> Any:
    from django.template.loader import get_template

    return get_template(TEMPLATE).template


def by_django(found: dict[str, Any]) -> Callable[[], str]:
    from django.template import Context

    page = template()
    return lambda: page.render(Context(found))


def by_jinja2(found: dict[str, Any]) -> Callable[[], str]:
    from django.utils.safestring import mark_safe

    from .as_jinja import environment

    page = environment().get_template(TEMPLATE)
    field = f'<input type="hidden" name="csrfmiddlewaretoken" value="{found["csrf_token"]}">'

    return lambda: page.render({**found, "csrf_input": mark_safe(field)})


def words(page: str) -> list[str]:
    """Return the page without what only sets it in lines."""
    return re.sub(r"\s*([<>])\s*", r" \1 ", page).split()


def measure() -> list[Figure]:
    with furnished() as who:
        fill(who)
        found = names(who)
        ways = {"ours": by_django(found), "jinja2": by_jinja2(found)}
        assert words(ways["ours"]()) == words(ways["jinja2"]())
        assert ways["ours"]().count('<article class="card">') == 24

        def clocked(way: str) -> Callable[[], float]:
            return lambda: taken(lambda: [ways[way]() for _ in range(PAGES)], cpu_ms) / PAGES

        took = in_turns({way: clocked(way) for way in ways})
    ours, theirs = (f"{median(took[way]):.1f} ms" for way in ways)
    what = "CPU of rendering the library’s page of 24 cards"
    return [Figure(14, what, ours, f"{theirs}: jinja2", ratio(took["ours"], took["jinja2"]), 2.0)]


if __name__ == "__main__":
    run(measure)
