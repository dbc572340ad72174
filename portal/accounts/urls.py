"""/accounts/… is allauth's; the rest is ours."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from portal.accounts.views import invitation, mailbox, own, team

ours: list[URLPattern | URLResolver] = [
    path("mailbox/", mailbox.page, name="mailbox"),
    path("mailbox/<int:mail_id>/", mailbox.page, name="mail"),
    path("team/", team.page, name="team"),
    path("team/new/", team.new, name="team-new"),
    path("team/invite/", team.invite, name="team-invite"),
    path("team/rename/", team.rename, name="team-rename"),
    path("team/leave/", team.leave, name="team-leave"),
    path("team/switch/", team.switch, name="switch"),
    path("team/members/<int:membership_id>/role/", team.role, name="member-role"),
    path("team/members/<int:membership_id>/remove/", team.remove, name="member-remove"),
    path(
        "team/invitations/<uuid:invitation_id>/withdraw/",
        team.withdraw,
        name="invitation-withdraw",
    ),
    path("invitations/<str:code>/", invitation.page, name="invitation"),
    path("settings/", own.settings, name="settings"),
    path("settings/tokens/", own.api_tokens, name="tokens"),
    path("settings/tokens/<uuid:token_id>/revoke/", own.revoke_token, name="token-revoke"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("allauth.urls")),
    path("staff/", admin.site.urls),
    path("", include((ours, "accounts"))),
]
