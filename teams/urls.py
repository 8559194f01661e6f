from django.urls import path

from . import views

urlpatterns = [
    path("team/", views.team, name="team"),
    path("team/keys/<uuid:key_id>/resume/", views.key_resume, name="key_resume"),
    path("team/go-on/", views.go_on, name="go_on"),
    path("team/mails/", views.mails, name="mails"),
    path("account/", views.account, name="account"),
    path("setup/<str:token>/", views.setup, name="setup"),
]
