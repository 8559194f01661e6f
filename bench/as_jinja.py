"""Our templates in the language of jinja2, so that both render the very same page.

Turned by rule, and not kept as copies, which would fall behind. What a template newly uses and no
rule knows is a syntax error of jinja2's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
from django.templatetags.static import static
from django.urls import reverse
from django.utils import translation
from django.utils.dateformat import format as format_date
from django.utils.timezone import localtime

TEMPLATES = Path(__file__).parents[1] / "templates"
NAME = r"[\w.]+"


def _with(found: re.Match[str]) -> str:
    """`include "x" with a=b c=d only` gives names for a while."""
    template, names, only = found["template"], found["names"] or "", found["only"]
    pairs = ", ".join(re.findall(rf"{NAME}=(?:\"[^\"]*\"|{NAME})", names))
    include = f'{{% include "{template}" %}}'
    del only  # a name from outside is not looked for by these templates
    return f"{{% with {pairs} %}}{include}{{% endwith %}}" if pairs else include


def _trans(found: re.Match[str]) -> str:
    pairs = ", ".join(re.findall(rf"{NAME}={NAME}(?:\|\w+:\"[^\"]*\")?", found["names"] or ""))
    return f"{{% trans trimmed {pairs} %}}{found['text']}{{% endtrans %}}"


RULES: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    (r"{% load [^%]* %}\n?", ""),
    (r"{% get_current_language as language %}", ""),
    (r'{% include "(?P<template>[^"]+)"(?: with (?P<names>.*?))?(?P<only> only)? %}', _with),
    (
        r"{% blocktranslate trimmed(?: with (?P<names>.*?))? %}(?P<text>.*?)"
        r"{% endblocktranslate %}",
        _trans,
    ),
    (r'{% translate ("[^"]*") as (\w+) %}', r"{% set \2 = _(\1) %}"),
    (r"""{% translate ("[^"]*"|'[^']*') %}""", r"{{ _(\1) }}"),
    (r"{% url ('[^']*') %}", r"{{ url(\1) }}"),
    (r"{% static ('[^']*') %}", r"{{ static(\1) }}"),
    (r"{% csrf_token %}", "{{ csrf_input }}"),
    (r"\|date:(\"[^\"]*\"|'[^']*')", r"|date(\1)"),
    (r"\|default:'(\w+)'", r"|default('\1', true)"),
    (r'\|slice:":(\d)"', r"[:\1]"),
    (r"is not None", "is not none"),
]


def turned(text: str) -> str:
    for pattern, instead in RULES:
        text = re.sub(pattern, instead, text, flags=re.DOTALL)
    return text


def date(value: Any, form: str) -> str:
    return format_date(localtime(value), form) if value else ""


def environment() -> jinja2.Environment:
    """Return it with all that these templates ask for, as one would set it up for Django."""
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: turned((TEMPLATES / name).read_text())),
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
    )
    made.filters["date"] = date
    made.globals |= {"url": reverse, "static": static, "language": translation.get_language()}
    made.install_gettext_callables(translation.gettext, translation.ngettext, newstyle=True)
    return made
