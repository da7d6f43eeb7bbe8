"""The description of the agents' API: valid, whole, and nothing in it that the code does not do."""

import ast
import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import access
import agent_api
import pytest
import schemathesis
from afterhours_local import template
from afterhours_local.http_event import HttpAnswer
from answers import ANSWERS, refusals
from declared import description, operation_of, resolved, undeclared

ROOT = Path(__file__).resolve().parents[1]
FUNCTIONS = ROOT / "functions"
ELSEWHERE = {"GET /api/threads/{thread}/attachments/{event}/{index}", "POST /api/threads/{thread}/erase"}
LARGEST = 80_000  # bytes; it is read by people, too
PROBLEM = {"type": "about:blank", "title": "Conflict", "status": 409, "detail": "Look again.", "code": "stale_fence"}


def operations() -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in description()["paths"].items()
        for method, operation in methods.items()
    }


def problems_raised() -> set[str]:
    """Status and code of every refusal that the code of the API names."""
    found = {f"422 {code}" for code in access.BLOCKED}
    parts = {node.name for node in imported(FUNCTIONS / "agent_api.py")} | {"agent_api", "attachments", "eraser"}
    for name in parts:
        if (path := FUNCTIONS / f"{name}.py").exists():
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                found |= named(node)
    return found


def imported(path: Path) -> list[ast.alias]:
    nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Import)]
    beside = [alias for node in nodes for alias in node.names if (FUNCTIONS / f"{alias.name}.py").exists()]
    return beside + [each for alias in beside for each in imported(FUNCTIONS / f"{alias.name}.py")]


def named(node: ast.AST) -> set[str]:
    """A status of HTTP and, right after it, a code."""
    members = node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.Tuple) else []
    return {
        f"{getattr(agent_api.HTTPStatus, status.attr).value} {code.value}"
        for status, code in pairwise(members)
        if isinstance(status, ast.Attribute) and ast.unparse(status.value) == "HTTPStatus"
        and isinstance(code, ast.Constant) and isinstance(code.value, str)
    }  # fmt: skip


def test_the_document_is_valid_and_small() -> None:
    schema = schemathesis.openapi.from_dict(description())
    schema.validate()
    assert len(schema) == len(operations())
    assert len(json.dumps(description())) < LARGEST


def test_every_route_of_the_template_is_described_and_no_other() -> None:
    routes = template.read(ROOT / "template.yaml", None).routes
    below_api = {f"{route.method} {route.path}" for route in routes if route.path.startswith("/api")}
    assert below_api == operations().keys()
    assert below_api == agent_api.ROUTES.keys() | ELSEWHERE
    assert below_api == ANSWERS.keys()


@pytest.mark.parametrize("route", ANSWERS)
def test_an_operation_says_what_it_does_and_what_it_takes(route: str) -> None:
    operation = operations()[route]
    assert re.fullmatch(r"[A-Z].{10,119}[^ ]", operation["summary"]), operation["summary"]
    assert {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"} == set(
        re.findall(r"\{(\w+)\}", route)
    )
    assert ("requestBody" in operation) == route.startswith("POST")


def test_operations_have_different_names() -> None:
    names = [operation["operationId"] for operation in operations().values()]
    assert len(names) == len(set(names))


def test_every_refusal_in_the_code_is_declared_somewhere_and_no_other() -> None:
    declared = {f"{status} {code}" for route in ANSWERS for status, codes in refusals(route).items() for code in codes}
    assert problems_raised() == declared


def test_every_reference_leads_somewhere() -> None:
    references = re.findall(r'"\$ref": "([^"]+)"', json.dumps(description()))
    assert references
    assert all(resolved({"$ref": reference}) for reference in references)


def test_the_sign_in_is_the_user_pools() -> None:
    [scheme] = description()["components"]["securitySchemes"].values()
    flow = scheme["flows"]["authorizationCode"]
    assert (flow["authorizationUrl"], flow["scopes"].keys()) == (
        "https://sign-in.example/oauth2/authorize",
        {"afterhours/agent"},
    )


def test_the_models_of_answers_are_loaded_for_the_description_only() -> None:
    code = "import sys, agent_api; print(*sys.modules); agent_api.description('', ''); print(*sys.modules)"
    path = f"{FUNCTIONS}:{ROOT / 'layers/afterhours/python'}"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": path, "AWS_DEFAULT_REGION": "eu-central-1"},
        capture_output=True,
        text=True,
        check=True,
    )
    before, after = (set(line.split()) for line in run.stdout.splitlines())
    assert not {"answers", "openapi"} & before
    assert {"answers", "openapi"} <= after


@pytest.mark.parametrize(
    ("target", "status", "body", "is_declared"),
    [
        ("/api/threads/x/release", 409, PROBLEM, True),
        ("/api/threads/x/release?y=z", 409, PROBLEM, True),
        ("/api/threads/x/release", 409, {**PROBLEM, "code": "lease_over"}, False),
        ("/api/threads/x/release", 409, {**PROBLEM, "status": 400}, False),
        ("/api/threads/x/release", 409, {**PROBLEM, "more": 1}, False),
        ("/api/threads/x/release", 422, {**PROBLEM, "status": 422}, False),
        ("/api/threads/x/unheard", 409, PROBLEM, False),
        ("/api/threads/x/unheard", 404, {"message": "Not Found"}, True),
    ],
)
def test_what_the_journeys_hold_their_answers_against_is_strict(
    target: str, status: int, body: dict[str, Any], is_declared: bool
) -> None:
    answer = HttpAnswer(status, (("content-type", "application/problem+json"),), json.dumps(body).encode())
    assert (undeclared("POST", target, answer) is None) is is_declared


def test_a_part_of_the_path_that_two_routes_know_means_the_written_one() -> None:
    found = operation_of("GET", "/api/openapi.json")
    assert found
    assert found["operationId"] == "describe"
