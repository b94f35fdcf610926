"""The OpenAPI description of the server: made of the types that requests are read as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from seqmagic import __version__
from seqmagic.serve.protocol import CompletionRequest, Limits

_STRING, _INTEGER = {"type": "string"}, {"type": "integer"}
_MAYBE_STRING = {"type": ["string", "null"]}


def describe(names: Sequence[str], limits: Limits, *, guarded: bool) -> dict[str, Any]:
    """The description of a server of the runs `names`.

    Args:
        limits: What one request may ask for.
        guarded: Whether a token is needed.
    """
    _, schemas = msgspec.json.schema_components([CompletionRequest], ref_template="#/components/schemas/{name}")
    schemas["CompletionRequest"]["properties"]["max_tokens"]["anyOf"][0]["maximum"] = limits.length
    schemas["CompletionRequest"]["properties"]["n"]["anyOf"][0]["maximum"] = limits.texts
    components: dict[str, Any] = {"schemas": {**schemas, **_SCHEMAS}}
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "seqmagic",
            "version": __version__,
            "description": f"Completions by {', '.join(names)}, in the form of OpenAI. A token is a character.",
        },
        "paths": {
            "/v1/completions": {
                "post": {
                    "operationId": "createCompletion",
                    "summary": "Write on from a prompt.",
                    "requestBody": {"required": True, "content": _json("CompletionRequest")},
                    "responses": {
                        "200": {
                            "description": "The texts: whole or, with stream, server-sent events up to [DONE].",
                            "content": {**_json("Completion"), "text/event-stream": {}},
                        },
                        **_errors("400", "404", "413", "415", "500", "503"),
                    },
                }
            },
            "/v1/models": {
                "get": {
                    "operationId": "listModels",
                    "summary": "The runs that are served.",
                    "responses": {"200": {"description": "Their names.", "content": _json("ModelList")}},
                }
            },
            "/v1/models/{model}": {
                "get": {
                    "operationId": "retrieveModel",
                    "summary": "One of them.",
                    "parameters": [{"name": "model", "in": "path", "required": True, "schema": _STRING}],
                    "responses": {"200": {"description": "It is there.", "content": _json("Model")}, **_errors("404")},
                }
            },
            "/": {
                "get": {
                    "operationId": "page",
                    "summary": "A page that writes in the browser, without the server.",
                    "parameters": [
                        {"name": "model", "in": "query", "required": False, "schema": {"enum": list(names)}}
                    ],
                    "responses": {
                        "200": {"description": "The page.", "content": {"text/html": {"schema": _STRING}}},
                        **_errors("404"),
                    },
                }
            },
            "/openapi.json": {
                "get": {
                    "operationId": "describe",
                    "summary": "This description.",
                    "responses": {"200": {"description": "OpenAPI.", "content": {"application/json": {"schema": {}}}}},
                }
            },
        },
        "components": components,
    }
    if guarded:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"].update(_errors("401"))
    return document


_WORDS = {
    "400": "The request asks for something that is not there.",
    "401": "The token is missing or wrong.",
    "404": "There is no such model or page.",
    "413": "The body is too large.",
    "415": "The body is not said to be JSON.",
    "500": "A failure of the server.",
    "503": "Too many texts wait.",
}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _errors(*statuses: str) -> dict[str, Any]:
    return {status: {"description": _WORDS[status], "content": _json("Error")} for status in statuses}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


_NUMBERS = {"type": "array", "items": {"type": ["number", "null"]}}
_SCHEMAS = {
    "Error": _object(error=_object(message=_STRING, type=_STRING, param=_MAYBE_STRING, code=_MAYBE_STRING)),
    "Model": _object(id=_STRING, object={"const": "model"}, created=_INTEGER, owned_by=_STRING),
    "ModelList": _object(
        object={"const": "list"}, data={"type": "array", "items": {"$ref": "#/components/schemas/Model"}}
    ),
    "Completion": _object(
        id=_STRING,
        object={"const": "text_completion"},
        created=_INTEGER,
        model=_STRING,
        system_fingerprint=_STRING,
        seed=_INTEGER,
        choices={"type": "array", "items": {"$ref": "#/components/schemas/Choice"}},
        usage=_object(prompt_tokens=_INTEGER, completion_tokens=_INTEGER, total_tokens=_INTEGER),
    ),
    "Choice": _object(
        text=_STRING,
        index=_INTEGER,
        logprobs={"anyOf": [{"type": "null"}, {"$ref": "#/components/schemas/Logprobs"}]},
        finish_reason={"enum": ["stop", "length"]},
    ),
    "Logprobs": _object(
        tokens={"type": "array", "items": _STRING},
        token_logprobs=_NUMBERS,
        top_logprobs={
            "anyOf": [
                {"type": "null"},
                {
                    "type": "array",
                    "items": {
                        "anyOf": [{"type": "null"}, {"type": "object", "additionalProperties": {"type": "number"}}]
                    },
                },
            ]
        },
        text_offset={"type": "array", "items": _INTEGER},
    ),
}
