"""What a page says once, kept until then in a cookie that nobody but this host can set."""

from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class HostBoundCookie(CookieStorage):
    """Not in the session: one that is ended meanwhile would make a fault of it."""

    cookie_name = "__Host-messages"


class HostBoundStorage(FallbackStorage):
    storage_classes = (HostBoundCookie, SessionStorage)
