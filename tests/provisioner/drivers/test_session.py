"""The real session in a real desktop: it streams to whoever knows the secret, and heals."""

from __future__ import annotations

import os
import signal

from provisioner.states import Observed
from tests.provisioner.drivers.contract import look
from tests.provisioner.drivers.studio import NEEDS, SECRET, Studio, a_studio
from tests.running import eventually

__all__ = ["a_studio"]
pytestmark = NEEDS


def test_it_answers_nobody_who_does_not_know_the_secret(studio: Studio) -> None:
    for path in ("/", "/api/files/", "/api/screenshot", "/api/websockets"):
        assert studio.ask(path, secret=None)[0] == 401, path
        assert studio.ask(path, secret="guessed")[0] == 401, path
    status, page = studio.ask("/")
    assert status == 200
    assert b"<html" in page.lower()


def test_the_secret_stands_on_no_command_line(studio: Studio) -> None:
    pids = studio.pids()
    assert len(pids) > 6
    assert studio.pids(SECRET) == []


def test_the_phases_are_told_in_order(studio: Studio) -> None:
    phases = look(studio.driver, studio.id).progress["phases"]
    assert [phase["key"] for phase in phases] == ["card", "disk", "setup", "desktop"]
    assert all(phase["started_at"] <= phase["ended_at"] for phase in phases)


def test_a_file_made_inside_can_be_fetched_and_one_can_be_brought(studio: Studio) -> None:
    (studio.home / "note.txt").write_text("made in the terminal")
    os.chmod(studio.home / "note.txt", 0o644)
    assert studio.ask("/api/files/note.txt") == (200, b"made in the terminal")
    status, said = studio.ask(
        "/api/upload",
        method="POST",
        body=b"brought along",
        X_Upload_Path="brought.txt",
        X_Upload_Id="1",
        X_Upload_Offset="0",
        X_Upload_Final="1",
    )
    assert status in (200, 201), said
    assert (studio.home / "brought.txt").read_bytes() == b"brought along"


def test_an_apps_port_comes_out_as_a_socket(studio: Studio) -> None:
    eventually(lambda: studio.ask("/", app="webui")[0] == 200, what="the app")
    assert studio.ask("/picture.txt", app="webui") == (200, b"painted here\n")
    assert studio.ask("/missing", app="webui")[0] == 404


def test_a_killed_streamer_comes_back_and_the_desktop_stays(studio: Studio) -> None:
    before = look(studio.driver, studio.id)
    [x_server] = studio.pids("Xvfb")
    [streamer] = studio.pids("-m selkies")
    os.kill(streamer, signal.SIGKILL)
    eventually(lambda: studio.pids("-m selkies") not in ([], [streamer]))
    eventually(lambda: studio.ask("/api/health")[0] == 200, what=studio.said())
    after = look(studio.driver, studio.id)
    assert (after.observed, after.endpoint) == (Observed.READY, before.endpoint)
    assert studio.pids("Xvfb") == [x_server]


def test_a_desktop_without_its_screen_has_died_and_starts_again_with_its_files(
    studio: Studio,
) -> None:
    (studio.home / "kept.txt").write_text("kept")
    [x_server] = studio.pids("Xvfb")
    os.kill(x_server, signal.SIGKILL)
    eventually(lambda: look(studio.driver, studio.id).observed == Observed.FAILED)
    eventually(lambda: studio.pids() == [])
    seen = look(studio.driver, studio.id)
    assert seen.cause == "desktop_died"
    assert any("the X server ended" in line for line in seen.detail["log"])
    studio.driver.stop(studio.id)
    studio.start(generation=2)
    assert (studio.home / "kept.txt").read_text() == "kept"
