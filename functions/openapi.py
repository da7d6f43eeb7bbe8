"""The description of the API under /api (OpenAPI 3.1), made from what its routes take and answer. Part of agent_api."""

import inspect
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from answers import ANSWERS, Declared, GatewayMessage, Problem, refusals
from calls import EraseBody, Query, Route
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

Schema = dict[str, Any]

REF = "#/components/schemas/{model}"
ABOUT = (
    "Sign in by authorization code with PKCE; every request carries the access token. Times are epoch milliseconds, 0 "
    "where there is none. A refusal is problem+json: `code` for machines, `detail` says what to do. An answer with "
    "`message` alone comes from the gateway in front."
)
PARAMETERS = {
    "inbox": "^[a-z0-9][a-z0-9-]{0,39}$",
    "thread": r"^[a-z_]+\.[0-9A-Za-z_-]{1,64}\.[a-z2-7]{26}$",
    "event": "^E#[0-9]{13}#I#[0-9A-Za-z]{1,64}$",
    "index": "^[0-9]{1,2}$",
}


class Elsewhere(NamedTuple):
    """A route that another function answers."""

    name: str
    summary: str
    asks: type[BaseModel] = Query


ELSEWHERE = {
    "GET /api/threads/{thread}/attachments/{event}/{index}": Elsewhere("attachment", "A file that the customer sent."),
    "POST /api/threads/{thread}/erase": Elsewhere("erase", "Erase all that is kept of the customer here.", EraseBody),
}
FROM_THE_GATEWAY = (401, 403, 404, 413, 429, 431, 503)
PROBLEM_JSON = "application/problem+json"


class _Terse(GenerateJsonSchema):
    """Without titles that only repeat a member's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def document(routes: Mapping[str, Route], *, sign_in_url: str, scope: str) -> Schema:
    shapes = _Shapes(routes)
    responses: dict[str, Schema] = {}
    paths: dict[str, dict[str, Schema]] = {}
    for route in ANSWERS:
        method, path = route.split(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(route, routes.get(route), shapes, responses)
    flow = {"authorizationUrl": f"{sign_in_url}/oauth2/authorize", "tokenUrl": f"{sign_in_url}/oauth2/token"}
    scopes = {scope: "Work on the threads of one's inboxes"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Afterhours, for agents", "version": "1", "description": ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"agent": [scope]}],
        "paths": paths,
        "components": {
            "schemas": shapes.definitions,
            "responses": responses,
            "securitySchemes": {
                "agent": {"type": "oauth2", "flows": {"authorizationCode": {**flow, "scopes": scopes}}}
            },
        },
    }


class _Shapes:
    """The models of all bodies, asked and answered, and how to refer to each."""

    def __init__(self, routes: Mapping[str, Route]) -> None:
        taken: set[type[BaseModel]] = {route.asks for route in routes.values()}
        taken |= {each.asks for each in ELSEWHERE.values()}
        asked = {shape for shape in taken if not issubclass(shape, Query)}
        answered: set[type[BaseModel]] = {declared.body for declared in ANSWERS.values() if declared.body} | {
            Problem,
            GatewayMessage,
        }
        # As they are read: what has a default may be left out, of answers too.
        shapes: list[type[BaseModel]] = sorted(asked | answered, key=_name)
        models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(shape, "validation") for shape in shapes]
        refs, schemas = models_json_schema(models, ref_template=REF, schema_generator=_Terse)
        self._refs = {model: ref for (model, _), ref in refs.items()}
        self.definitions: Schema = schemas["$defs"]

    def content(self, model: type[BaseModel], media_type: str = "application/json") -> Schema:
        return {media_type: {"schema": self._refs[model]}}

    def has_to_be_sent(self, model: type[BaseModel]) -> bool:
        return bool(self.definitions[model.__name__].get("required"))


def _operation(route: str, taken: Route | None, shapes: _Shapes, responses: dict[str, Schema]) -> Schema:
    name, summary, asks = (*_words(taken), taken.asks) if taken else ELSEWHERE[route]
    operation: Schema = {"operationId": name, "summary": summary}
    parameters = [
        {"name": each, "in": "path", "required": True, "schema": {"type": "string", "pattern": PARAMETERS[each]}}
        for each in re.findall(r"\{(\w+)\}", route)
    ]
    if issubclass(asks, Query):
        parameters += _query(asks)
    else:
        operation["requestBody"] = {"required": shapes.has_to_be_sent(asks), "content": shapes.content(asks)}
    if parameters:
        operation["parameters"] = parameters
    operation["responses"] = _answers(ANSWERS[route], shapes)
    codes = refusals(route)
    for status in sorted({*codes, *FROM_THE_GATEWAY} - _never(route, codes)):
        operation["responses"][str(status)] = _refused(status, codes.get(status, ()), shapes, responses)
    return operation


def _never(route: str, codes: Mapping[int, Iterable[str]]) -> set[int]:
    """What the gateway never answers here: nothing is sent, or there is no part of the path to be unknown."""
    return ({404} if "{" not in route else set()) | ({413} if route.startswith("GET") and 413 not in codes else set())


def _words(route: Route) -> tuple[str, str]:
    return route.handle.__name__, (inspect.getdoc(route.handle) or "").partition("\n")[0]


def _query(model: type[BaseModel]) -> list[Schema]:
    schema = model.model_json_schema(schema_generator=_Terse)
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": member}
        for name, member in schema["properties"].items()
    ]


def _answers(declared: Declared, shapes: _Shapes) -> Schema:
    status = declared.status
    found: Schema = {str(status.value): {"description": status.phrase}}
    if declared.body:
        found[str(status.value)]["content"] = shapes.content(declared.body)
    else:
        # Binary: no schema, as OpenAPI 3.1 has it.
        found[str(status.value)]["content"] = {media: {} for media in declared.media}
    if declared.may_be_empty:
        found[str(HTTPStatus.NO_CONTENT.value)] = {"description": "Nothing there"}
    return found


def _refused(status: int, codes: Iterable[str], shapes: _Shapes, responses: dict[str, Schema]) -> Schema:
    """A reference: most routes refuse alike."""
    name = ".".join((str(status), *codes))
    content: Schema = shapes.content(GatewayMessage) if status in FROM_THE_GATEWAY else {}
    if codes:
        [(media_type, problem)] = shapes.content(Problem, PROBLEM_JSON).items()
        narrowed = {"type": "object", "properties": {"status": {"const": status}, "code": {"enum": list(codes)}}}
        content[media_type] = {"schema": {"allOf": [problem["schema"], narrowed]}}
    responses[name] = {"description": _phrase(status), "content": content}
    return {"$ref": f"#/components/responses/{name}"}


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase


def _name(model: type[BaseModel]) -> str:
    return model.__name__
