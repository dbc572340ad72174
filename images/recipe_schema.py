"""What a setup.toml may say of how it is prepared and run. See `schema`."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from images.values import Argument, GitId, Https, Inside, Setting, Text40, Text80, Variable, Within


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Strict):
    """A tree that whoever builds has to give: known by its Git tree id, or by its commit alone."""

    name: Text40
    tree: GitId | None = None
    commit: GitId | None = None
    url: Https | None = None
    licence: Text80 | None = None

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        if self.tree is None and self.commit is None:
            raise ValueError("name its tree, or at least its commit")
        return self


class Part(Source):
    """A tree of its own within the source, where the WebUI would have fetched it to."""

    path: Within


class Install(Strict):
    """How the folder is prepared: the same steps in an image and on one machine."""

    requirements: Inside | None = None
    steps: tuple[Inside, ...] = ()
    source: Source | None = None
    parts: Annotated[tuple[Part, ...], Field(max_length=16)] = ()


Kind = Literal["checkpoint", "lora", "vae", "embedding", "controlnet", "upscaler"]
PLACEHOLDERS = ("port", "data", "outputs", "setup", "source")


def _filled(argument: str) -> str:
    for name in re.findall(r"\{(\w*)\}", argument):
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
            raise ValueError(f"unknown {{{name}}}; known: {known}")
    return argument


_Filled = Annotated[Argument, AfterValidator(_filled)]


class Launch(Strict):
    """How the shared recipe runs a WebUI from its source. Paths in it are within `{data}`, the
    WebUI's own folder on the person's disk."""

    main: Within  # in the source
    arguments: tuple[_Filled, ...]
    without_gpu: tuple[_Filled, ...] = ()  # more of them, where there is none
    environment: dict[Variable, _Filled] = {}
    models: dict[Kind, Within] = {}  # where it looks for each kind
    extensions: Within | None = None
    outputs: Within | None = None  # becomes the person's own folder of pictures
    # JSON file → its key → which of the setup's settings it begins with
    defaults: dict[Within, dict[Text80, Setting]] = {}
    # What else of the person's own it reads at every start: put aside where it is not of this kind
    own_files: dict[Within, Literal["csv", "json", "yaml", "sqlite"]] = {}
    samples: Within | None = None  # a table of prompts, in the A1111 family's own format
    workflows: Within | None = None  # where the creator's files of this name are shown

    @model_validator(mode="after")
    def _has_a_port(self) -> Self:
        if not any("{port}" in one for one in self.arguments):
            raise ValueError("no argument says {port}, so it would listen somewhere else")
        return self
