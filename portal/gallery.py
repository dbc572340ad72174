"""The gallery of setups, and one setup's own page: what visitors and people at work are shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext_lazy as _

from portal import walls
from portal.catalog import offers, presence, versions
from portal.catalog.models import Setup
from portal.catalog.presence import Presence
from portal.desktops import selling, usual
from portal.desktops.lengths import gigabytes
from portal.desktops.words import by_language
from portal.walls import Hung

KINDS = {
    "checkpoint": _("model"),
    "lora": "LoRA",
    "vae": "VAE",
    "embedding": _("embedding"),
    "controlnet": "ControlNet",
    "upscaler": _("upscaler"),
}
MANY = 6  # from so many setups on, filters are worth their place
BESIDE = 3


@dataclass(frozen=True)
class Choice:
    """One value of a filter, as a link."""

    title: str
    query: str
    chosen: bool


@dataclass(frozen=True)
class Model:
    """A model file that comes with a setup, in words."""

    title: str
    kind: str
    size: str
    licence: str
    licence_url: str


def page(*, webui: str = "", memory: str = "") -> dict[str, Any]:
    """Every setup, or those with that WebUI that run in so many GB of video memory."""
    setups = offers.setups()
    webuis = sorted({setup.webui for setup in setups if setup.webui})
    sizes = sorted({plan.vram_mib for plan in offers.plans() if plan.vram_mib})
    webui = webui if webui in webuis else ""
    most = next((size for size in sizes if str(size // 1024) == memory), 0)
    kept = [
        setup
        for setup in setups
        if (not webui or setup.webui == webui) and (not most or setup.min_vram_mib <= most)
    ]
    filters: dict[str, Any] = {}
    if len(setups) > MANY:
        now = {"webui": webui, "memory": str(most // 1024) if most else ""}
        filters = {
            "webuis": [_choice(name, now, "webui", name) for name in webuis],
            "memories": [
                _choice(gigabytes(size), now, "memory", str(size // 1024)) for size in sizes
            ],
            "any_webui": _choice("", now, "webui", ""),
            "any_memory": _choice("", now, "memory", ""),
        }
    return {"hung": hung(kept), "filters": filters, "shown": len(kept), "known": len(setups)}


def hung(setups: list[Setup]) -> list[Hung]:
    """On the wall, with what each lacks here, and how long it usually takes to start."""
    seen = {setup.slug: presence.of(setup) for setup in setups}
    plans = [plan.slug for plan in offers.plans()]
    return [
        replace(one, starts_in_s=_starts_in_s(one.setup, plans))
        for one in walls.hang(setups, seen)
    ]


def setup_page(setup: Setup, rows: list[Any]) -> dict[str, Any]:
    """`rows` are the plans as the price table shows them."""
    others = [row for row in offers.setups() if row.slug != setup.slug]
    able = [row for row in others if presence.of(row).here]
    base = next((row for row in others if row.slug == setup.extends), None)
    lacks = presence.of(setup)
    return {
        "setup": setup,
        "base": base,
        "presence": lacks,
        "not_here": "" if lacks.here else selling.not_here(setup),
        "choices": [(row, offers.fits(row.plan, setup)) for row in rows],
        "models": [_model(said) for said in setup.model_files],
        "samples": [
            sample | {"words": by_language(sample["prompt"], _chinese(sample))}
            for sample in setup.samples
        ],
        "versions": [(row, _edition(setup, row.version)) for row in setup.versions.all()],
        "starts_in_s": _starts_in_s(setup, [row.plan.slug for row in rows]),
        "others": hung(_beside(setup, able or others)),
    }


def _choice(title: str, now: dict[str, str], key: str, value: str) -> Choice:
    wanted = {name: said for name, said in (now | {key: value}).items() if said}
    return Choice(title, f"?{urlencode(wanted)}" if wanted else "?", now[key] == value)


def _starts_in_s(setup: Setup, plans: list[str]) -> float | None:
    """On the plan with which it was started most often."""
    found = [past for plan in plans if (past := usual.start(plan=plan, setup=setup.slug))]
    best = max(found, key=lambda past: past.starts, default=None)
    return best.total_s if best else None


def _edition(setup: Setup, version: str) -> Presence:
    """Whether that version can be had here."""
    earlier = versions.edition(setup, version)
    return presence.of(earlier) if earlier else Presence(here=False)


def _model(said: dict[str, Any]) -> Model:
    return Model(
        title=said["title"],
        kind=str(KINDS[said["kind"]]),
        size=gigabytes(said["size_bytes"] / 2**20),
        licence=said["licence"],
        licence_url=said.get("licence_url") or "",
    )


def _chinese(sample: dict[str, Any]) -> str:
    return str(sample.get("prompt_zh") or sample["prompt"])


def _beside(setup: Setup, others: list[Setup]) -> list[Setup]:
    """Neighbours: of the same kind first, then those that hang after it, round the room."""
    after = [row for row in others if row.position > setup.position]
    round_ = after + [row for row in others if row not in after and row.extends]
    same = [row for row in round_ if row.webui and row.webui == setup.webui]
    rest = [row for row in [*round_, *others] if row not in same]
    return list(dict.fromkeys(same + rest))[:BESIDE]
