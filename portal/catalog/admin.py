"""What we offer, for staff to look at. It is changed in its files, and loaded from there."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from portal.accounts.admin import ReadOnly
from portal.catalog.models import GpuClass, Plan, Setup, SetupVersion, Trouble


class TellsTroubles(ReadOnly):
    """A list that begins with what of the catalogue's files is left out."""

    list_before_template = "catalog/left_out.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        more = (extra_context or {}) | {"left_out": Trouble.objects.count()}
        return super().changelist_view(request, more)  # type: ignore[misc]


@admin.register(GpuClass)
class GpuClassAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    list_display: ClassVar[list[str]] = ["slug", "title", "vram_mib", "resource"]


@admin.register(Plan)
class PlanAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    list_display: ClassVar[list[str]] = [
        "slug", "title", "vcpus", "memory_mib", "disk_gib", "gpu_class", "gpu_count", "offered",
    ]  # fmt: skip
    list_select_related: ClassVar[list[str]] = ["gpu_class"]


@admin.register(Setup)
class SetupAdmin(TellsTroubles, ModelAdmin):  # type: ignore[misc]
    list_display: ClassVar[list[str]] = [
        "slug", "title_en", "version", "creator", "min_vram_mib", "size_mib", "offered", "file",
    ]  # fmt: skip

    @admin.display(description=_("file"))
    def file(self, row: Setup) -> str:
        return gettext("is wrong, left out") if row.left_out else gettext("in order")


@admin.register(SetupVersion)
class SetupVersionAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    list_display: ClassVar[list[str]] = ["setup_id", "version", "digest", "published_at"]


@admin.register(Trouble)
class TroubleAdmin(TellsTroubles, ModelAdmin):  # type: ignore[misc]
    list_display: ClassVar[list[str]] = ["file", "key", "reason", "slug", "since"]
