from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from styles.api.views import urls as api_urls
from teams import sessions

# The stock sign-in of the admin knows neither the second factor nor a limit of tries.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    # Before django-allauth's, in the stead of its page.
    path("accounts/sessions/", sessions.sessions, name="usersessions_list"),
# For django-allauth, which otherwise does not say how long to wait.
handler429 = "teams.limits.too_often_for_allauth"
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", api_urls),
    path("", include("teams.urls")),
    path("", include("styles.urls")),
]
