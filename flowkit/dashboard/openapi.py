"""The OpenAPI document, made from the endpoints and from the annotations of their documents."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from ..client.documents.api import ErrorAnswer, SessionAnswer
from ..client.documents.document import Document
from .access import CSRF_HEADER
from .endpoint import MOST_BODY_TEXT, ROOT, Asked, Endpoint, Field, Parameter

REFUSALS = {
    "400": "A parameter or the body does not fit, or there are two logins.",
    "401": "There is neither a session nor a token.",
    "403": "The user of Redis may not do this, or the request does not come from the page.",
    "404": "It does not exist.",
    "421": "The host is not in the list of allowed ones.",
    "429": "Too many passwords were wrong, or too many of these answers are being made.",
    "500": "A bug of flowkit.",
    "502": "What is stored cannot be read.",
    "503": "Redis does not answer, or too many requests are open.",
}
OF_ACTIONS = {
    "408": "The body takes too long.",
    "409": "Its state forbids it.",
    "413": "The body is too large.",
}
SECURITY = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of the printed address, or the password if there is one.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": CSRF_HEADER,
        "description": "What actions with a cookie carry: `csrf` of `/session`.",
    },
}


def _described_only(asked: Asked) -> SessionAnswer:
    raise NotImplementedError("self_routes.py answers it")


# The endpoints of self_routes.py, which need no client.
SESSION = Endpoint("/session", "Who is logged in.", SessionAnswer, _described_only)
LOG_OUT = Endpoint(
    "/session", "End the session.", SessionAnswer, _described_only, method="DELETE", acts=True
)
_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}
_KINDS: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "number": {"type": "integer"},
    "seconds": {"type": "number"},
    "flag": {"type": "boolean"},
    "texts": {"type": "array", "items": {"type": "string"}},
}


class _Schemas:
    """The schemas of dataclasses, by name; each is made once."""

    def __init__(self) -> None:
        self.made: dict[str, dict[str, Any]] = {}

    def of(self, kind: Any) -> dict[str, Any]:
        """Return the schema of a type."""
        origin = get_origin(kind)
        if origin is Annotated:
            inner, about = get_args(kind)[:2]
            return {"description": about, **self._inline(inner)}
        return self._inline(kind) if origin is not None or kind in _PLAIN else self._named(kind)

    def _inline(self, kind: Any) -> dict[str, Any]:
        origin, inner = get_origin(kind), get_args(kind)
        if kind in _PLAIN:
            return {"type": _PLAIN[kind]}
        if origin in (Union, UnionType):
            return {"anyOf": [self.of(part) for part in inner]}
        if origin is list:
            return {"type": "array", "items": self.of(inner[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(inner[1])}
        return self._named(kind)

    def whole(self, kind: type[Document]) -> dict[str, Any]:
        """Return the schema of a document that is an answer."""
        return self._named(kind, is_whole=True)

    def _named(self, kind: Any, *, is_whole: bool = False) -> dict[str, Any]:
        if kind is NoneType:
            return {"type": "null"}
        if not dataclasses.is_dataclass(kind) or not isinstance(kind, type):
            return {}  # any JSON value: what a task returned
        # A document inside of another one does not name its schema.
        is_part = issubclass(kind, Document) and not is_whole
        name = f"{kind.__name__}Part" if is_part else kind.__name__
        if name not in self.made:
            self.made[name] = {}  # it may contain itself
            self.made[name] = self._object(kind, is_whole=is_whole)
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, kind: type, *, is_whole: bool) -> dict[str, Any]:
        hints = get_type_hints(kind, include_extras=True)
        fields = {field.name: self.of(hints[field.name]) for field in dataclasses.fields(kind)}
        if issubclass(kind, Document) and is_whole:
            fields = {"schema": {"const": kind.SCHEMA}, **fields}
        return {
            "type": "object",
            "description": (kind.__doc__ or "").partition("\n")[0],
            "properties": fields,
            "required": list(fields),
            "additionalProperties": False,
        }


def openapi_document(endpoints: Iterable[Endpoint], version: str, root: str = "") -> dict[str, Any]:
    """Return the description of the API as OpenAPI 3.1 has it. ``root``: where it is mounted."""
    schemas = _Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in (*endpoints, SESSION, LOG_OUT):
        path = endpoint.path.replace(":path}", "}")
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "flowkit", "version": version},
        "servers": [{"url": root + ROOT}],
        "security": [{"token": []}, {"csrf": []}, {}],
        "paths": paths,
        "components": {"schemas": schemas.made, "securitySchemes": SECURITY},
    }


def _operation(endpoint: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    def content(kind: type[Document]) -> dict[str, Any]:
        return {"application/json": {"schema": schemas.whole(kind)}}

    kind = endpoint.answer
    done = {kind: {"schema": {"type": "string"}}} if isinstance(kind, str) else content(kind)
    answers: dict[str, Any] = {"200": {"description": "Done.", "content": done}}
    refusals = REFUSALS | OF_ACTIONS if endpoint.acts else REFUSALS
    for status, about in refusals.items():
        answers[status] = {"description": about, "content": content(ErrorAnswer)}
    in_path = [part[1:-1] for part in endpoint.path.split("/") if part.startswith("{")]
    body = {"requestBody": _body(endpoint.body)} if endpoint.method == "POST" else {}
    return {
        "summary": endpoint.about,
        **body,
        "parameters": [_path_parameter(name.partition(":")[0]) for name in in_path]
        + [_query_parameter(parameter) for parameter in endpoint.parameters],
        "responses": answers,
    }


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query_parameter(parameter: Parameter) -> dict[str, Any]:
    schema = dict(_KINDS[parameter.kind])
    if parameter.kind in ("number", "seconds"):
        schema.update(minimum=parameter.least, maximum=parameter.most)
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    if parameter.default is not None:
        schema["default"] = parameter.default
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.required,
        "description": parameter.about,
        "schema": schema,
    }


def _body(fields: Iterable[Field]) -> dict[str, Any]:
    known = {field.name: field for field in fields}
    required = [name for name, field in known.items() if field.required]
    schema = {
        "type": "object",
        "properties": {name: _field(field) for name, field in known.items()},
        "required": required,
        "additionalProperties": False,
    }
    return {"required": bool(required), "content": {"application/json": {"schema": schema}}}


def _field(field: Field) -> dict[str, Any]:
    bounds = {"minimum": field.least, "maximum": field.most}
    text: dict[str, Any] = {"type": "string", "maxLength": MOST_BODY_TEXT}
    if field.choices:
        text["enum"] = list(field.choices)
    names = {"type": "object", "minProperties": field.least, "maxProperties": field.most}
    schemas: dict[str, dict[str, Any]] = {
        "flag": {"type": "boolean"},
        "number": {"type": "integer", **bounds},
        "seconds": {"type": "number", **bounds},
        "text": {**text, "minLength": field.least, "maxLength": field.most},
        "texts": {"type": "array", "items": text, "minItems": field.least, "maxItems": field.most},
        "text by name": {**names, "additionalProperties": text},
        "texts by name": {**names, "additionalProperties": {"type": "array", "items": text}},
    }
    schema = schemas[field.kind]
    if not field.required:
        schema = {"anyOf": [schema, {"type": "null"}]}
    if field.default is not None:
        schema["default"] = field.default
    return {"description": field.about, **schema}
