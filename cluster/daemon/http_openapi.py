"""The OpenAPI document, made from the table of routes and the documents' models."""

import re
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

import garrison
from garrison.cluster.core.manager.status import Refusal
from garrison.cluster.daemon.http_api import ROUTES, ApiRoute

REFUSALS = {
    "400": "not understood",
    "401": "no token, or a wrong one",
    "403": "a token that may only read, or a request from another site",
    "404": "there is no such thing",
    "408": "the request came too slowly",
    "409": "this manager does not lead, or the plan has changed",
    "413": "the body is too large",
    "414": "the address is too long",
    "415": "another media type is needed",
    "422": "a document that cannot hold, with the path to what is wrong",
    "429": "too many requests",
    "431": "the headers are too large",
    "500": "a fault of the manager, whose log says more",
    "503": "nothing can be stored now",
}
PREFIX = "#/components/schemas/{model}"


def make_document() -> dict[str, Any]:
    """The whole API as OpenAPI 3.1."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for line in ROUTES:
        paths.setdefault(line.path, {})[line.method.lower()] = _operation(line, schemas)
    paths["/api/events"] = {"get": _events()}
    for path, summary in (("/healthz", "It runs."), ("/readyz", "It has a picture.")):
        paths[path] = {
            "get": {
                "operationId": path.strip("/"),
                "summary": summary,
                "security": [],
                "responses": {"200": {"description": "yes"}, "503": {"description": "not yet"}},
            }
        }
    refusal = models_json_schema([(Refusal, "serialization")], ref_template=PREFIX)[1]
    schemas |= refusal.get("$defs", {})
    return {
        "openapi": "3.1.0",
        "info": {"title": "Garrison manager", "version": garrison.__version__},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def _operation(line: ApiRoute, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{line.method.lower()}{re.sub('[^a-z]+', '_', line.path)}".strip("_"),
        "summary": line.summary,
        "parameters": _parameters(line),
        "responses": {
            "200": {
                "description": line.summary,
                "content": {"application/json": {"schema": _schema(line.answer, "serialization", schemas)}},
            },
            **{
                status: {
                    "description": text,
                    "content": {"application/json": {"schema": {"$ref": PREFIX.format(model="Refusal")}}},
                }
                for status, text in REFUSALS.items()
            },
        },
    }
    if line.body is not None:
        schema = _schema(line.body, "validation", schemas)
        content = {"application/json": {"schema": schema}}
        if line.also_yaml:
            content["application/yaml"] = {"schema": schema}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(line: ApiRoute) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{(\w+)}", line.path)
    ]
    return in_path + [{"name": name, "in": "query", "schema": schema} for name, schema in line.query]


def _schema(model: Any, mode: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    schema = TypeAdapter(model).json_schema(mode=mode, ref_template=PREFIX)
    schemas.update(schema.pop("$defs", {}))
    return schema


def _events() -> dict[str, Any]:
    return {
        "operationId": "get_api_events",
        "summary": "Server-sent events: picture, event, job.",
        "responses": {"200": {"description": "a stream", "content": {"text/event-stream": {}}}},
    }
