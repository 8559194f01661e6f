from django.urls import path

from . import tokens, views

urlpatterns = [
    path("team/", views.team, name="team"),
    path("team/keys/<uuid:key_id>/resume/", views.key_resume, name="key_resume"),
    path("team/go-on/", views.go_on, name="go_on"),
    path("team/mails/", views.mails, name="mails"),
    path("account/", views.account, name="account"),
    path("account/tokens/", tokens.tokens, name="account_tokens"),
    path("account/tokens/<uuid:api_token_id>/revoke/", tokens.revoke, name="account_token_revoke"),
    path("setup/<str:token>/", views.setup, name="setup"),
]
