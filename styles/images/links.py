"""Understand what a person pastes: the address of a picture, or a YouTube video in any form.

Nothing here reaches for the network; `fetching.py` does.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, quote, unquote, urljoin, urlsplit

import idna
from django.utils.translation import gettext_lazy as _

from .judging import clean_name

LINK_MAX = 2_000
HOST_MAX = 253
PORT = 443
# What chat programs leave around a copied link without showing it.
UNSEEN = "\u200b\u200e\u200f\u2060\ufeff"
NAME_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# A top-level domain starts with a letter; "127.1" and "0x7f.1" are addresses in disguise.
TOP_LABEL = re.compile(r"[a-z][a-z0-9-]{0,61}[a-z0-9]")
# Those of RFC 3986, and "%": what is encoded already stays as it is.
URL_SAFE = "%/:?@!$&'()*+,;=~"

SHORT_HOSTS = {"youtu.be", "www.youtu.be"}
YOUTUBE_HOSTS = SHORT_HOSTS | {
    "youtube.com",
    "www.youtube.com",
    "m.youtube.com",
    "music.youtube.com",
    "gaming.youtube.com",
    "studio.youtube.com",
    "consent.youtube.com",
    "youtube-nocookie.com",
    "www.youtube-nocookie.com",
}
VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{11}(?![A-Za-z0-9_-])")
# Where a player of a playlist or a channel has the video's ID; they look like one.
NO_VIDEO_IDS = {"videoseries", "live_stream"}
# "video" is what the address of a video in YouTube Studio has.
VIDEO_FOLDERS = {"shorts", "live", "embed", "v", "e", "watch", "video"}
# Of a link that holds another: consent pages, attributions, signing in.
HOLDING = ("continue", "u", "next")
HELD_DEEPEST = 3
# From the best to the one that every video has; "maxres" is 16:9, the others are 4:3.
THUMBNAILS = ("maxresdefault", "sddefault", "hqdefault")

MESSAGES = {
    "empty": _("Enter a link to a picture or to a YouTube video."),
    "too_long": _(
        "The link is longer than 2,000 characters. Save the picture and upload the file."
    ),
    "not_an_address": _(
        "This is not a web address. Copy the whole address of the picture: it starts with https://."
    ),
    "http": _(
        "“%(host)s” is linked to by http://, which anybody on the way can read and change. "
        "Use the picture’s https:// address, or save the picture and upload the file."
    ),
    "inline": _(
        "This address is the picture itself and no link to it. "
        "Save the picture and upload the file."
    ),
    "scheme": _("A link of this kind leads to no picture. Enter one that starts with https://."),
    "password": _(
        "The link holds a user name or a password. Enter it without, "
        "or save the picture and upload the file."
    ),
    "port": _("The link names a port. Enter one without, or save the picture and upload the file."),
    "host": _("The link does not name a website. Copy the whole address of the picture again."),
    "no_video": _(
        "This YouTube link leads to no video. Open the video and copy its link, "
        "such as https://youtu.be/dQw4w9WgXcQ."
    ),
    "not_public": _(
        "“%(host)s” was not found on the public internet. "
        "Check the link, or save the picture and upload the file."
    ),
    "unreachable": _(
        "“%(host)s” could not be reached. Try again in a minute, or upload the file instead."
    ),
    "certificate": _(
        "“%(host)s” could not show that it is what it says: its certificate is not in order. "
        "Save the picture and upload the file."
    ),
    "too_slow": _(
        "“%(host)s” took too long to answer. Try again, or save the picture and upload the file."
    ),
    "broke_off": _(
        "The connection to “%(host)s” broke off. "
        "Try again, or save the picture and upload the file."
    ),
    "redirects": _(
        "“%(host)s” leads from one address to the next and to no picture. "
        "Save the picture and upload the file."
    ),
    "redirect": _(
        "“%(host)s” leads on to an address that is not fetched from. "
        "Save the picture and upload the file."
    ),
    "page": _(
        "“%(label)s” is a page and not a picture. On the page, right-click the picture, choose "
        "“Copy image address” and paste that."
    ),
    "forbidden": _(
        "“%(host)s” did not let us have “%(label)s”. Save the picture and upload the file."
    ),
    "missing": _(
        "“%(host)s” has no “%(label)s”: it was removed or moved. "
        "Check the link, or choose another picture."
    ),
    "busy": _(
        "“%(host)s” takes no more requests just now. "
        "Try again in a few minutes, or save the picture and upload the file."
    ),
    "server": _("“%(host)s” has a fault of its own. Try again later, or choose another picture."),
    "status": _(
        "“%(host)s” did not send “%(label)s”: it answered with status %(status)s. "
        "Save the picture and upload the file."
    ),
    "no_thumbnail": _(
        "No thumbnail found for “%(label)s”. Is the video private or deleted? "
        "Check the link, or upload the thumbnail as a file."
    ),
}


class LinkProblem(Exception):
    """A link that cannot be used. `code` is a key of MESSAGES, `message` says what to do.

    `host` is for logs. The rest of a link may hold a secret and does not belong there.
    """

    def __init__(self, code: str, *, host: str = "", label: str = "", **facts: object) -> None:
        self.code = code
        self.host = host
        self.message = MESSAGES[code] % {"host": host, "label": label, **facts}
        super().__init__(self.message)


@dataclass(frozen=True, kw_only=True)
class Link:
    """A link that was understood. `candidates` are the addresses to try, in order.

    `url` is the first of them; all are https, in plain ASCII. `video_id` is "" for a link to a
    picture, `label` is what to show as the picture's name.
    """

    url: str
    candidates: tuple[str, ...]
    video_id: str
    label: str


def read_link(text: str) -> Link:
    """Understand what was pasted; raise LinkProblem for what leads to no picture."""
    text = text.strip().strip(UNSEEN).strip()
    if not text:
        raise LinkProblem("empty")
    if len(text) > LINK_MAX and not text[:5].lower() == "data:":
        raise LinkProblem("too_long")
    parts = _split(_with_scheme(text))
    if _is_youtube(parts):
        return _video(parts)
    url = _address(parts)
    # In plain ASCII it may be nine times as long as it was typed.
    if len(url) > LINK_MAX:
        raise LinkProblem("too_long")
    return Link(url=url, candidates=(url,), video_id="", label=_label(url))


def read_address(text: str) -> str:
    """Return an https address in plain ASCII, made anew from its parts.

    Raises LinkProblem for another scheme or port, for a user name in it, and for a host that is
    neither a full name nor an IP address. The fragment is dropped.
    """
    return _address(_split(text))


def _split(text: str) -> SplitResult:
    # Python's parser drops line breaks and tabs in silence.
    if not text.isprintable():
        raise LinkProblem("not_an_address")
    try:
        return urlsplit(text)
    except ValueError as error:
        raise LinkProblem("not_an_address") from error


def _with_scheme(text: str) -> str:
    """Complete a YouTube link that was typed, or copied from where no scheme is shown."""
    bare = text.removeprefix("//")
    host = re.split(r"[/?#]", bare, maxsplit=1)[0].lower()
    return f"https://{bare}" if host in YOUTUBE_HOSTS else text


def _is_youtube(parts: SplitResult) -> bool:
    return parts.scheme in {"https", "http"} and parts.hostname in YOUTUBE_HOSTS


def _video(parts: SplitResult) -> Link:
    video_id = _video_id(parts, HELD_DEEPEST)
    if not video_id:
        raise LinkProblem("no_video", host=parts.hostname or "")
    folder = f"https://i.ytimg.com/vi/{video_id}"
    candidates = tuple(f"{folder}/{name}.jpg" for name in THUMBNAILS)
    return Link(
        url=candidates[0],
        candidates=candidates,
        video_id=video_id,
        label=f"youtu.be/{video_id}",
    )


def _video_id(parts: SplitResult, deepest: int) -> str:
    """Return the ID of the video that a YouTube link is about, or ""."""
    fields = parse_qs(parts.query)
    for text in (*_in_path(parts), *fields.get("v", ())):
        # What follows is cut off: "youtu.be/…&t=42s" is how people add a time.
        if (found := VIDEO_ID.match(text)) and found[0] not in NO_VIDEO_IDS:
            return found[0]
    held = [link for field in HOLDING for link in fields.get(field, ())] if deepest else []
    return next(filter(None, (_held_video_id(link, deepest - 1) for link in held)), "")


def _held_video_id(text: str, deepest: int) -> str:
    try:
        parts = urlsplit(urljoin("https://www.youtube.com/", text))
    except ValueError:
        return ""
    return _video_id(parts, deepest) if _is_youtube(parts) else ""


def _in_path(parts: SplitResult) -> list[str]:
    folders = [folder for folder in parts.path.split("/") if folder]
    if parts.hostname in SHORT_HOSTS:
        return folders[:1]
    return folders[1:2] if folders and folders[0].lower() in VIDEO_FOLDERS else []


def _address(parts: SplitResult) -> str:
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise LinkProblem("not_an_address") from error
    _check_scheme(parts.scheme, host)
    if "@" in parts.netloc:
        raise LinkProblem("password")
    if port not in (None, PORT):
        raise LinkProblem("port")
    path = quote(parts.path, safe=URL_SAFE) or "/"
    query = f"?{quote(parts.query, safe=URL_SAFE)}" if parts.query else ""
    return f"https://{_checked_host(host)}{path}{query}"


def _check_scheme(scheme: str, host: str) -> None:
    if scheme == "https":
        return
    if scheme in {"data", "blob"}:
        raise LinkProblem("inline")
    if scheme == "http" and host:
        raise LinkProblem("http", host=host)
    raise LinkProblem("scheme" if scheme else "not_an_address")


def _checked_host(host: str) -> str:
    """Return a host as it stands in an address: a name in ASCII, or an IP address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _checked_name(host)
    if address.version == 4:
        return str(address)
    if address.scope_id:
        raise LinkProblem("host")
    return f"[{address.compressed}]"


def _checked_name(host: str) -> str:
    name = host.removesuffix(".").lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise LinkProblem("host") from error
    *labels, top = name.split(".")
    # A name without a dot is one of our own network.
    if not labels or not all(map(NAME_LABEL.fullmatch, labels)) or not TOP_LABEL.fullmatch(top):
        raise LinkProblem("host")
    if len(name) > HOST_MAX:
        raise LinkProblem("host")
    return name


def _label(url: str) -> str:
    """Return the file name in an address, or the host where there is none."""
    parts = urlsplit(url)
    name = unquote(parts.path).rstrip("/").rpartition("/")[2]
    return clean_name(name) if name.strip(" .") else parts.netloc
