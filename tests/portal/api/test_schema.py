"""The description keeps its word: what it declares is what is answered, over a real connection."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from portal.accounts.models import User
from portal.api.problems import KINDS
from portal.asgi import BODY_MAX, application
from tests.portal.api.conftest import Program, Tokened
from tests.portal.desktops.conftest import Make

EXAMPLES = 20  # for each operation, of each kind


@pytest.fixture
def document(db: None) -> dict[str, Any]:
    found: dict[str, Any] = Program().get("/api/schema/").json()
    return found


def test_it_is_a_valid_description(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    for name, shape in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(shape), name
    security = document["components"]["securitySchemes"]["token"]
    assert (security["type"], security["scheme"]) == ("http", "bearer")


def test_yaml_is_to_be_had_too(db: None) -> None:
    for answer in (
        Program().get("/api/schema/?format=yaml"),
        Program().get("/api/schema/", Accept="application/vnd.oai.openapi"),
    ):
        assert answer.content.startswith(b"openapi: 3.1")


def test_every_operation_says_what_it_is_and_how_it_fails(document: dict[str, Any]) -> None:
    known = {str(kind.status) for kind in KINDS.values()}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["operationId"] and operation["summary"], where
            public = path.endswith(("/plans/", "/setups/"))
            assert (operation.get("security") == [{"token": []}]) != public, where
            failing = {status for status in operation["responses"] if status >= "400"}
            assert {"405", "429", "500"} <= failing <= known, where
            assert ("401" in failing) != public, where
            assert ("404" in failing) == ("{" in path), where
            for status in failing:
                content = operation["responses"][status]["content"]
                assert list(content) == ["application/problem+json"], where


def test_a_launch_declares_its_key(document: dict[str, Any]) -> None:
    launch = document["paths"]["/api/v1/desktops/"]["post"]
    assert [p["name"] for p in launch["parameters"] if p["in"] == "header"] == ["Idempotency-Key"]


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["queued", "starting", "running", "stopped", "failed"])
def test_every_answer_has_the_declared_shape(
    catalogue: None, alice: User, program: Tokened, make: Make, status: str
) -> None:
    row, caller = make(alice.personal_tenant, status), program(alice)
    document = caller.get("/api/schema/").json()
    for path in ("plans/", "setups/", "desktops/", f"desktops/{row.id}/"):
        _holds(document, "get", path, caller)
    _holds(document, "get", f"desktops/{row.id}/timeline/", caller)


def _holds(document: dict[str, Any], method: str, path: str, caller: Program) -> None:
    answer = caller.call(method.upper(), path)
    template = "/".join("{desktop_id}" if len(part) == 36 else part for part in path.split("/"))
    operation = document["paths"][f"/api/v1/{template}"][method]
    shape = operation["responses"]["200"]["content"]["application/json"]["schema"]
    whole = shape | {"components": document["components"]}
    Draft202012Validator(whole).validate(answer.json())
    # Nothing more is answered than is declared, either.
    Draft202012Validator(json.loads(_closed(whole))).validate(answer.json())


def _closed(shape: dict[str, Any]) -> str:
    def close(one: Any) -> Any:
        if isinstance(one, list):
            return [close(inner) for inner in one]
        if not isinstance(one, dict):
            return one
        closed = {key: close(value) for key, value in one.items()}
        return closed | ({"additionalProperties": False} if "properties" in one else {})

    return json.dumps(close(shape))


# --- Schemathesis, against a server -------------------------------------------------------------


class _Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """Those of the tests stay."""


@pytest.fixture
def address(transactional_db: None) -> Iterator[str]:
    """The whole site, served by uvicorn as in earnest, on the tests' database."""
    config = uvicorn.Config(
        application, host="127.0.0.1", port=0, log_level="error", lifespan="off"
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = threading.Event()
    for _ in range(400):
        if server.started:
            break
        deadline.wait(0.05)
    assert server.started, "the server did not start within 20 s"
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


@pytest.mark.parametrize("kind", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_gets_an_undeclared_answer(
    address: str,
    catalogue: None,
    alice: User,
    program: Tokened,
    make: Make,
    kind: GenerationMode,
) -> None:
    row = make(alice.personal_tenant, "running")
    token = program(alice).token
    described = schemathesis.openapi.from_url(f"{address}/api/schema/")
    described.config.generation.update(with_security_parameters=False)  # the token is given below
    # Whether a slug exists or a name is free is not in the shapes: good shapes may be refused.
    unfit = [positive_data_acceptance]
    asked = 0
    for found in described.get_all_operations():
        operation = found.ok()
        if kind == GenerationMode.NEGATIVE and not _can_be_wrong(operation):
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=kind))
        def ask(case: schemathesis.Case) -> None:
            nonlocal asked
            asked += 1
            good = kind == GenerationMode.POSITIVE
            if good and asked % 2 and "desktop_id" in case.path_parameters:
                # One that is there, every other time; the rest are ids that nobody has.
                case.path_parameters["desktop_id"] = str(row.id)
            case.call_and_validate(
                headers={"Authorization": f"Bearer {token}"}, excluded_checks=unfit, timeout=20
            )

        ask()
    assert asked > 5 * EXAMPLES


def _can_be_wrong(operation: Any) -> bool:
    return bool(operation.body or operation.query or operation.path_parameters)


@pytest.mark.parametrize("path", ["/api/v1/desktops/", "/accounts/login/", "/nowhere"])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_huge_body_is_refused_before_it_is_kept(address: str, path: str, chunked: bool) -> None:
    """Whoever sends it: Django would write all of it to disk before it asked who that is."""
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(256):
            sent += 1
            yield b"x" * 64 * 1024

    port = int(address.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"Content-Type": "application/json"}
    try:
        if chunked:
            connection.request("POST", path, endless(), headers, encode_chunked=True)
        else:
            connection.request("POST", path, b"x" * (BODY_MAX + 1), headers)
    except (BrokenPipeError, ConnectionResetError):
        assert sent < 256, "it hung up, but only after everything was sent"
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["code"] == "too_large"
    connection.close()
