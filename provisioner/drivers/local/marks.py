"""How far a start has come, from what the driver wrote and what the session said. Pure.

The session runs as the tenant: its words are cut to shape before anybody else reads them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from provisioner.drivers.local.folders import State

PHASES = ("setup", "desktop")  # the session's part of them, in this order


def progress(
    state: State, said: dict[str, Any], preparing: dict[str, Any] | None = None
) -> dict[str, Any]:
    """As `Observation.progress` wants it; `preparing` as `preparing.py` writes it."""
    phases = [_phase("card", state.claimed_at, state.claimed_at)]
    phases.append(_phase("disk", state.claimed_at, state.disk_at or None))
    if state.spawned_at:
        phases += _said(said) or [_phase("setup", state.spawned_at, None)]
        if state.prepared_at:  # what was fetched before the session is part of it
            phases[2]["started_at"] = state.disk_at
    elif preparing:
        amount = {key: preparing[key] for key in ("done", "total", "unit", "what")}
        phases.append(_phase("setup", state.disk_at, None) | amount)
        return {"phases": phases, "moved_at": preparing["moved_at"]}
    return {"phases": phases}


def _said(said: dict[str, Any]) -> list[dict[str, Any]]:
    listed = said.get("phases")
    if not isinstance(listed, list):
        return []
    found = []
    for key, phase in zip(PHASES, listed, strict=False):
        if not isinstance(phase, dict) or phase.get("key") != key:
            break
        began, ended = _moment(phase.get("started_at")), _moment(phase.get("ended_at"))
        if began is None:
            break
        found.append(_phase(key, began, ended))
    return found


def _moment(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.isoformat() if moment.tzinfo else None


def _phase(key: str, began: str, ended: str | None) -> dict[str, Any]:
    return {
        "key": key,
        "started_at": began,
        "ended_at": ended,
        "done": None,
        "total": None,
        "unit": "bytes",
    }
