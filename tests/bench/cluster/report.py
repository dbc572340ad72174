"""The table for people, and the JSON for programs."""

from __future__ import annotations

import sys
from typing import Any

from tests.bench import figures
from tests.bench.cluster.measured import Load, spread
from tests.bench.cluster.ours import OURS

_KEYS = (
    *("floor", "ours", "floor_first", "ours_first", "floor_one_tenant", "ours_one_tenant"),
    "floor_pods_only",
)
_TITLES = {
    "floor": "start, 50 tenants: floor",
    "ours": "start, 50 tenants: ours",
    "floor_first": "first launch, 50 tenants: floor",
    "ours_first": "first launch, 50 tenants: ours",
    "floor_one_tenant": "start, one tenant: floor",
    "ours_one_tenant": "start, one tenant: ours",
    "floor_first_one_tenant": "first launch, one tenant: floor",
    "ours_first_one_tenant": "first launch, one tenant: ours",
    "floor_pods_only": "pods alone: floor",
    "floor_alone": "one at a time: floor",
    "ours_alone": "one at a time: ours",
    "ours_seen": "one at a time, a page open: ours",
}


def result(loads: dict[str, Load], extra: dict[str, Any]) -> dict[str, Any]:
    """What the last line says."""
    found: dict[str, Any] = {}
    for key in _KEYS:
        if key in loads:
            found[key] = loads[key].figures()
            if key.startswith("ours"):
                found[key]["cpu_ms_per_launch"] = round(loads[key].cpu_ms(*OURS), 2)
    if "ours_alone" in loads:
        alone = loads["ours_alone"]
        found["unloaded"] = {
            "accepted_to_pod_s": spread(alone.to_pod_s()),
            "ready_to_row_s": spread(loads["ours_seen"].ready_to_row_s),
            "ready_to_browser_s": spread(loads["ours_seen"].ready_to_browser_s),
        }
    if "ours" in loads:
        found["ready_to_row_s"] = spread(loads["ours"].ready_to_row_s)
        found["ready_to_browser_s"] = spread(loads["ours"].ready_to_browser_s)
    if steady := extra.get("steady"):
        keys = ("desktops", "requests_per_s", "cpu_percent", "rss_mib")
        found["steady"] = {key: getattr(steady, key) for key in keys}
    if recovery := extra.get("recovery"):
        found["recovery_s"] = recovery.recovery_s
    return found


def show(loads: dict[str, Load], extra: dict[str, Any]) -> None:
    out = sys.stdout.write
    head = ("", "launches/s", "→ pod p50/p95/p99 s", "→ ready p50/p95/p99 s", "stops/s")
    rows = [head]
    for key, title in _TITLES.items():
        if key in loads:
            load = loads[key]
            to_pod, to_ready = _three(load.to_pod_s()), _three(load.to_ready_s())
            stops = f"{load.stops_per_s:.1f}"
            rows.append((title, f"{load.launches_per_s:.1f}", to_pod, to_ready, stops))
    _columns(rows)
    out("\nCPU a launch, ms\n")
    for key, title in _TITLES.items():
        if key in loads:
            out(f"  {title}: {cpu(loads[key])}\n")
    out("\n")
    figures.table([("", "seen", "aim"), *_aims(loads, extra)])
    for key in ("steady", "recovery", "crowded"):
        if key in extra:
            out(f"{extra[key]}\n")


def cpu(load: Load) -> str:
    names = sorted(load.cpu_s, key=lambda name: (name not in OURS, -load.cpu_s[name]))
    return ", ".join(f"{name} {load.cpu_ms(name):.1f}" for name in names)


def last_line(found: dict[str, Any]) -> None:
    figures.last_line(found)


def _aims(loads: dict[str, Load], extra: dict[str, Any]) -> list[tuple[str, str, str]]:
    rows = []
    for key in ("ours", "ours_first", "ours_one_tenant"):
        bare = key.replace("ours", "floor")
        if key in loads and bare in loads:
            ours, low = loads[key], loads[bare]
            share = ours.launches_per_s / low.launches_per_s
            slower = _p50(ours.to_ready_s()) / _p50(low.to_ready_s())
            title = _TITLES[key].partition(":")[0]
            rows.append((f"{title}: launches/s", f"{share:.2f} × floor", "≥ 0.5 × floor"))
            rows.append((f"{title}: → ready p50", f"{slower:.2f} × floor", "≤ 2 × floor"))
        if key in loads:
            spent = f"{loads[key].cpu_ms(*OURS):.1f} ms"
            rows.append((f"{_TITLES[key].partition(':')[0]}: CPU", spent, "≤ 12 ms a launch"))
    if "ours_alone" in loads:
        alone, seen = loads["ours_alone"], loads["ours_seen"]
        rows.append(("one at a time: accepted → pod", _ms(alone.to_pod_s()), "p50 ≤ 15 ms"))
        rows.append(("one at a time: ready → row", _ms(seen.ready_to_row_s), ""))
        told = _ms(seen.ready_to_browser_s)
        rows.append(("one at a time: ready → browser", told, "p50 ≤ 15 ms"))
    if "ours" in loads:
        rows.append(("loaded: ready → row", _ms(loads["ours"].ready_to_row_s), ""))
        told = _ms(loads["ours"].ready_to_browser_s)
        rows.append(("loaded: ready → browser", told, "p50 ≤ 15 ms"))
    if steady := extra.get("steady"):
        title = f"steady, {steady.desktops} running"
        rows.append((f"{title}: CPU", f"{steady.cpu_percent} %", "≤ 2 % of a core"))
        memory = f"{steady.rss_mib} MiB (PSS {steady.pss_mib})"
        rows.append((f"{title}: memory", memory, "≤ 200 MiB"))
        rows.append((f"{title}: requests", f"{steady.requests_per_s}/s", ""))
    if recovery := extra.get("recovery"):
        title = f"recovery after kill -9, {recovery.known} pods"
        rows.append((title, f"{recovery.recovery_s} s", "≤ 2 s"))
    if crowded := extra.get("crowded"):
        title = f"recovery after kill -9, {crowded.known} pods"
        rows.append((title, f"{crowded.recovery_s} s", ""))
    return rows


def _p50(values: list[float]) -> float:
    return figures.percentile(values, 0.5)


def _three(values: list[float]) -> str:
    return " / ".join(f"{value:.3f}" for value in spread(values).values())


def _ms(values: list[float]) -> str:
    shown = " / ".join(f"{1000 * value:.1f}" for value in spread(values).values())
    return f"{shown} ms (p50/p95/p99 of {len(values)})"


def _columns(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
