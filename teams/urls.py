from django.urls import path

from . import data_views, key_views, notices, people_views, sessions, tokens, usage, views

urlpatterns = [
    path("team/", views.team, name="team"),
    path("team/keys/add/", key_views.add, name="key_add"),
    path("team/keys/<uuid:key_id>/", key_views.page, name="key"),
    path("team/keys/<uuid:key_id>/replace/", key_views.replace, name="key_replace"),
    path("team/keys/<uuid:key_id>/remove/", key_views.remove, name="key_remove"),
    path("team/keys/<uuid:key_id>/test/", key_views.test, name="key_test"),
    path("team/keys/<uuid:key_id>/resume/", key_views.resume, name="key_resume"),
    path("team/settings/", views.team_settings, name="team_settings"),
    path("team/invite/", people_views.invite, name="invite"),
    path("team/invitations/<int:invitation_id>/revoke/", people_views.revoke, name="revoke"),
    path("team/people/<int:member_id>/role/", people_views.change_role, name="change_role"),
    path("team/people/<int:member_id>/remove/", people_views.remove, name="remove_member"),
    path("team/switch/", people_views.switch, name="switch"),
    path("join/<str:token>/", people_views.invitation, name="invitation"),
    path("team/go-on/", views.go_on, name="go_on"),
    path("team/mails/", views.mails, name="mails"),
    path("team/usage/", usage.usage, name="usage"),
    path("team/usage.csv", usage.usage_csv, name="usage_csv"),
    path("account/", views.account, name="account"),
    path("account/tokens/", tokens.tokens, name="account_tokens"),
    path("account/tokens/<uuid:api_token_id>/revoke/", tokens.revoke, name="account_token_revoke"),
    path("account/notices/", notices.notices, name="account_notices"),
    path("account/data/", data_views.data, name="account_data"),
    path("account/data/export/", data_views.export, name="account_export"),
    path("account/data/erase/", data_views.erase, name="account_erase"),
    path("account/sessions/<int:session_id>/end/", sessions.end, name="account_session_end"),
    path("setup/<str:token>/", views.setup, name="setup"),
]
