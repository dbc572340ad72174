"""Users, tenants, tokens and the audit, for staff. Hardly anything can be changed here: people act
through the portal, where the rules are."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from portal.accounts import audit
from portal.accounts.models import (
    ApiToken,
    AuditEvent,
    Invitation,
    Membership,
    Tenant,
    User,
)


class ReadOnly:
    """To look at, never to touch."""

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_staff)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_staff)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class Switched(ReadOnly):
    """To look at; superusers may also turn it on and off, with a line in the audit."""

    switches: ClassVar[tuple[str, ...]] = ("is_active",)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        shown: list[str] = self.get_fields(request, obj)  # type: ignore[attr-defined]
        return [name for name in shown if name not in self.switches]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)  # type: ignore[misc]
        assert isinstance(request.user, User)
        changed = {name: form.cleaned_data[name] for name in form.changed_data}
        audit.record_person(request.user, "staff.changed", object=str(obj.pk), **changed)


class Members(ReadOnly, TabularInline):  # type: ignore[misc]
    model = Membership
    fields: ClassVar[list[str]] = ["user", "tenant", "role", "joined_at"]
    extra = 0


@admin.register(User)
class UserAdmin(Switched, ModelAdmin):  # type: ignore[misc]
    switches = ("is_active", "is_staff")
    list_display: ClassVar[list[str]] = [
        "email", "name", "is_active", "is_staff", "date_joined", "last_login",
    ]  # fmt: skip
    list_filter: ClassVar[list[str]] = ["is_active", "is_staff"]
    search_fields: ClassVar[list[str]] = ["email", "name"]
    fields: ClassVar[list[str]] = [
        "id", "email", "name", "language", "date_joined", "last_login", "is_active", "is_staff",
    ]  # fmt: skip
    inlines: ClassVar[list[type]] = [Members]


@admin.register(Tenant)
class TenantAdmin(Switched, ModelAdmin):  # type: ignore[misc]
    list_display: ClassVar[list[str]] = ["name", "personal_of", "is_active", "created_at"]
    list_filter: ClassVar[list[str]] = ["is_active"]
    search_fields: ClassVar[list[str]] = ["name", "id"]
    fields: ClassVar[list[str]] = ["id", "name", "personal_of", "created_at", "is_active"]
    inlines: ClassVar[list[type]] = [Members]


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    list_display: ClassVar[list[str]] = [
        "prefix", "name", "user", "tenant", "created_at", "last_used_at", "revoked_at",
    ]  # fmt: skip
    search_fields: ClassVar[list[str]] = ["prefix", "user__email"]
    exclude: ClassVar[list[str]] = ["hash"]
    list_select_related: ClassVar[list[str]] = ["user", "tenant"]


@admin.register(Invitation)
class InvitationAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    list_display: ClassVar[list[str]] = [
        "email", "tenant", "role", "invited_by", "created_at", "accepted_at", "revoked_at",
    ]  # fmt: skip
    search_fields: ClassVar[list[str]] = ["email"]
    exclude: ClassVar[list[str]] = ["code_hash"]
    list_select_related: ClassVar[list[str]] = ["tenant", "invited_by"]


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    list_display: ClassVar[list[str]] = [
        "at", "action", "user", "tenant", "object_id", "via", "detail",
    ]  # fmt: skip
    list_filter: ClassVar[list[str]] = ["action", "via"]
    search_fields: ClassVar[list[str]] = ["action", "object_id", "user__email"]
    list_select_related: ClassVar[list[str]] = ["user", "tenant"]
    date_hierarchy = "at"
