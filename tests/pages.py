"""What tests look for in a page's markup."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser

ADDRESSES = {"href", "src", "action", "formaction", "poster"}


class Page(HTMLParser):
    """A page, read: its language, titles and headings, where it points, and what is inline."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.doctype = ""
        self.lang = ""
        self.title = ""
        self.headings: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.addresses: list[str] = []
        self.described_by: list[str] = []
        self.inline: list[str] = []
        self.forms: list[dict[str, str]] = []
        self._in_title = False
        self.feed(html)
        self.close()

    def handle_decl(self, decl: str) -> None:
        self.doctype = decl

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._note_what_is_inline(tag, values)
        self.addresses += [values[name] for name in ADDRESSES & values.keys() if values[name]]
        self.described_by += values.get("aria-describedby", "").split()
        if "id" in values:
            self.ids[values["id"]] += 1
        if tag in {"h1", "h2"}:
            self.headings[tag] += 1
        elif tag == "html":
            self.lang = values.get("lang", "")
        elif tag == "form":
            self.forms.append({"method": values.get("method", "get").lower()})
        elif tag == "input" and values.get("name") == "csrfmiddlewaretoken" and self.forms:
            self.forms[-1]["token"] = values.get("value", "")
        # A title in a drawing is another one.
        self._in_title = tag == "title" and not self.title

    def handle_endtag(self, tag: str) -> None:
        self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data

    def _note_what_is_inline(self, tag: str, values: dict[str, str]) -> None:
        """Note what a strict Content-Security-Policy would stop."""
        handlers = [name for name in values if name.startswith("on") or name == "style"]
        self.inline += [f'<{tag} {name}="{values[name]}">' for name in handlers]
        is_data = values.get("type", "").endswith("json")
        if tag == "style" or (tag == "script" and "src" not in values and not is_data):
            self.inline.append(f"<{tag}>")
        self.inline += [
            value
            for name, value in values.items()
            if name in ADDRESSES and value.strip().lower().startswith("javascript:")
        ]
