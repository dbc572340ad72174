"""Loads the catalogue from its files. Twice changes nothing; a bad file changes nothing.

The plans are the site's own, and there is one file of them: it is in order, or nothing is loaded.
Setups are by many hands: one that is wrong is left out with what extends it, and stays as it was
published, if it was; the others are loaded all the same.

Every complaint names the file, the key and the reason. What a setup.toml may say stands in
`images.schema`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from django.db import DatabaseError, connection, models, transaction
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from images import digest, folders, schema
from images.folders import LeftOut, Place, SetupError
from images.recipe_schema import Strict
from images.recipes import UNFINISHED
from images.schema import Words160
from images.values import Mib, Slug, Text60, Text80
from portal.catalog import pictures, troubles, versions
from portal.catalog.errors import CatalogError
from portal.catalog.models import GpuClass, Plan, Setup

__all__ = ["CatalogError", "Catalogue", "Loaded", "read", "write"]

Micros = Annotated[int, Field(strict=True, ge=0, le=10**12)]
# Two loaders at once are put one after the other. Any constant that nobody else locks will do.
_LOCK = 7_012_002

_File = TypeVar("_File", bound=BaseModel)


class GpuClassFile(Strict):
    title: Text60
    vram_mib: Annotated[Mib, Field(ge=1024)]
    resource: Text80 = "nvidia.com/gpu"
    node_labels: dict[Text80, Text80] = {}


class GpuFile(Strict):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    gpu_class: Slug = Field(alias="class")
    count: Annotated[int, Field(strict=True, ge=1, le=16)]


class PlanFile(Strict):
    title: Text60
    summary: Words160
    vcpus: Annotated[int, Field(strict=True, ge=1, le=512)]
    memory_mib: Annotated[Mib, Field(ge=512)]
    disk_gib: Annotated[Mib, Field(ge=1)]
    gpu: GpuFile | None = None
    running_micros_per_hour: Micros
    disk_micros_per_hour: Micros


class PlansFile(Strict):
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    gpu_classes: dict[Slug, GpuClassFile] = {}
    plans: Annotated[dict[Slug, PlanFile], Field(min_length=1)]


@dataclass(frozen=True)
class Found:
    """A setup as its folder says, with what it has from the one that it extends."""

    place: Place
    own: schema.Setup
    base: schema.Setup | None
    digest: str
    pictures: dict[str, bytes]  # of its own folder, by the names that it gives them

    @property
    def may_change(self) -> bool:
        """Somebody is still at work on it, or on what is below it."""
        rows = (self.own, self.base) if self.base else (self.own,)
        return any(row.version.endswith(UNFINISHED) for row in rows)


@dataclass(frozen=True)
class Catalogue:
    """Everything that was read, checked, and not yet written."""

    plans: PlansFile
    setups: dict[str, Found]  # what another extends stands before it
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def prices(self) -> dict[str, tuple[int, int]]:
        """Plan slug → micro-units an hour, running and kept disk."""
        return {
            slug: (plan.running_micros_per_hour, plan.disk_micros_per_hour)
            for slug, plan in self.plans.plans.items()
        }


@dataclass
class Loaded:
    """What a load changed, by kind of row."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.withdrawn)


def read(*, plans: Path, images: Path, more: Path | None = None) -> Catalogue:
    """Read and check every file; `more` holds creators' own folders. CatalogError."""
    offered = _parse(plans, PlansFile)
    for slug, plan in offered.plans.items():
        if plan.gpu and plan.gpu.gpu_class not in offered.gpu_classes:
            known = ", ".join(offered.gpu_classes) or "none"
            reason = f"unknown class {plan.gpu.gpu_class!r}; known: {known}"
            raise CatalogError(plans, f"plans.{slug}.gpu.class", reason)
    if more is not None and not more.is_dir():
        raise CatalogError(more, "", "there is no such folder; ATELIER_SETUPS_FOLDER names it")
    if more is not None and not os.access(more, os.R_OK | os.X_OK):
        reason = f"user {os.getuid()} may not look into it; ATELIER_SETUPS_FOLDER names it"
        raise CatalogError(more, "", reason)
    there = folders.look(images, more)
    checked = schema.check(there.places)
    if not there.places and not there.left_out:  # rather a mistake than a wish to withdraw all
        raise CatalogError(images, "", "no setup.toml in any folder of it")
    catalogue = Catalogue(offered, {}, [*there.left_out, *checked.left_out])
    for slug in sorted(checked.setups, key=lambda one: checked.setups[one].extends is not None):
        _take(catalogue, slug, there.places, checked.setups)
    return catalogue


def _take(
    catalogue: Catalogue,
    slug: str,
    places: Mapping[str, Place],
    setups: Mapping[str, schema.Setup],
) -> None:
    """Among the setups, or among those left out."""
    place, setup = places[slug], setups[slug]
    try:
        if setup.extends:
            _needs(setup.extends, place, catalogue.left_out)
        catalogue.setups[slug] = Found(
            place=place,
            own=setup,
            base=setups[setup.extends] if setup.extends else None,
            digest=digest.of(slug, places),
            pictures=pictures.read(place, setup),
        )
    except SetupError as error:
        catalogue.left_out.append(LeftOut(slug, error))


