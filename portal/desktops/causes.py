"""Every cause of a wait or a failure, worded for people: what happened, why, what to do next.

A driver or the engine room says a key and values; this file says the sentences. An unknown key
never reaches a page: it reads as `driver_error`, and its technical lines stay for the operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.desktops.cause_table import GENERIC, TABLE, Row
from portal.desktops.lengths import gigabytes, length

# Values that arrive as bare numbers, and the word that a sentence has for them.
_MIB = {"need_mib": "need", "have_mib": "have", "used_mib": "used", "size_mib": "size"}


@dataclass(frozen=True)
class Cause:
    """One cause, ready to be read."""

    key: str
    headline: str
    why: str
    step: str
    retry: bool  # trying the same again may help
    log: tuple[str, ...] = ()  # technical lines, for the person who runs this site


def worded(key: str, detail: Mapping[str, Any] | None = None, **known: object) -> Cause:
    """The cause in the language of the moment; `known` fills what the detail does not say."""
    row = TABLE.get(key, GENERIC)
    values = _values({**known, **(detail or {})})
    if known.get("setup"):  # a driver knows a setup by its slug alone
        values["setup"] = known["setup"]
    return Cause(
        key=key,
        headline=str(row.headline),
        why=_why(row, values),
        step=str(row.step),
        retry=row.retry,
        log=_log(detail or {}),
    )


def _why(row: Row, values: dict[str, object]) -> str:
    """The full sentence where every value is known, else the one that needs none."""
    try:
        return str(row.why).format_map(values)
    except (KeyError, IndexError, ValueError):
        return str(row.plain or GENERIC.why)


def _values(raw: Mapping[str, Any]) -> dict[str, object]:
    values: dict[str, object] = {k: v for k, v in raw.items() if v not in (None, "")}
    for source, word in _MIB.items():
        if isinstance(raw.get(source), int | float):
            values[word] = gigabytes(raw[source])
    if isinstance(raw.get("eta_s"), int | float):
        values["eta"] = length(raw["eta_s"])
    return values


def _log(detail: Mapping[str, Any]) -> tuple[str, ...]:
    lines = detail.get("log", ())
    if isinstance(lines, str):
        lines = lines.splitlines()
    if not isinstance(lines, list | tuple):
        return ()
    return tuple(str(line)[:400] for line in lines)[-40:]
