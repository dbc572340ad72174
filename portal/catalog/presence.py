"""Whether this installation has what a setup takes; and if not, what an operator runs.

Asked when a page is made, not when the catalogue is loaded: a source may be given any day.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from images import shelf
from images.folders import IMAGES
from images.recipes import RecipeError
from portal.catalog.models import Setup


@dataclass(frozen=True, slots=True)
class Presence:
    here: bool
    command: str = ""  # what makes it be here, typed where the platform is installed
    # "source": its source was not given; "image": nobody said where its image comes from;
    # "version": what that version was made of is gone; "file": its file is wrong now
    lacks: str = ""


HERE = Presence(here=True)


def of(setup: Setup) -> Presence:
    """`setup` may be an earlier edition of one."""
    if settings.ATELIER.driver == "local":
        return _on_this_machine(setup)
    if settings.ATELIER.driver == "kubernetes" and not image(setup):
        return Presence(False, f"./dev images build {setup.slug}{_brought(setup)}", "image")
    return HERE


def image(setup: Setup) -> str:
    """The container image for clusters; empty where neither setup nor installation names one."""
    registry = settings.ATELIER.kube_image_registry
    return setup.image or (f"{registry}/{setup.slug}:{setup.version}" if registry else "")


def _on_this_machine(setup: Setup) -> Presence:
    if setup.superseded:  # its recipe has gone on; what was prepared of it may still be there
        lacks = Presence(False, lacks="version")
        return HERE if _prepared(setup.slug, setup.version) else lacks
    if setup.left_out:  # as it was published, it can be had where it is prepared
        lacks = Presence(False, f"./dev setups check {setup.slug}", "file")
        return HERE if _prepared(setup.slug, setup.version, setup.digest) else lacks
    brought = _brought(setup)
    if not brought:
        return HERE  # it is prepared at the first start
    # Where only the WebUI itself has to be given, all that stands on it follows.
    recipe = setup.slug if setup.extensions else setup.extends or setup.slug
    lacks = Presence(False, f"./dev setups prepare {recipe}{brought}", "source")
    return HERE if _prepared(recipe) else lacks


def _brought(setup: Setup) -> str:
    """The options that name what has to be given."""
    source = " --source FOLDER" if setup.needs_source else ""
    return source + (" --extensions FOLDER" if setup.extensions else "")


def _prepared(slug: str, version: str = "", digest: str = "") -> bool:
    try:
        return _shelf().find(slug, version, digest) is not None
    except (shelf.NotHere, RecipeError):
        return False


def _shelf() -> shelf.Shelf:
    platform = settings.ATELIER
    folder = platform.local_setups or platform.data / "setups"
    return shelf.Shelf(folder, folder / "models", images=IMAGES, more=platform.setups_folder)
