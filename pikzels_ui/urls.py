from allauth.account.decorators import secure_admin_login
from allauth.mfa.totp.views import activate_totp
from django.contrib import admin
from django.urls import include, path

from styles.api.views import urls as api_urls
from teams import passkeys, sessions

from .headers import shows_qr_code

# The stock sign-in of the admin knows neither the second factor nor a limit of tries.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

# For django-allauth, which otherwise does not say how long to wait.
handler429 = "teams.limits.too_often_for_allauth"
urlpatterns = [
    # Before django-allauth's, in the stead of its pages.
    path("accounts/2fa/webauthn/login/", passkeys.SignIn.as_view(), name="mfa_login_webauthn"),
    path(
        "accounts/2fa/webauthn/reauthenticate/",
        passkeys.Confirm.as_view(),
        name="mfa_reauthenticate_webauthn",
    ),
    path("accounts/2fa/totp/activate/", shows_qr_code(activate_totp), name="mfa_activate_totp"),
    path("accounts/sessions/", sessions.sessions, name="usersessions_list"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", api_urls),
    path("", include("teams.urls")),
    path("", include("styles.urls")),
]
