"""What a setup.toml may say. Every complaint names the file, the key and the reason.

Needs pydantic and nothing else; the portal's catalogue and the image builder read the same words.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StringConstraints,
    ValidationError,
)

from images import reading
from images.folders import LeftOut, Place, SetupError
from images.recipe_schema import Install, Kind, Launch, Strict
from images.values import (
    Flag,
    GitId,
    Https,
    Mib,
    Picture,
    Position,
    Prompt,
    Sha256,
    Slug,
    Text40,
    Text60,
    Text80,
    Text160,
    Text240,
    Weights,
    json_only,
    text,
)

_File = TypeVar("_File", bound=BaseModel)


class Words60(Strict):
    en: Text60
    zh: Text60


class Words160(Strict):
    en: Text160
    zh: Text160


class Words240(Strict):
    en: Text240
    zh: Text240


class App(Strict):
    """A web application inside the desktop."""

    name: Slug
    port: Annotated[int, Field(strict=True, ge=1024, le=65535)]
    title: Text60
    # Answers 2xx once the application can be used.
    health: Annotated[str, StringConstraints(pattern=r"^/[!-~]{0,199}$", strict=True)] = "/"


class Link(Strict):
    title: Text40
    url: Https


class Model(Strict):
    title: Text80
    kind: Kind
    file: Weights
    url: Https
    sha256: Sha256
    size_bytes: Annotated[int, Field(strict=True, ge=1, le=2**40)]
    licence: Text80
    licence_url: Https | None = None


class Extension(Strict):
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
    url: Https
    commit: GitId
    tree: GitId | None = None  # without it, a checkout has to be given
    licence: Text80


_Side = Annotated[int, Field(strict=True, ge=64, le=4096, multiple_of=8)]


class Sample(Strict):
    """Words to begin with, and how they were meant."""

    prompt: Prompt
    prompt_zh: Prompt | None = None
    negative: Annotated[str, text(1000, least=0)] = ""
    width: _Side | None = None
    height: _Side | None = None
    steps: Annotated[int, Field(strict=True, ge=1, le=200)] | None = None
    guidance: Annotated[float, Field(ge=0, le=50)] | None = None
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32)] | None = None


class Setup(Strict):
    """A setup.toml."""

    title: Words60
    summary: Words240
    webui: Annotated[str, text(60, least=0)] = ""
    creator: Text60
    creator_url: Https | None = None
    avatar: Picture | None = None
    links: Annotated[tuple[Link, ...], Field(max_length=6)] = ()
    version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
    licence: Text80
    min_vram_mib: Mib
    size_mib: Annotated[Mib, Field(ge=1)] | None = None  # of the base, where it extends one
    image: Annotated[str, StringConstraints(max_length=255, pattern=r"^[!-~]*$")] = ""
    extends: Slug | None = None
    apps: tuple[App, ...] = ()
    install: Install | None = None
    launch: Launch | None = None
    models: Annotated[tuple[Model, ...], Field(max_length=64)] = ()
    extensions: Annotated[tuple[Extension, ...], Field(max_length=64)] = ()
    settings: Annotated[dict[str, Any], AfterValidator(json_only)] = {}
    samples: Annotated[tuple[Sample, ...], Field(max_length=24)] = ()
    cover: Picture
    position: Position = 100
    offered: Flag = True


def parse(file: Path, kind: type[_File]) -> _File:
    """One TOML file as what it should be. SetupError."""
    try:
        return kind.model_validate(reading.toml(file))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if part != "[key]")
        raise SetupError(file, key, _reason(first)) from error


@dataclass(frozen=True)
class Checked:
    """The setups that are in order, and those that are left out."""

    setups: dict[str, Setup] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)


def read(places: Mapping[str, Place]) -> dict[str, Setup]:
    """Every setup, checked by itself and against the one that it extends. SetupError."""
    checked = check(places)
    if checked.left_out:
        raise checked.left_out[0].error
    return checked.setups


def check(places: Mapping[str, Place]) -> Checked:
    """The same; what is wrong is left out, and so is what extends it. Never fails."""
    parsed: dict[str, Setup] = {}
    wrong: dict[str, SetupError] = {}
    for slug, place in places.items():
        try:
            parsed[slug] = parse(place.file, Setup)
            _check(place, parsed[slug])
        except SetupError as error:
            wrong[slug] = error
        except OSError as error:
            wrong[slug] = SetupError(place.file, "", f"cannot be read: {error}")
    for slug, setup in parsed.items():
        if setup.extends is None or slug in wrong:
            continue
        try:
            if setup.extends in wrong:
                raise without_its_base(places[slug].file, setup.extends, wrong[setup.extends])
            _check_base(places[slug], setup, parsed)
        except SetupError as error:
            wrong[slug] = error
    return Checked(
        {slug: parsed[slug] for slug in places if slug not in wrong},
        [LeftOut(slug, error) for slug, error in wrong.items()],
    )


def without_its_base(file: Path, base: str, why: Exception) -> SetupError:
    """What extends one that is left out."""
    return SetupError(file, "extends", f"{base!r} is left out itself: {why}")


def _check(place: Place, setup: Setup) -> None:
    """What no single key can know."""
    _once(place.file, "apps.name", (app.name for app in setup.apps))
    _once(place.file, "apps.port", (app.port for app in setup.apps))
    _once(place.file, "models.file", ((model.kind, model.file) for model in setup.models))
    _once(place.file, "extensions.name", (one.name for one in setup.extensions))
    if setup.size_mib is None and setup.extends is None:
        raise SetupError(place.file, "size_mib", "Field required")
    install = setup.install or Install()
    wanted = [("install.requirements", install.requirements, place.file.parent)]
    wanted += [
        (f"install.steps.{at}", step, place.folder) for at, step in enumerate(install.steps)
    ]
    for key, name, folder in wanted:
        if name is not None and not (folder / name).is_file():
            raise SetupError(place.file, key, f"there is no {name!r} in {folder}")
    if install.parts and install.source is None:
        raise SetupError(place.file, "install.parts", "parts of what? there is no install.source")
    if setup.launch is not None and install.source is None:
        raise SetupError(place.file, "launch", "runs an install.source, and there is none")
    if setup.launch is not None and not setup.apps:
        raise SetupError(place.file, "apps", "launch needs to know at which port: [[apps]]")
    if place.shares_its_folder and setup.launch is None:
        raise SetupError(place.file, "launch", "Field required")


def _check_base(place: Place, setup: Setup, setups: Mapping[str, Setup]) -> None:
    def wrong(key: str, reason: str) -> SetupError:
        return SetupError(place.file, key, reason)

    name = str(setup.extends)
    if name == place.slug:
        raise wrong("extends", "a setup cannot extend itself")
    base = setups.get(name)
    if base is None:
        known = ", ".join(slug for slug, one in setups.items() if one.extends is None)
        raise wrong("extends", f"unknown setup {name!r}; known: {known}")
    if base.extends is not None:
        raise wrong("extends", f"{name!r} extends {base.extends!r} itself; one level only")
    for key in ("install", "launch", "apps", "image"):
        if getattr(setup, key):
            raise wrong(key, f"comes from {name!r}, which this setup extends; leave it out")


def _once(file: Path, key: str, values: Iterable[Hashable]) -> None:
    seen: set[Hashable] = set()
    for value in values:
        if value in seen:
            said = "/".join(value) if isinstance(value, tuple) else repr(value)
            raise SetupError(file, key, f"{said} stands there twice")
        seen.add(value)


def _reason(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key; not permitted here"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    return str(error["msg"])
