"""The inspector: the house is as its plan says."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db.models import ForeignObject

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("portal", "billing", "provisioner")
LONGEST_FILE = 300
LONGEST_FUNCTION = 70

# Every column of Desktop, and the one file that may write it.
PENS = {
    "provisioner/desktops.py": {
        *("tenant", "tenant_id", "name", "spec", "desired", "generation", "secret"),
        *("gpu_class", "version_declined"),
        *("created_at", "wanted_at"),
    },
    "provisioner/observer.py": {
        *("observed", "observed_generation", "observed_at", "observed_since", "endpoint"),
        *("app_endpoints", "reason", "reason_detail", "progress", "limits"),
        *("observed_revision", "ready_generation"),
    },
    "provisioner/reconciler.py": {"attempts", "attempts_generation", "erased_at"},
    "provisioner/lease.py": {"look_after", "held_by"},
}
# One column has two writers by design: the will makes a row due, the hand keeps the rhythm.
SHARED = {("provisioner/desktops.py", "look_after")}


def sources(*, migrations: bool = False) -> list[Path]:
    found = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return [path for path in found if migrations or "migrations" not in path.parts]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def run(*command: str) -> tuple[int, str]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_calls_go_down_the_stairs() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    code, said = run(str(program), "--no-cache")
    assert code == 0, said


def test_code_is_formatted_and_clean() -> None:
    for words in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        code, said = run(sys.executable, "-m", "ruff", *words, ".")
        assert code == 0, said


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=1)


def test_every_package_introduces_itself() -> None:
    silent = [
        name_of(path)
        for path in sources()
        if path.name == "__init__.py"
        and not {"management", "commands", "templatetags"} & set(path.parts)
        and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent, "these say neither what they are nor what they must not do"


def test_files_and_functions_can_be_read_in_one_go() -> None:
    too_long = []
    for path in sources():
        text = path.read_text()
        lines = text.count("\n")
        if lines > LONGEST_FILE:
            too_long.append(f"{name_of(path)}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    too_long.append(f"{name_of(path)}:{node.lineno} {node.name}: {length} lines")
    assert not too_long


def test_corridors_do_not_exist() -> None:
    corridors = {"services.py", "utils.py", "helpers.py", "common", "core"}
    found = [name_of(path) for path in sources() if corridors & set(path.parts)]
    assert not found


def test_the_only_upward_reference_is_to_the_tenant() -> None:
    """The engine room and the counting room know the front's tables by one foreign key alone."""
    level = {"provisioner": 0, "billing": 1, "portal": 2}
    upward = {
        f"{model._meta.label}.{field.name} → {field.related_model._meta.label}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, ForeignObject) and field.concrete
        if _room(model) in level
        if level.get(_room(field.related_model), -1) > level[_room(model)]
    }
    assert upward == {"provisioner.Desktop.tenant → accounts.Tenant"}


def _room(model: object) -> str:
    return str(getattr(model, "__module__", "")).split(".")[0]


def written(path: Path) -> Iterator[tuple[str, int]]:
    """Columns of Desktop that this file seems to write, with line numbers.

    `desktop.column = …`, `.save(update_fields=…)`, and keywords of `.update(…)`, `.create(…)`,
    `Desktop(…)`.
    """
    columns = set().union(*PENS.values())
    for node in ast.walk(ast.parse(path.read_text())):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            if not isinstance(target, ast.Attribute) or not _is_desktop(target.value):
                continue
            if target.attr in columns:
                yield target.attr, target.lineno
        if isinstance(node, ast.Call):
            yield from ((name, node.lineno) for name in _named_by(node) if name in columns)


def _named_by(call: ast.Call) -> set[str]:
    """Columns that a call writes, if it is one that writes."""
    named = {keyword.arg for keyword in call.keywords if keyword.arg}
    if _writes_desktops(call):
        return named
    if isinstance(call.func, ast.Attribute) and call.func.attr == "save":
        return {
            str(node.value)
            for keyword in call.keywords
            if keyword.arg == "update_fields"
            for node in ast.walk(keyword.value)
            if isinstance(node, ast.Constant)
        }
    return set()


def _is_desktop(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("desktop", "row", "self", "fresh", "locked")


def _writes_desktops(call: ast.Call) -> bool:
    verbs = {"update", "create", "get_or_create", "update_or_create"}
    function = call.func
    if isinstance(function, ast.Name):
        return function.id == "Desktop"
    if not isinstance(function, ast.Attribute) or function.attr not in verbs:
        return False
    return "Desktop" in {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}


def test_every_column_of_a_desktop_has_one_pen() -> None:
    from provisioner.models import Desktop

    known = {name for field in Desktop._meta.concrete_fields for name in (field.name,)}
    penned = set().union(*PENS.values())
    assert known - penned == {"id"}, "a column without a pen"
    foreign = []
    for path in sources():
        name = name_of(path)
        if not name.startswith("provisioner/") and "Desktop" not in path.read_text():
            continue
        for column, line in written(path):
            if name == "provisioner/models.py" or (name, column) in SHARED:
                continue
            if column not in PENS.get(name, set()):
                foreign.append(f"{name}:{line} writes {column}")
    assert not foreign


def test_the_pens_are_told_apart(tmp_path: Path) -> None:
    """The check above can fail: it sees each of the ways in which a column is written."""
    sample = tmp_path / "sample.py"
    sample.write_text(
        "desktop.observed = 'ready'\n"
        "Desktop.objects.filter(id=1).update(look_after=None)\n"
        "Desktop(desired='running')\n"
        "other.observed = 'ready'\n"
        "desktop.save(update_fields=['reason'])\n"
    )
    seen = {("observed", 1), ("look_after", 2), ("desired", 3), ("reason", 5)}
    assert set(written(sample)) == seen