def _needs(base: str, place: Place, left_out: list[LeftOut]) -> None:
    """SetupError if the setup below is left out."""
    for one in left_out:
        if one.slug == base:
            raise schema.without_its_base(place.file, base, one.error)


@transaction.atomic
def write(catalogue: Catalogue) -> Loaded:
    """Bring the tables to what the files say, in one transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    loaded = Loaded(left_out=list(catalogue.left_out))
    for slug, card in catalogue.plans.gpu_classes.items():
        _upsert(GpuClass, slug, card.model_dump(), loaded)
    for position, (slug, plan) in enumerate(catalogue.plans.plans.items()):
        _upsert(Plan, slug, _plan_columns(plan, position), loaded)
    for slug, found in catalogue.setups.items():
        try:
            _write_setup(slug, found, loaded)
        except SetupError as error:
            loaded.left_out.append(LeftOut(slug, error))
    _withdraw(Plan, set(catalogue.plans.plans), loaded)
    known = set(catalogue.setups) | {one.slug for one in loaded.left_out}
    _withdraw(Setup, known, loaded)
    troubles.write(loaded.left_out)
    return loaded


def _write_setup(slug: str, found: Found, loaded: Loaded) -> None:
    """Its row and its version, or nothing of it. SetupError."""
    if found.own.extends:
        _needs(found.own.extends, found.place, loaded.left_out)
    news = Loaded()
    try:
        with transaction.atomic():
            columns = _setup_columns(found)
            _upsert(Setup, slug, columns, news)
            versions.publish(found.place.file, slug, columns=columns, may_change=found.may_change)
    except DatabaseError as error:  # rather a gap in the schema than a reason to stop
        reason = f"the database does not take it: {str(error).splitlines()[0]}"
        raise SetupError(found.place.file, "", reason) from error
    loaded.added += news.added
    loaded.changed += news.changed


def _parse(file: Path, kind: type[_File]) -> _File:
    try:
        return schema.parse(file, kind)
    except SetupError as error:
        raise CatalogError(error.file, error.key, error.reason) from error


def _plan_columns(plan: PlanFile, position: int) -> dict[str, Any]:
    return {
        "title": plan.title,
        "summary_en": plan.summary.en,
        "summary_zh": plan.summary.zh,
        "vcpus": plan.vcpus,
        "memory_mib": plan.memory_mib,
        "disk_gib": plan.disk_gib,
        "gpu_class_id": plan.gpu.gpu_class if plan.gpu else None,
        "gpu_count": plan.gpu.count if plan.gpu else 0,
        "position": position,
        "offered": True,
    }


def _setup_columns(found: Found) -> dict[str, Any]:
    own, base = found.own, found.base or found.own
    layers = (found.base, own) if found.base else (own,)
    source = base.install.source if base.install else None
    return {
        "title_en": own.title.en,
        "title_zh": own.title.zh,
        "summary_en": own.summary.en,
        "summary_zh": own.summary.zh,
        "webui": own.webui or base.webui,
        "creator": own.creator,
        "creator_url": own.creator_url or "",
        "avatar": pictures.keep(found.pictures, own.avatar) if own.avatar else "",
        "links": [link.model_dump() for link in own.links],
        "version": own.version,
        "digest": found.digest,
        "extends": own.extends or "",
        "needs_source": source.name if source else "",
        "licence": own.licence,
        "min_vram_mib": own.min_vram_mib,
        "size_mib": own.size_mib or base.size_mib,
        "image": own.image,
        "apps": [app.model_dump() for app in base.apps],
        "model_files": [one.model_dump() for layer in layers for one in layer.models],
        "extensions": [one.model_dump() for layer in layers for one in layer.extensions],
        "settings": base.settings | own.settings,
        "samples": [one.model_dump() for one in own.samples or base.samples],
        "cover": pictures.keep(found.pictures, own.cover),
        "position": own.position,
        "offered": own.offered,
    }


def _upsert(
    table: type[models.Model], slug: str, columns: Mapping[str, Any], loaded: Loaded
) -> None:
    manager = table._default_manager
    row = manager.filter(pk=slug).first()
    if row is None:
        manager.create(pk=slug, **columns)
        loaded.added.append(slug)
        return
    changed = [name for name, value in columns.items() if getattr(row, name) != value]
    if changed:
        manager.filter(pk=slug).update(**{name: columns[name] for name in changed})
        loaded.changed.append(slug)


def _withdraw(table: type[Plan] | type[Setup], kept: set[str], loaded: Loaded) -> None:
    gone = table._default_manager.filter(offered=True).exclude(pk__in=kept)
    loaded.withdrawn += list(gone.values_list("pk", flat=True))
    gone.update(offered=False)
