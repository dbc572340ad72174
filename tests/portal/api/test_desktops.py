"""Launch, look, rename, stop, start, open, delete: the whole life of a desktop, by program."""

from __future__ import annotations

import uuid

import pytest

from portal.accounts.models import AuditEvent, Membership, Role, Tenant, User
from portal.desktops import actions
from provisioner.desktops import Desktop
from provisioner.states import Observed
from tests.portal.api.conftest import Tokened, problem
from tests.portal.desktops.conftest import Make, see

pytestmark = pytest.mark.django_db


def test_it_launches_what_was_asked_for(catalogue: None, alice: User, program: Tokened) -> None:
    answer = program(alice).post(
        "desktops/", {"plan": "aigc-a4000", "setup": "night-train", "name": "Ink"}
    )
    assert answer.status_code == 201
    said = answer.json()
    assert answer.headers["Location"] == said["links"]["self"]
    assert answer.headers["Cache-Control"] == "no-store"
    row = Desktop.objects.get(id=said["id"])
    assert row.tenant == alice.personal_tenant
    assert (said["name"], said["plan"], said["setup"]) == ("Ink", "aigc-a4000", "night-train")
    assert (said["status"], said["ready_at"], said["reason"]) == ("starting", None, None)
    assert said["spec"]["gpu"] == {
        "class": "rtx-a4000",
        "title": "RTX A4000",
        "count": 1,
        "vram_mib": 16384,
    }
    assert [phase["state"] for phase in said["phases"]] == ["now", "next", "next", "next"]
    assert AuditEvent.objects.get(action="desktop.launch").via == "api"


def test_it_makes_up_a_name(catalogue: None, alice: User, program: Tokened) -> None:
    assert program(alice).launch()["name"]


def test_secrets_and_machinery_are_not_told(
    catalogue: None, alice: User, program: Tokened, make: Make
) -> None:
    row = make(alice.personal_tenant, "running")
    caller = program(alice)
    for path in ("desktops/", f"desktops/{row.id}/", f"desktops/{row.id}/timeline/"):
        text = caller.get(path).content.decode()
        for secret in (row.secret, "unix:", "nvidia.com", "manifest unknown"):
            assert secret not in text, path


@pytest.mark.parametrize(
    "status",
    ["queued", "starting", "running", "stopping", "stopped", "failed", "deleting"],
)
def test_every_status_is_a_word_of_the_table_and_comes_with_its_reason(
    catalogue: None, alice: User, program: Tokened, make: Make, status: str
) -> None:
    row = make(alice.personal_tenant, status)
    said = program(alice).get(f"desktops/{row.id}/").json()
    assert said["status"] == status
    assert (said["ready_at"] is not None) == (status == "running")
    assert (said["queue"] is not None) == (status == "queued")
    if status == "queued":
        assert said["queue"] == {"place": 1, "waiting": 1, "eta_s": None}
        assert said["reason"]["code"] == "gpu_none_free"
    if status == "failed":
        assert said["reason"]["code"] == "image_not_found"
        assert said["reason"]["message"] and said["reason"]["advice"]
        assert [phase["state"] for phase in said["phases"]][1] in ("broken", "next")


def test_it_stops_starts_renames_and_deletes(
    catalogue: None, alice: User, program: Tokened, make: Make
) -> None:
    row, caller = make(alice.personal_tenant, "running"), program(alice)
    stopped = caller.post(f"desktops/{row.id}/stop/")
    assert (stopped.status_code, stopped.json()["status"]) == (202, "stopping")
    see(Desktop.objects.get(id=row.id), Observed.ABSENT)
    started = caller.post(f"desktops/{row.id}/start/", {})
    assert (started.status_code, started.json()["status"]) == (202, "starting")
    assert started.json()["generation"] == 2
    renamed = caller.call("PATCH", f"desktops/{row.id}/", {"name": " Night  shift "})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "Night shift")
    gone = caller.call("DELETE", f"desktops/{row.id}/")
    assert (gone.status_code, gone.json()["status"]) == (202, "deleting")
    problem(caller.post(f"desktops/{row.id}/start/"), 409, "not_now")


def test_what_was_erased_has_no_address(
    catalogue: None, alice: User, program: Tokened, make: Make
) -> None:
    row = make(alice.personal_tenant, "stopped")
    Desktop.objects.filter(id=row.id).update(erased_at=row.created_at)
    caller = program(alice)
    problem(caller.get(f"desktops/{row.id}/"), 404, "not_found")
    assert caller.get("desktops/").json()["results"] == []


