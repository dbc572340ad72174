"""What we offer, for staff to look at. It is changed in its files, and loaded from there."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from unfold.admin import ModelAdmin

from portal.accounts.admin import ReadOnly
from portal.catalog.models import GpuClass, Plan, Setup, SetupVersion


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
class SetupAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    list_display: ClassVar[list[str]] = [
        "slug", "title_en", "version", "creator", "min_vram_mib", "size_mib", "offered",
    ]  # fmt: skip


@admin.register(SetupVersion)
class SetupVersionAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    list_display: ClassVar[list[str]] = ["setup_id", "version", "digest", "published_at"]
