#!/usr/bin/python3
"""The session inside a desktop: X server, window manager, panel, sound, terminal, streamer.

Runs as the desktop's own unprivileged user, on one machine (in a sandbox) and on a cluster (in a
container) alike; README.md beside this file is the contract. Standard library only.

Ends, and the desktop with it, when the X server ends, or when the streamer cannot be kept alive.
"""

from __future__ import annotations

import os
import sys

import place


def prepare() -> bool:
    """The home's first files, and whatever the setup wants done before anything starts."""
    for step in (place.lay_out_models, place.furnish_home):
        try:
            step()
        except OSError as error:  # a full disk is emptied from inside the desktop
            place.say(f"the home could not be furnished: {error}")
    script = place.SETUP / "prepare"
    if not os.access(script, os.X_OK):
        return True
    pid = os.posix_spawn(script, [str(script)], place.environment())
    return os.waitpid(pid, 0)[1] == 0


def main() -> int:
    os.umask(0o007)  # the gateway's group may use the sockets; nobody else may see anything
    if not place.SECRET:
        place.say("ends: there is no secret; a desktop without one would be open to anybody")
        return 2
    os.chdir(place.HOME)
    place.OWN.mkdir(mode=0o700, exist_ok=True)
    marks = place.Marks()
    marks.begin("setup")
    if not prepare():
        place.say("ends: the setup could not be prepared")
        return 3
    marks.begin("desktop")
    place.write_cookie()
    # Before anything else is even imported: when it looks for the X server, that will be there.
    streamer = place.start_streamer()
    import room

    return room.run(marks, streamer)


if __name__ == "__main__":
    sys.exit(main())