def test_a_name_is_taken_once(catalogue: None, alice: User, program: Tokened) -> None:
    caller = program(alice)
    caller.launch(name="Ink")
    second = caller.post("desktops/", {"plan": "files", "setup": "blank", "name": "Ink"})
    said = problem(second, 409, "name_taken")
    assert [error["field"] for error in said["errors"]] == ["name"]


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"plan": "aigc-9000", "setup": "blank"}, 422, "unknown_plan", "plan"),
        ({"plan": "files", "setup": "nothing"}, 422, "unknown_setup", "setup"),
        ({"plan": "files", "setup": "night-train"}, 422, "vram_too_small", "plan"),
        ({"plan": "files", "setup": "blank", "name": "a\x07b"}, 422, "name_unprintable", "name"),
        ({"plan": "files", "setup": "blank", "name": "x" * 61}, 422, "invalid", "name"),
        ({"plan": "files", "setup": "blank", "name": "a\0b"}, 422, "invalid", "name"),
        ({"plan": "files", "setup": "blank", "name": "a\ud800b"}, 422, "invalid", "name"),
        ({"plan": "files", "setup": "blank", "name": 5.5j.real}, 422, "", "name"),
        ({"plan": "files", "setup": "blank", "name": None}, 422, "invalid", "name"),
        ({"plan": ["files"], "setup": "blank"}, 422, "invalid", "plan"),
        ({"plan": {"a": 1}, "setup": "blank"}, 422, "invalid", "plan"),
        ({"setup": "blank"}, 422, "invalid", "plan"),
        ([], 422, "invalid", ""),
        ("files", 422, "invalid", ""),
        ({"plan": "files", "setup": "blank", "tenant": "x"}, 422, "invalid", "tenant"),
    ],
)
def test_it_says_what_is_wrong_with_a_launch(
    catalogue: None,
    alice: User,
    program: Tokened,
    body: object,
    status: int,
    code: str,
    field: str,
) -> None:
    answer = program(alice).post("desktops/", body)
    if not code:  # numbers are read as their text, which is a name like any other
        assert answer.status_code == 201
        return
    said = problem(answer, status, code)
    assert [error["field"] for error in said["errors"]] == [field]
    assert not Desktop.objects.exists()


MINE = ("tenant", "tenant_id", "owner", "id", "is_staff", "price", "status", "state", "desired")
ALSO_MINE = ("secret", "generation", "spec", "image", "endpoint", "node", "gpu_count", "balance")


@pytest.mark.parametrize("name", MINE + ALSO_MINE)
def test_nobody_writes_what_is_not_theirs_to_write(
    catalogue: None, alice: User, charlie: User, program: Tokened, make: Make, name: str
) -> None:
    row, caller = make(alice.personal_tenant, "running"), program(alice)
    before = Desktop.objects.filter(id=row.id).values().get()
    value = str(charlie.personal_tenant.id)
    wishes = [
        ("POST", "desktops/", {"plan": "files", "setup": "blank"}),
        ("PATCH", f"desktops/{row.id}/", {"name": "Mine"}),
        ("POST", f"desktops/{row.id}/start/", {}),
        ("POST", f"desktops/{row.id}/stop/", {}),
        ("POST", f"desktops/{row.id}/open/", {}),
        ("DELETE", f"desktops/{row.id}/", {}),
    ]
    for method, path, body in wishes:
        said = problem(caller.call(method, path, body | {name: value}), 422, "invalid")
        assert [error["field"] for error in said["errors"]] == [name]
        assert said["errors"][0]["code"] == "unknown_field"
    assert Desktop.objects.filter(id=row.id).values().get() == before
    assert Desktop.objects.count() == 1


