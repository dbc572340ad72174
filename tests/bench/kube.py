"""`./dev bench kube`: launches on a real Kubernetes, beside a floor measured in the same run.

docs/benchmarks.md says what each figure means. Everything shares one machine: control plane, fake
nodes, PostgreSQL, the platform, and what measures it.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.cluster import endurance, floor, report
from tests.bench.cluster.ears import Ears
from tests.bench.cluster.floor import Floor
from tests.bench.cluster.measured import Load
from tests.bench.cluster.ours import OURS, Ours
from tests.bench.cluster.profiling import profiled
from tests.bench.cluster.scene import Scene, scene
from tests.running import eventually

TENANTS = 50
PAGES = 5  # of so many of the tenants somebody has the list open
GPUS = 8  # of one fake node
_CORES = os.cpu_count()


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left behind
    began_s = time.monotonic()
    loads: dict[str, Load] = {}
    extra: dict[str, Any] = {}
    for part in options.parts:
        with scene(_machines(options)) as one:  # nobody finds what another one left
            if part == "floor":
                measure_floor(one, options, loads)
            else:
                extra = measure_ours(one, options, loads)
    result = report.result(loads, extra)
    report.show(loads, extra)
    load_1m = os.getloadavg()[0]
    sys.stdout.write(
        f"\n{options.launches} launches over {TENANTS} tenants, {options.one_tenant} in one; "
        f"{options.outstanding} outstanding; "
        f"{time.monotonic() - began_s:.0f} s; load {load_1m:.1f} on {_CORES} cores\n"
    )
    report.last_line(result)


_DEFAULTS = {  # usually, and with --quick
    "launches": (1000, 150),
    "one_tenant": (1000, 100),
    "alone": (50, 10),
    "desktops": (5000, 300),
    "steady_s": (120, 20),
    "in_flight": (200, 50),
    "known": (1000, 100),
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench kube")
    parser.add_argument("--launches", type=int)
    parser.add_argument("--outstanding", type=int, default=100)
    parser.add_argument("--alone", type=int, help="launches one at a time")
    parser.add_argument("--desktops", type=int, help="running in the steady state")
    parser.add_argument("--steady-s", type=float)
    parser.add_argument("--in-flight", type=int, help="when worker and watch are killed")
    parser.add_argument("--known", type=int, help="running when they are killed the first time")
    parser.add_argument("--one-tenant", type=int, help="launches within one tenant")
    parser.add_argument("--quick", action="store_true", help="small numbers: does it work?")
    parts = ["floor", "ours"]
    parser.add_argument("--parts", nargs="+", default=parts, choices=parts, help="in this order")
    parser.add_argument("--profile", type=Path, help="a folder: where the CPU of ours goes")
    options = parser.parse_args()
    for name, (usual, quick) in _DEFAULTS.items():
        if getattr(options, name) is None:
            setattr(options, name, quick if options.quick else usual)
    return options


def _machines(options: argparse.Namespace) -> int:
    """Enough for all that run at once, and a few over: nobody is to wait for a card here."""
    most = max(options.desktops, options.launches)
    return -(-(most + 3 * options.in_flight + 100) // GPUS)


def say(what: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {what}\n")
    sys.stderr.flush()


def measure_floor(one: Scene, options: argparse.Namespace, loads: dict[str, Load]) -> None:
    bare = Floor(one, outstanding=options.outstanding)
    count = options.launches

    def run(name: str, desks: list[Any], mode: floor.Mode, outstanding: int | None = None) -> Load:
        say(f"floor: {name} …")
        load = bare.launch(desks, mode, outstanding=outstanding)
        bare.stop(desks, load)
        loads[name] = load
        say(str(load.figures()))
        return load

    desks = bare.desks(count, tenants=TENANTS)
    run("floor_first", desks, floor.FIRST)
    desks = floor.again(desks)
    run("floor", desks, floor.START)
    run("floor_alone", floor.again(desks)[: options.alone], floor.START, outstanding=1)
    run("floor_pods_only", bare.desks(count, tenants=TENANTS), floor.POD_ONLY)
    single = bare.desks(options.one_tenant, tenants=1)
    run("floor_first_one_tenant", single, floor.FIRST)
    run("floor_one_tenant", floor.again(single), floor.START)


def measure_ours(
    one: Scene, options: argparse.Namespace, loads: dict[str, Load]
) -> dict[str, Any]:
    ours = Ours(one, outstanding=options.outstanding)
    say("ours: platform up …")
    try:
        ours.up()
        actors = ours.people(TENANTS + 1)
        desktops = _loads(ours, actors, options, loads)
        extra = _endurance(ours, actors, desktops, options)
        extra["left"] = ours.statuses()
        return extra
    except BaseException:
        say(ours.platform.logs(30))
        raise
    finally:
        ours.platform.end()


def _loads(
    ours: Ours, actors: list[Any], options: argparse.Namespace, loads: dict[str, Load]
) -> dict[Any, Any]:
    """Every load that has a floor; answers all desktops there are, none of which runs."""
    say("ours: every tenant's namespace …")
    warm, _load = ours.launch(actors, len(actors))
    ours.stop(warm)
    many, single = actors[:TENANTS], actors[TENANTS:]
    say("ours: first launches …")
    desktops, load = ours.launch(many, options.launches)
    _note(ours, "ours_first", load, desktops, loads)
    ears = ours.browsers(many[:PAGES])
    try:
        say("ours: starts …")
        load = _profiled(ours, desktops, options.profile)
        _note(ours, "ours", load, desktops, loads, ears)
        say("ours: one at a time, with pages open …")
        seen = [id for id, actor in desktops.items() if actor in many[:PAGES]]
        some = {id: desktops[id] for id in seen[: options.alone]}
        ears.forget()
        load = ours.start(some, outstanding=1)
        _note(ours, "ours_seen", load, some, loads, ears)
    finally:
        ears.stop()
    say("ours: one at a time …")
    _note(ours, "ours_alone", ours.start(some, outstanding=1), some, loads)
    say("ours: one tenant …")
    alone, load = ours.launch(single, options.one_tenant)
    _note(ours, "ours_first_one_tenant", load, alone, loads)
    _note(ours, "ours_one_tenant", ours.start(alone), alone, loads)
    return desktops | alone


def _profiled(ours: Ours, desktops: dict[Any, Any], folder: Path | None) -> Load:
    if folder is None:
        return ours.start(desktops)
    pids = ours.pids()
    with profiled({name: pids[name] for name in OURS}, folder):
        return ours.start(desktops)


def _note(
    ours: Ours,
    name: str,
    load: Load,
    desktops: dict[Any, Any],
    loads: dict[str, Load],
    ears: Ears | None = None,
) -> None:
    """After a load: every row says "running", who heard when, and then everything is stopped."""
    _all_run(ours, len(desktops))
    if ears is not None:
        ours.told(desktops, load, ears)
    ours.stop(desktops, load)
    _rest(ours)
    loads[name] = load
    say(f"{load.figures()} {report.cpu(load)}")


def _endurance(
    ours: Ours, actors: list[Any], desktops: dict[Any, Any], options: argparse.Namespace
) -> dict[str, Any]:
    """`desktops`: all there are, none of which runs."""
    spare_count = options.in_flight * 3
    some = list(desktops.items())
    spare, wanted = dict(some[:spare_count]), dict(some[spare_count:])
    say(f"ours: {options.known} running, then kill -9 …")
    known = dict(list(wanted.items())[: options.known])
    ours.start(known)
    if (more := options.known - len(known)) > 0:
        made, _load = ours.launch(actors, more)
        known |= made
        wanted |= made
    _all_run(ours, len(known))
    recovery = endurance.recovery(ours, spare, in_flight=options.in_flight, rehearse=True)
    say(str(recovery))
    _stop_again(ours, spare, running=len(known))
    say(f"ours: up to {options.desktops} running …")
    ours.start({id: wanted[id] for id in wanted if id not in known})
    if (more := options.desktops - len(wanted)) > 0:
        made, _load = ours.launch(actors, more)
        wanted |= made
    _all_run(ours, len(wanted))
    say("ours: steady …")
    steady = endurance.steady(ours, options.steady_s)
    say(str(steady))
    say("ours: kill -9 again …")
    crowded = endurance.recovery(ours, spare, in_flight=options.in_flight)
    say(str(crowded))
    return {"steady": steady, "recovery": recovery, "crowded": crowded}


def _stop_again(ours: Ours, desktops: dict[Any, Any], *, running: int) -> None:
    """Those of them that run; `running` others stay."""
    ours.stop(ours.which_run(desktops))
    eventually(
        lambda: ours.statuses() == {"running": running, "stopped": ours.count() - running},
        seconds=120,
        what="the others rest",
    )


def _rest(ours: Ours) -> None:
    """Every row knows that its pod is gone."""
    at_rest = {"stopped"}
    eventually(lambda: set(ours.statuses()) <= at_rest, seconds=120, what="everything rests")
    if left := ours.scene.pods():
        raise RuntimeError(f"every row rests, and yet there are {left} pods")


def _all_run(ours: Ours, count: int) -> None:
    eventually(lambda: ours.statuses().get("running") == count, seconds=120, what="all run")


if __name__ == "__main__":
    main()
