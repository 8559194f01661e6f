"""What browsers are told besides Django's own headers and the Content-Security-Policy."""

from collections.abc import Callable
from typing import TypeVar, cast

from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponseBase

GetResponse = Callable[[HttpRequest], HttpResponseBase]
View = TypeVar("View", bound=Callable[..., HttpResponseBase])

# What a page could ask a person's device for, and ours never do. Copying and passkeys stay allowed.
UNUSED = (
    "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen",
    "geolocation", "gyroscope", "hid", "idle-detection", "magnetometer", "microphone", "midi",
    "payment", "picture-in-picture", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip
HEADERS = {
    # Without it another site could show our files as its own, to whoever is signed in.
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in UNUSED),
}


def shows_chosen_pictures(view: View) -> View:
    """Allow what a browser makes up for a picture that was chosen and is not uploaded yet."""
    return cast(View, csp_update({"img-src": "blob:"})(view))


def shows_qr_code(view: View) -> View:
    """Allow the QR code for an authenticator app, which django-allauth writes into the page."""
    return cast(View, csp_update({"img-src": "data:"})(view))


def for_this_site_only(get_response: GetResponse) -> GetResponse:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return middleware
