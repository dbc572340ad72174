"""A WebUI's container image, built with the stand-in for its source, and what runs in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from images import build, digest, folders, tools
from images.install import Given
from tests.images.standins import SOURCE, WebUI, a_standin, keeps_the_contract
from tests.running import eventually, free_port

pytestmark = [
    pytest.mark.node,
    pytest.mark.desktop,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="the Debian below it is made by root"),
    pytest.mark.skipif(
        not (shutil.which("buildah") and shutil.which("mmdebstrap")),
        reason="no buildah or no mmdebstrap here",
    ),
]
NAME = "localhost/atelier-test/stand-in:1.0"


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory, port: int) -> Path:
    return a_standin(tmp_path_factory.mktemp("more"), port=port).parent


@pytest.fixture(scope="module")
def image(more: Path) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATELIER_SETUPS_FOLDER", str(more))
        yield build.build("stand-in", name=NAME, given=Given(SOURCE))
    tools.run("buildah", "rmi", NAME)


@pytest.fixture(scope="module")
def container(image: str) -> Iterator[str]:
    made = tools.builder().run("from", "--pull-never", image).strip()
    yield made
    tools.run("buildah", "rm", made)


def inside(container: str, *words: str) -> list[str]:
    """The command that runs this in the container, as its own user."""
    how = ["--isolation", "chroot", "--network", "host"]
    env = {"HOME": "/home/desk", "DESK_SETUP": "/opt/setup", "DESK_MODELS": "/nowhere"}
    told = [word for name, value in env.items() for word in ("--env", f"{name}={value}")]
    return ["buildah", "run", *how, *told, container, "--", *words]


def test_it_keeps_the_contract_in_its_image(container: str, port: int) -> None:
    env = os.environ | {"CONTAINERS_STORAGE_CONF": str(tools.cache() / "storage.conf")}
    process = subprocess.Popen(inside(container, "/opt/setup/start"), env=env)
    try:
        webui = WebUI(port)
        eventually(lambda: webui.get("/healthz")[0] == 200, what="the stand-in", seconds=60)
        mounted = Path(tools.builder().run("mount", container).strip())
        pictures = mounted / "home/desk/Outputs/Stand-in"
        keeps_the_contract(webui, lambda name: (pictures / name).read_bytes())
        assert all(file.stat().st_uid == 1000 for file in pictures.iterdir())
        assert webui.told()["environment"] == "/opt/setup/source"
    finally:
        process.terminate()
        process.wait()
        tools.run("buildah", "umount", container)


def test_it_says_what_it_is_and_what_is_in_it(image: str, container: str, more: Path) -> None:
    config = json.loads(tools.builder().run("inspect", "--type", "image", image))["OCIv1"][
        "config"
    ]
    places = folders.find(more=more)
    assert config["Labels"]["dev.atelier.setup"] == "stand-in"
    assert config["Labels"]["dev.atelier.digest"] == digest.of("stand-in", places)
    assert config["User"] == "1000:1000"
    done = tools.run(*inside(container, "cat", "/opt/bill-of-materials.cdx.json"))
    named = {one["name"] for one in json.loads(done.stdout)["components"]}
    assert {"xvfb", "openbox", "python3"} <= named


def test_nothing_of_the_workshop_or_of_what_was_given_is_left_elsewhere(container: str) -> None:
    done = tools.run(*inside(container, "ls", "-A", "/tmp", "/opt/setup"))
    listed = done.stdout.split()
    assert {"run.py", "start", "source", "setup.toml"} <= set(listed)
    assert not {"recipe", "given"} & set(listed)
    done = tools.run(*inside(container, "touch", "/opt/setup/mine"))
    assert done.returncode != 0, "the setup is read-only for whoever works there"
