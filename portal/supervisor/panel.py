"""What people read in the terminal."""

from __future__ import annotations

from portal.supervisor.places import Places

DEMO = ("demo@atelier.local", "atelier-demo")
STAFF = ("olga@atelier.local", "atelier-olga")


def up(places: Places, *, detached: bool, warning: str = "") -> str:
    lines = [
        ("Open", places.url),
        ("Demo log-in", f"{DEMO[0]}   {DEMO[1]}"),
        ("Staff log-in", f"{STAFF[0]}   {STAFF[1]}"),
        ("Data", f"{places.data}   (logs in logs/)"),
        ("Stop", "./dev down" if detached else "Ctrl-C, or ./dev down"),
    ]
    width = max(len(name) for name, _ in lines) + 2
    body = "\n".join(f"  {name:<{width}}{value}" for name, value in lines)
    more = f"\n  Desktops will not all start on this machine. {warning}\n" if warning else ""
    return f"\n  Atelier is running.\n\n{body}\n{more}"


def status(entries: list[dict[str, object]], *, running: bool, places: Places) -> str:
    head = (
        f"Atelier on {places.data} is {'running at ' + places.url if running else 'not running'}."
    )
    rows = [
        f"  {entry['name']:<11}{entry['pid'] or '-':>8}  "
        f"{'well' if entry['healthy'] else 'down':<6}restarts {entry['restarts']}"
        for entry in entries
    ]
    return "\n".join([head, *rows])
