"""From a plan and a setup to what is sold. A later catalogue does not change what was sold."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from portal.catalog import offers
from portal.catalog.models import GpuClass, Plan, Setup
from portal.catalog.offers import Fit
from portal.desktops import causes
from portal.desktops.lengths import gigabytes
from portal.desktops.refusals import Refused
from portal.desktops.words import by_language
from provisioner import queue
from provisioner.desktops import Spec
from provisioner.queue import Stock


def sold(*, plan: str, setup: str) -> Spec:
    """What is sold, as sold. Refused when it is not offered or does not fit together."""
    shape = next((p for p in offers.plans() if p.slug == plan), None)
    if shape is None:
        raise Refused("unknown_plan", _("This plan is not offered."), field="plan", plan=plan)
    content = next((s for s in offers.setups() if s.slug == setup), None)
    if content is None:
        message = _("This setup is not offered.")
        raise Refused("unknown_setup", message, field="setup", setup=setup)
    fit = offers.fits(shape, content)
    if not fit.ok:
        values = _values(content, fit)
        raise Refused(fit.cause, misfit(content, fit), field="plan", **values)
    return _spec(shape, content)


def misfit(setup: Setup, fit: Fit) -> str:
    """Why a plan does not carry a setup, in one sentence."""
    small = fit.cause == "vram_too_small"
    cause = "vram_no_card" if small and not fit.have_mib else fit.cause
    return causes.worded(cause, _values(setup, fit)).why


def _values(setup: Setup, fit: Fit) -> dict[str, Any]:
    return {
        "setup": by_language(setup.title_en, setup.title_zh),
        "need": gigabytes(fit.need_mib),
        "have": gigabytes(fit.have_mib),
    }


def _spec(plan: Plan, setup: Setup) -> Spec:
    card = plan.gpu_class
    return Spec(
        plan=plan.slug,
        plan_title=plan.title,
        setup=setup.slug,
        setup_title_en=setup.title_en,
        setup_title_zh=setup.title_zh,
        setup_version=setup.version,
        image=_image(setup),
        cpu_millis=plan.vcpus * 1000,
        memory_mib=plan.memory_mib,
        disk_gib=plan.disk_gib,
        gpu_class=card.slug if card else "",
        gpu_title=card.title if card else "",
        gpu_count=plan.gpu_count if card else 0,
        vram_mib=plan.vram_mib,
        gpu_resource=card.resource if card else "",
        gpu_node_labels=dict(card.node_labels) if card else {},
        apps=tuple(setup.apps),
    )


def _image(setup: Setup) -> str:
    """The container image for clusters; empty where neither setup nor installation names one."""
    registry = settings.ATELIER.kube_image_registry
    return setup.image or (f"{registry}/{setup.slug}:{setup.version}" if registry else "")


def stock() -> dict[str, Stock]:
    """Cards by class, for everything that the catalogue sells."""
    kinds = {
        card.slug: queue.Kind(card.resource, dict(card.node_labels))
        for card in GpuClass.objects.all()
    }
    return queue.stock(kinds)
