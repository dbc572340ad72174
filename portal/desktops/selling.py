"""From a plan and a setup to what is sold. A later catalogue does not change what was sold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from portal.catalog import offers, presence, versions
from portal.catalog.models import GpuClass, Plan, Setup
from portal.catalog.offers import Fit
from portal.desktops import causes
from portal.desktops.lengths import gigabytes
from portal.desktops.refusals import Refused
from portal.desktops.words import by_language
from provisioner import queue
from provisioner.desktops import Spec
from provisioner.queue import Stock


def sold(*, plan: str, setup: str, version: str = "") -> Spec:
    """What is sold, as sold. Refused when it is not offered, not here, or does not fit together.

    `version` asks for an earlier edition of the setup.
    """
    shape = next((p for p in offers.plans() if p.slug == plan), None)
    if shape is None:
        raise Refused("unknown_plan", _("This plan is not offered."), field="plan", plan=plan)
    content = _offered(setup, version)
    require_here(content)
    fit = offers.fits(shape, content)
    if not fit.ok:
        values = _values(content, fit)
        raise Refused(fit.cause, misfit(content, fit), field="plan", **values)
    return _spec(shape, content)


def current(sold: Spec) -> Setup:
    """The setup that was sold, as it is now. Refused when it is no longer offered."""
    return _offered(sold.setup)


def renewed(sold: Spec) -> Spec:
    """What was sold, with its setup as it is now. Refused, as for a new one."""
    setup = current(sold)
    require_here(setup)
    fit = offers.Fit.of(need_mib=setup.min_vram_mib, have_mib=sold.vram_mib)
    if not fit.ok:
        raise Refused(fit.cause, misfit(setup, fit), **_values(setup, fit))
    return replace(sold, **_of_the_setup(setup))


def _offered(slug: str, version: str = "") -> Setup:
    setup = next((s for s in offers.setups() if s.slug == slug), None)
    if setup is not None and version:
        setup = versions.edition(setup, version)
    if setup is None:
        message = _("This setup is not offered.")
        raise Refused("unknown_setup", message, field="setup", setup=slug)
    return setup


def require_here(setup: Setup) -> None:
    """Refused when this installation does not have what the setup takes."""
    if not presence.of(setup).here:
        raise Refused("setup_not_here", not_here(setup), field="setup", setup=setup.slug)


def not_here(setup: Setup) -> str:
    """That a setup is not on this installation, in one sentence."""
    values = {"setup": by_language(setup.title_en, setup.title_zh)}
    return causes.worded("setup_not_here", values).why


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
        **_of_the_setup(setup),
        cpu_millis=plan.vcpus * 1000,
        memory_mib=plan.memory_mib,
        disk_gib=plan.disk_gib,
        gpu_class=card.slug if card else "",
        gpu_title=card.title if card else "",
        gpu_count=plan.gpu_count if card else 0,
        vram_mib=plan.vram_mib,
        gpu_resource=card.resource if card else "",
        gpu_node_labels=dict(card.node_labels) if card else {},
    )


def _of_the_setup(setup: Setup) -> dict[str, Any]:
    """What of a Spec comes from the setup and changes with its version."""
    return {
        "setup_title_en": setup.title_en,
        "setup_title_zh": setup.title_zh,
        "setup_version": setup.version,
        "setup_digest": setup.digest,
        "image": presence.image(setup),
        "apps": tuple(setup.apps),
    }


def stock() -> dict[str, Stock]:
    """Cards by class, for everything that the catalogue sells."""
    kinds = {
        card.slug: queue.Kind(card.resource, dict(card.node_labels))
        for card in GpuClass.objects.all()
    }
    return queue.stock(kinds)
