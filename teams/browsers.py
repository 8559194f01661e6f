"""What a browser calls itself, in words: for people to know their own sessions again.

A table of those that there are many of. Chromium and Brave say that they are Chrome, an iPad may
say that it is a Mac, and anybody can say anything: nothing may be decided by it.
"""

from django.utils.translation import gettext as _

# In this order, for most name those that they want to be taken for as well.
BROWSERS = (
    (("Edg/", "EdgA/", "EdgiOS/"), "Edge"),
    (("OPR/", "OPiOS/"), "Opera"),
    (("SamsungBrowser/",), "Samsung Internet"),
    (("Vivaldi/",), "Vivaldi"),
    (("Firefox/", "FxiOS/"), "Firefox"),
    (("Chrome/", "CriOS/", "Chromium/"), "Chrome"),
    (("Safari/",), "Safari"),
)
SYSTEMS = (
    (("Android",), "Android"),
    (("iPhone", "iPod"), "iPhone"),
    (("iPad",), "iPad"),
    (("Windows",), "Windows"),
    (("Macintosh", "Mac OS X"), "macOS"),
    (("CrOS",), "ChromeOS"),
    (("Linux",), "Linux"),
)


def named(user_agent: str) -> str:
    """Return such as "Firefox on Windows", with what is known of it."""
    browser, system = _first(BROWSERS, user_agent), _first(SYSTEMS, user_agent)
    if not system:
        return browser or _("Unknown browser")
    words = {"browser": browser or _("Unknown browser"), "system": system}
    return _("%(browser)s on %(system)s") % words


def _first(table: tuple[tuple[tuple[str, ...], str], ...], user_agent: str) -> str:
    return next((name for signs, name in table if any(sign in user_agent for sign in signs)), "")
