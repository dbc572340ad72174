"""The description of the API as people read it: values for the page, from the OpenAPI document.

Pure: whatever stands on the page stands in the document, so neither can say more than the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from portal.api import schema
from portal.api.problems import KINDS

Document = dict[str, Any]
# These may come from anywhere; they are told once for all.
EVERYWHERE = {*schema.ALWAYS, *schema.WITH_TOKEN, *schema.WITH_BODY}
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Field:
    name: str
    kind: str
    text: str
    required: bool = False
    shape: str = ""  # the shape that it refers to, if any


@dataclass(frozen=True)
class Operation:
    id: str
    method: str
    path: str
    summary: str
    text: str
    public: bool
    parameters: list[Field]
    body: list[Field]
    success: str  # `201 Created`
    shape: str
    many: bool
    codes: list[str]  # of the problems that are its own


@dataclass(frozen=True)
class Shape:
    name: str
    fields: list[Field]


@dataclass(frozen=True)
class Row:
    """One kind of problem."""

    code: str
    status: int
    title: str


def operations(document: Document) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                yield _operation(document, method, path, methods[method])


def shapes(document: Document) -> list[Shape]:
    """Every shape of an answer; inputs stand with their operation."""
    found = document["components"]["schemas"].items()
    return [
        Shape(name, list(_fields(shape)))
        for name, shape in found
        if "properties" in shape and not name.endswith("Input")
    ]


def problems() -> list[Row]:
    return [Row(code, kind.status, str(kind.title)) for code, kind in KINDS.items()]


def _operation(document: Document, method: str, path: str, said: Document) -> Operation:
    status = next(status for status in said["responses"] if status < "300")
    answer = said["responses"][status]["content"]["application/json"]["schema"]
    body = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = body.get("schema", {}).get("$ref", "").rpartition("/")[2]
    kind, shape = _kind(answer)
    return Operation(
        id=said["operationId"],
        method=method.upper(),
        path=path,
        summary=said["summary"],
        text=_plain(said),
        public=not any(said.get("security", [])),
        parameters=[_parameter(one) for one in said.get("parameters", []) if one["in"] != "path"],
        body=list(_fields(document["components"]["schemas"][name])) if name else [],
        success=f"{status} {HTTPStatus(int(status)).phrase}",
        shape=shape,
        many=kind.endswith("[]"),
        codes=[
            code
            for response in said["responses"].values()
            for code in response.get("x-codes", [])
            if code not in EVERYWHERE
        ],
    )


def _parameter(said: Document) -> Field:
    kind, shape = _kind(said["schema"])
    where = f"{said['in']}, {kind}"
    return Field(said["name"], where, _plain(said), said.get("required", False), shape)


def _fields(shape: Document) -> Iterator[Field]:
    required = shape.get("required", [])
    for name, said in shape["properties"].items():
        kind, refers = _kind(said)
        yield Field(name, kind, _plain(said), name in required, refers)


def _plain(said: Document) -> str:
    return str(said.get("description", "")).replace("`", "")


def _kind(said: Document) -> tuple[str, str]:
    """What a value is, in a word, and the shape that it has."""
    if "$ref" in said:
        name = said["$ref"].rpartition("/")[2]
        return name, "" if name.endswith("Enum") else name
    for several in ("oneOf", "anyOf", "allOf"):
        if several in said:
            kinds = [_kind(one) for one in said[several]]
            shape = next((refers for _, refers in kinds if refers), "")
            return " | ".join(kind for kind, _ in kinds), shape
    if said.get("type") == "array":
        kind, shape = _kind(said["items"])
        return f"{kind}[]", shape
    types = said.get("type", "")
    text = " | ".join(types) if isinstance(types, list) else str(types)
    more = said.get("format", "")
    return (f"{text} ({more})" if more else text), ""