def test_the_list_is_the_tenants_own_page_by_page(
    catalogue: None, alice: User, charlie: User, program: Tokened, make: Make
) -> None:
    make(charlie.personal_tenant, name="Charlie's canary")
    names = [make(alice.personal_tenant, name=f"Desk {n}").name for n in range(7)]
    caller, seen, pages = program(alice), [], 0
    where: str | None = "desktops/?limit=3"
    while where:
        answer = caller.get(where)
        assert answer.status_code == 200
        assert "canary" not in answer.content.decode()
        said = answer.json()
        seen += [row["name"] for row in said["results"]]
        where = said["next"] and said["next"].partition("/api/v1/")[2]
        pages += 1
        if pages == 1:
            make(alice.personal_tenant, name="Launched meanwhile")
    assert pages == 3
    assert seen == names[::-1]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=51", "limit=x", "limit=", "limit=²", "cursor=x", "cursor=%00", "cursor=é"],
)
def test_a_page_that_does_not_exist_is_named(alice: User, program: Tokened, query: str) -> None:
    said = problem(program(alice).get(f"desktops/?{query}"), 422, "invalid")
    assert said["errors"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize(
    "path", ["desktops/?limt=5", "plans/?page=2", "setups/?format=json&x=1", "desktops/?=1"]
)
def test_a_parameter_that_is_none_is_named(alice: User, program: Tokened, path: str) -> None:
    said = problem(program(alice).get(path), 422, "invalid")
    assert {error["code"] for error in said["errors"]} == {"unknown_parameter"}


def test_the_timeline_tells_everything_oldest_first(
    catalogue: None, alice: User, program: Tokened, make: Make
) -> None:
    row, caller = make(alice.personal_tenant, "failed"), program(alice)
    entries = caller.get(f"desktops/{row.id}/timeline/").json()
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    assert entries[0]["source"] == "will"
    assert entries[-1]["reason"]["code"] == "image_not_found"
    rest = caller.get(f"desktops/{row.id}/timeline/?after=1").json()
    assert rest == entries[1:]
    problem(caller.get(f"desktops/{row.id}/timeline/?after=-1"), 422, "invalid")


def test_a_long_timeline_says_where_it_goes_on(
    catalogue: None, alice: User, program: Tokened, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portal.api.views import desktops

    monkeypatch.setattr(desktops, "TIMELINE_MAX", 1)
    row = make(alice.personal_tenant, "failed")
    answer = program(alice).get(f"desktops/{row.id}/timeline/")
    assert [entry["seq"] for entry in answer.json()] == [1]
    assert answer.headers["Link"].endswith(f'/desktops/{row.id}/timeline/?after=1>; rel="next"')


def test_a_running_desktop_is_opened_with_a_ticket(
    catalogue: None, alice: User, program: Tokened, make: Make
) -> None:
    row = make(alice.personal_tenant, "running")
    answer = program(alice).post(f"desktops/{row.id}/open/")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    said = answer.json()
    how = {"method", "field", "content_type", "origin"}
    assert set(said) == {"address", "ticket", "expires_at"} | how
    assert said["address"].startswith("http://d-")
    assert len(said["ticket"]) >= 32
    assert said["ticket"] not in said["address"]


@pytest.mark.parametrize("status", ["queued", "starting", "stopped", "failed", "deleting"])
def test_only_a_running_desktop_opens(
    catalogue: None, alice: User, program: Tokened, make: Make, status: str
) -> None:
    row = make(alice.personal_tenant, status)
    problem(program(alice).post(f"desktops/{row.id}/open/"), 409, "not_running")


def test_roles_hold_here_as_on_the_pages(
    catalogue: None, team: Tenant, bob: User, program: Tokened, make: Make
) -> None:
    row, caller = make(team, "running"), program(bob, team)
    problem(caller.call("DELETE", f"desktops/{row.id}/"), 403, "forbidden")
    Membership.objects.filter(user=bob, tenant=team).update(role=Role.BILLING)
    assert caller.get(f"desktops/{row.id}/").status_code == 200
    for path in (f"desktops/{row.id}/{verb}/" for verb in ("start", "stop", "open")):
        problem(caller.post(path), 403, "forbidden")
    problem(caller.post("desktops/", {"plan": "files", "setup": "blank"}), 403, "forbidden")
    problem(caller.call("PATCH", f"desktops/{row.id}/", {"name": "Mine"}), 403, "forbidden")


def test_the_answer_is_in_the_readers_language(
    catalogue: None, alice: User, program: Tokened
) -> None:
    caller = program(alice)
    english = problem(caller.post("desktops/", {}), 422, "invalid")
    chinese = problem(
        caller.post("desktops/", {}, Accept_Language="zh-CN,zh;q=0.9"), 422, "invalid"
    )
    assert english["title"] != chinese["title"]
    assert caller.get("setups/", Accept_Language="zh-CN").json()[0]["title"] == "空白桌面"


def test_a_fault_of_ours_is_a_problem_too_and_tells_nothing(
    alice: User, program: Tokened, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the canary of the inside")

    monkeypatch.setattr(actions, "find", broken)
    caller = program(alice)
    caller.client.raise_request_exception = False
    answer = caller.get(f"desktops/{uuid.uuid4()}/")
    problem(answer, 500, "internal")
    assert b"canary" not in answer.content
