"""The form's page: each request keeps what is right, does what a button says, and may send it."""

from __future__ import annotations

import logging
import uuid
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from pikzels_ui.headers import shows_chosen_pictures
from teams.limits import TooOften, count_pictures, count_sent
from teams.models import Team

from .access import MemberRequest, enter, get_style, in_team
from .drafts import NoRoom, find_draft, keep, made_lately
from .form_buttons import LINKING, Button, NotDone, add_link, carry_out, pressed, typed
from .form_page import form_context, refused_name, remarks_on
from .forms import NOT_STORED, POSITIONS, StyleForm
from .models import Style
from .states import State

log = logging.getLogger(__name__)

page_and_post = require_http_methods(["GET", "HEAD", "POST"])


@page_and_post
@shows_chosen_pictures
@in_team
def new(request: MemberRequest) -> HttpResponseBase:
    if request.method != "POST":
        initial = {"token": uuid.uuid4(), "team": request.team.pk}
        return _page(request, _form(request, initial=initial), None)
    team = enter(request, request.POST.get("team", ""))
    return _save(request, find_draft(request, team))


@page_and_post
@shows_chosen_pictures
@in_team
def edit(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    style = get_style(request, style_id)
    if not style.is_editable:
        return redirect(style)
    if request.method == "POST":
        return _save(request, style)
    return _page(request, _form_of(request, style), style)


def _form(request: MemberRequest, *args: Any, **kwargs: Any) -> StyleForm:
    return StyleForm(*args, asks_for_rights=request.team.asks_for_rights, **kwargs)


def _form_of(request: MemberRequest, style: Style) -> StyleForm:
    """Return the form as the style stands, with what Pikzels said about it."""
    initial = {
        "token": style.form_token,
        "team": style.team_id,
        "name": style.name,
        "rights": style.rights_confirmed_at is not None,
    }
    return _form(
        request,
        initial=initial,
        kept=style.filled(),
        links=style.links(),
        remarks=remarks_on(style),
    )


def _save(request: MemberRequest, style: Style | None) -> HttpResponseBase:
    """Keep what is right; send it if all of it is and no other button was pressed."""
    if style and not style.is_editable:
        # The second click of a double click, or a form that was sent before.
        messages.info(request, _already(style))
        return redirect(style)
    form, button = _judged(request, style)
    style, said = _keep_and_do(request, form, style, button)
    if style and not style.is_editable:
        return redirect(style)
    if button and style and not form.errors:
        return _go_on(request, style, said)
    if form.errors or style is None:
        return _page(request, form, style, status=422)
    return _send(request, form, style)


def _judged(request: MemberRequest, style: Style | None) -> tuple[StyleForm, Button | None]:
    """Return the form, judged, and what else to do than to send it."""
    button = pressed(request.POST)
    problem = _too_many_pictures(request, button)
    form = _form(
        request,
        typed(button, request.POST),
        {} if problem else request.FILES,
        kept=style.filled() if style else frozenset(),
        links=style.links() if style else frozenset(),
        taken=refused_name(style) if style else "",
        unfinished=button is not None or problem is not None,
    )
    form.is_valid()
    if problem is None:
        return form, button
    form.put_off(problem)
    return form, None


def _too_many_pictures(request: MemberRequest, button: Button | None) -> TooOften | None:
    """Count the pictures that come with a form; return what is wrong with their number."""
    sizes = [file.size or 0 for _field, files in request.FILES.lists() for file in files]
    if button and button.verb in LINKING:
        sizes.append(0)
    try:
        count_pictures(request.user, sizes)
    except TooOften as problem:
        return problem
    return None


def _already(style: Style) -> str:
    if style.state == State.DROPPED:
        return _("This draft was discarded meanwhile. Its pictures are still here.")
    return _("This form was sent already. This is the style that it made.")


def _keep_and_do(
    request: MemberRequest, form: StyleForm, style: Style | None, button: Button | None
) -> tuple[Style | None, str]:
    """Return the draft and what to tell; what went wrong is in the form's errors."""
    said = ""
    try:
        if button and button.verb in LINKING:
            said = add_link(button, form, style, request.user)
    except NotDone as problem:
        form.add_error(problem.field, str(problem))
    try:
        style = keep(request, form, style)
        if button and style:
            said = carry_out(button, style, request.user) or said
    except NotDone as problem:
        form.add_error(problem.field, str(problem))
    except NoRoom as problem:
        form.add_error(None, str(problem))
    except OSError:
        log.exception("a picture could not be stored")
        form.add_error(None, NOT_STORED)
    return style, said


def _go_on(request: MemberRequest, style: Style, said: str) -> HttpResponseBase:
    """Show the form as it stands now."""
    if _wants_parts(request):
        return _page(request, _form_of(request, style), style, said=said)
    if said:
        messages.success(request, said)
    return redirect("style_edit", style.pk)


def _send(request: MemberRequest, form: StyleForm, style: Style) -> HttpResponseBase:
    try:
        with transaction.atomic():
            # Locked, or two tabs would each find that the other has not sent the same yet.
            Team.objects.select_for_update(no_key=True).get(pk=style.team_id)
            twin = None if "again" in request.POST else made_lately(style)
            won = not twin and _submit_as_seen(request, form, style)
    except TooOften as problem:
        form.put_off(problem)
        return _page(request, form, style)
    if twin:
        return _page(request, form, style, status=422, twin=twin)
    style.refresh_from_db()
    if won or not style.is_editable:
        return redirect(style)
    text = _(
        "The style was changed meanwhile, in another tab or by somebody else. "
        "This is how it stands now. Look at it, then send it."
    )
    messages.warning(request, text)
    return redirect("style_edit", style.pk)


def _submit_as_seen(request: MemberRequest, form: StyleForm, style: Style) -> bool:
    if "rights" in form.cleaned_data:
        style.confirm_rights()
    name = form.cleaned_data["name"]
    count_sent(request.user, style.team)
    return style.submit(request.user, name=name, pictures=_as_seen(request, form))


def _as_seen(request: MemberRequest, form: StyleForm) -> dict[int, str]:
    """Return the checksums of the pictures that the page showed, and that came with the form."""
    fields = {n: f"seen_{n}" for n in POSITIONS}
    shown = {n: request.POST[name] for n, name in fields.items() if name in request.POST}
    return shown | {n: picture.sha256 for n, picture in form.accepted.items()}


def _wants_parts(request: MemberRequest) -> bool:
    """Whether a script asks, which puts what changed into the page that is open."""
    return "X-Parts" in request.headers


def _page(
    request: MemberRequest,
    form: StyleForm,
    style: Style | None,
    *,
    status: int = 200,
    said: str = "",
    twin: Style | None = None,
) -> HttpResponseBase:
    name = "styles/_form_parts.html" if _wants_parts(request) else "styles/form.html"
    context = {**form_context(request, form, style, said), "twin": twin}
    response = render(request, name, context, status=429 if form.wait else status)
    if form.wait:
        response.headers["Retry-After"] = str(form.wait)
    patch_vary_headers(response, ["X-Parts"])
    return response
