"""A catalogue of two plans and two setups, prices, and desktops in every state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from billing.pricing import publishing
from portal.accounts.models import Tenant
from portal.catalog.models import GpuClass, Plan, Setup
from portal.desktops import usual
from provisioner import desktops, nudge, observer
from provisioner.desktops import Desktop, Spec
from provisioner.drivers.base import Observation
from provisioner.states import Observed

Make = Callable[..., Desktop]


@pytest.fixture(autouse=True)
def every_nudge_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing moves unless the test moves it."""
    monkeypatch.setattr(nudge, "send", lambda _ids: None)
    usual.forget()


@pytest.fixture
def catalogue(db: None) -> None:
    card = GpuClass.objects.create(
        slug="rtx-a4000", title="RTX A4000", vram_mib=16384, resource="nvidia.com/gpu"
    )
    _plan("files", "Files", position=1, vcpus=2, memory_mib=4096, disk_gib=50)
    _plan(
        "aigc-a4000",
        "AIGC A4000",
        position=2,
        vcpus=16,
        memory_mib=32768,
        disk_gib=300,
        gpu_class=card,
        gpu_count=1,
    )
    _setup("blank", "Blank desktop", "空白桌面", position=1)
    _setup("night-train", "Night Train", "夜车", position=2, min_vram_mib=14 * 1024)
    _setup("giant", "Giant", "巨人", position=3, min_vram_mib=48 * 1024)
    publishing.publish(
        currency="CNY", prices={"files": (180_000, 4_000), "aigc-a4000": (1_980_000, 25_000)}
    )


def _plan(slug: str, title: str, **shape: Any) -> None:
    Plan.objects.create(slug=slug, title=title, summary_en="A plan", summary_zh="套餐", **shape)


def _setup(slug: str, english: str, chinese: str, **more: Any) -> None:
    Setup.objects.create(
        slug=slug,
        title_en=english,
        title_zh=chinese,
        summary_en="For work.",
        summary_zh="用于工作。",
        creator="Mo Bai",
        version="1.0",
        licence="MIT",
        size_mib=2048,
        cover="blank.webp",
        **more,
    )


SPEC = Spec(
    plan="aigc-a4000",
    plan_title="AIGC A4000",
    setup="night-train",
    setup_title_en="Night Train",
    setup_title_zh="夜车",
    setup_version="0.6",
    image="",
    cpu_millis=16000,
    memory_mib=32768,
    disk_gib=300,
    gpu_class="rtx-a4000",
    gpu_title="RTX A4000",
    gpu_count=1,
    vram_mib=16384,
    gpu_resource="nvidia.com/gpu",
)


@pytest.fixture
def make(db: None) -> Make:
    """`make(team, "running")`: a desktop brought into that state by the provisioner's own pens."""

    def _make(tenant: Tenant, status: str = "starting", name: str = "Rainy crossing") -> Desktop:
        with transaction.atomic():
            desktop = desktops.launch(tenant_id=tenant.id, name=name, spec=SPEC)
            _bring(desktop, status)
        desktop.refresh_from_db()
        assert desktop.status == status
        return desktop

    return _make


def _bring(desktop: Desktop, status: str) -> None:
    if status == "queued":
        observer.explain(desktop.id, cause="gpu_none_free", detail={})
    elif status == "failed":
        see(desktop, Observed.FAILED, cause="image_not_found", detail={"log": "manifest unknown"})
        Desktop.objects.filter(id=desktop.id).update(
            attempts=3, attempts_generation=desktop.generation
        )
    elif status != "starting":
        see(desktop, Observed.READY)
        if status in ("stopping", "stopped"):
            desktops.stop(desktop.id)
        elif status == "deleting":
            desktops.delete(desktop.id)
        if status == "stopped":
            see(desktop, Observed.ABSENT)
    else:
        see(desktop, Observed.PENDING)


def see(desktop: Desktop, observed: Observed, **more: Any) -> None:
    """The eye sees this, now."""
    now = timezone.now()
    absent = observed == Observed.ABSENT
    observer.record(
        Observation(
            id=desktop.id,
            observed=observed,
            at=now,
            generation=None if absent else desktop.generation,
            endpoint="unix:/nowhere" if observed == Observed.READY else "",
            progress={} if absent else progress(now, ended=observed == Observed.READY),
            limits=("memory", "network"),
            **more,
        )
    )


def progress(now: datetime, *, ended: bool) -> dict[str, Any]:
    begun, later = now.isoformat(), (now + timedelta(milliseconds=5)).isoformat()
    return {
        "phases": [
            {"key": "card", "started_at": begun, "ended_at": later},
            {"key": "disk", "started_at": later, "ended_at": later if ended else None},
        ]
    }
