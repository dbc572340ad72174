"""Loads the catalogue from its files. Twice changes nothing; a bad file changes nothing.

Every complaint names the file, the key and the reason.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from django.db import connection, models, transaction
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from portal.catalog.models import GpuClass, Plan, Setup

SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
Slug = Annotated[str, StringConstraints(pattern=SLUG, max_length=40, strict=True)]
Micros = Annotated[int, Field(strict=True, ge=0, le=10**12)]
# Far beyond any machine, well within the columns.
Mib = Annotated[int, Field(strict=True, ge=0, le=2**30)]
Place = Annotated[int, Field(strict=True, ge=0, le=32767)]
Flag = Annotated[bool, Field(strict=True)]
# Two loaders at once are put one after the other. Any constant that nobody else locks will do.
_LOCK = 7_012_002


_File = TypeVar("_File", bound=BaseModel)


class CatalogError(Exception):
    """A file of the catalogue is wrong: which, where, why."""

    def __init__(self, file: Path, key: str, reason: str) -> None:
        super().__init__(f"{file}: {key}: {reason}" if key else f"{file}: {reason}")
        self.file, self.key, self.reason = file, key, reason


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"


def _text(most: int) -> StringConstraints:
    return StringConstraints(
        strip_whitespace=True, min_length=1, max_length=most, strict=True, pattern=_PRINTABLE
    )


Text40 = Annotated[str, _text(40)]
Text60 = Annotated[str, _text(60)]
Text80 = Annotated[str, _text(80)]
Text160 = Annotated[str, _text(160)]
Text240 = Annotated[str, _text(240)]


class Words60(_Strict):
    en: Text60
    zh: Text60


class Words240(_Strict):
    en: Text240
    zh: Text240


class Words160(_Strict):
    en: Text160
    zh: Text160


class GpuClassFile(_Strict):
    title: Text60
    vram_mib: Annotated[Mib, Field(ge=1024)]
    resource: Text80 = "nvidia.com/gpu"
    node_labels: dict[Text80, Text80] = {}


class GpuFile(_Strict):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    gpu_class: Slug = Field(alias="class")
    count: Annotated[int, Field(strict=True, ge=1, le=16)]


class PlanFile(_Strict):
    title: Text60
    summary: Words160
    vcpus: Annotated[int, Field(strict=True, ge=1, le=512)]
    memory_mib: Annotated[Mib, Field(ge=512)]
    disk_gib: Annotated[Mib, Field(ge=1)]
    gpu: GpuFile | None = None
    running_micros_per_hour: Micros
    disk_micros_per_hour: Micros


class PlansFile(_Strict):
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    gpu_classes: dict[Slug, GpuClassFile] = {}
    plans: Annotated[dict[Slug, PlanFile], Field(min_length=1)]


class AppFile(_Strict):
    name: Slug
    port: Annotated[int, Field(strict=True, ge=1024, le=65535)]
    title: Text60


class SetupFile(_Strict):
    title: Words60
    summary: Words240
    webui: Annotated[str, StringConstraints(max_length=60, pattern=_PRINTABLE)] = ""
    creator: Text60
    creator_url: Annotated[str, StringConstraints(pattern=r"^(https://[!-~]{1,192})?$")] = ""
    version: Text40
    licence: Text80
    min_vram_mib: Mib
    size_mib: Annotated[Mib, Field(ge=1)]
    image: Annotated[str, StringConstraints(max_length=255, pattern=r"^[!-~]*$")] = ""
    apps: tuple[AppFile, ...] = ()
    cover: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,60}\.webp$")]
    position: Place = 100
    offered: Flag = True


@dataclass(frozen=True)
class Catalogue:
    """Everything that was read, checked, and not yet written."""

    plans: PlansFile
    setups: dict[str, SetupFile]

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

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.withdrawn)


def read(*, plans: Path, images: Path) -> Catalogue:
    """Read and check every file. CatalogError."""
    offered = _parse(plans, PlansFile)
    for slug, plan in offered.plans.items():
        if plan.gpu and plan.gpu.gpu_class not in offered.gpu_classes:
            known = ", ".join(offered.gpu_classes) or "none"
            reason = f"unknown class {plan.gpu.gpu_class!r}; known: {known}"
            raise CatalogError(plans, f"plans.{slug}.gpu.class", reason)
    setups: dict[str, SetupFile] = {}
    for file in sorted(images.glob("*/setup.toml")):
        slug = file.parent.name
        if len(slug) > 40 or not re.fullmatch(SLUG, slug):
            reason = "the folder's name becomes the slug: a-z, 0-9 and single dashes, at most 40"
            raise CatalogError(file, "", reason)
        setups[slug] = _parse(file, SetupFile)
        _no_doubles(file, setups[slug])
    if not setups:  # rather a mistaken folder than a wish to withdraw everything
        raise CatalogError(images, "", "no setup.toml in any folder of it")
    return Catalogue(plans=offered, setups=setups)


@transaction.atomic
def write(catalogue: Catalogue) -> Loaded:
    """Bring the tables to what the files say, in one transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    loaded = Loaded()
    for slug, card in catalogue.plans.gpu_classes.items():
        _upsert(GpuClass, slug, card.model_dump(), loaded)
    for position, (slug, plan) in enumerate(catalogue.plans.plans.items()):
        _upsert(Plan, slug, _plan_columns(plan, position), loaded)
    for slug, setup in catalogue.setups.items():
        _upsert(Setup, slug, _setup_columns(setup), loaded)
    _withdraw(Plan, set(catalogue.plans.plans), loaded)
    _withdraw(Setup, set(catalogue.setups), loaded)
    return loaded


def _parse(file: Path, kind: type[_File]) -> _File:
    try:
        return kind.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise CatalogError(file, "", "there is no such file") from None
    except OSError as error:
        raise CatalogError(file, "", f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogError(file, "", f"not valid TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if part != "[key]")
        raise CatalogError(file, key, first["msg"]) from error


def _no_doubles(file: Path, setup: SetupFile) -> None:
    for key in ("name", "port"):
        values = [getattr(app, key) for app in setup.apps]
        double = next((value for value in values if values.count(value) > 1), None)
        if double is not None:
            raise CatalogError(file, f"apps.{key}", f"{double!r} stands there twice")


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


def _setup_columns(setup: SetupFile) -> dict[str, Any]:
    columns = setup.model_dump(exclude={"title", "summary", "apps"})
    return columns | {
        "title_en": setup.title.en,
        "title_zh": setup.title.zh,
        "summary_en": setup.summary.en,
        "summary_zh": setup.summary.zh,
        "apps": [app.model_dump() for app in setup.apps],
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
