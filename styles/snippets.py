"""Code that makes a thumbnail with a style: to be pasted as it stands, and run."""

from __future__ import annotations

import json
import shlex
from typing import Any

from django.utils.translation import gettext as _g

from teams.setup import sandbox_key

from .models import Style
from .pikzels import rules
from .presentation import sandbox_page

MODEL = rules.STYLE_MODELS[-1]
CURL = """\
curl -X POST %(url)s \\
  -H "X-Api-Key: $PIKZELS_API_KEY" -H "Content-Type: application/json" \\
  -d %(body)s"""
PYTHON = """\
import os
import requests

answer = requests.post(
    %(url)s,
    headers={"X-Api-Key": os.environ["PIKZELS_API_KEY"]},
    json={
        "prompt": %(prompt)s,
        "model": %(model)s,
        "format": %(format)s,
        "style": %(style)s,
    },
    timeout=300,
)
print(answer.json())"""
# Without `await`, which not every way to run a script takes at its top.
JAVASCRIPT = """\
fetch(%(url)s, {
  method: "POST",
  headers: {
    "X-Api-Key": process.env.PIKZELS_API_KEY,
    "Content-Type": "application/json",
  },
  body: JSON.stringify({
    prompt: %(prompt)s,
    model: %(model)s,
    format: %(format)s,
    style: %(style)s,
  }),
})
  .then((answer) => answer.json())
  .then(console.log);"""


def snippets_of(style: Style) -> list[dict[str, str]]:
    """Return the same call in three languages; the key is not in it, but in the environment."""
    base = style.key.base_url if style.key else rules.BASE_URL
    url = base + rules.THUMBNAIL_PATH
    body = {
        "prompt": _g("A rocket over a desert at dusk, one astronaut looking up"),
        "model": MODEL,
        "format": "16:9",
        "style": style.pikzels_id,
    }
    # JSON's strings are strings of Python and of JavaScript, too.
    quoted = {name: json.dumps(value) for name, value in {**body, "url": url}.items()}
    shell = {"url": shlex.quote(url), "body": shlex.quote(json.dumps(body))}
    return [
        {"label": "curl", "code": CURL % shell},
        {"label": "Python", "code": PYTHON % quoted},
        {"label": "JavaScript", "code": JAVASCRIPT % quoted},
    ]


def use_of(style: Style) -> dict[str, Any]:
    """Return what the style's page says about using its ID."""
    return {
        "snippets": snippets_of(style),
        "models": _g(" and ").join(rules.STYLE_MODELS),
        "sandbox_key": sandbox_key(style.team) if sandbox_page(style) else "",
    }
