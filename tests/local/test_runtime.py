"""The executor `runtime`: processes, roles and policies as in Lambda."""

import sys
from pathlib import Path

import pytest
from afterhours_local.executors import FunctionError
from afterhours_local.stack import LocalStack

SMALL = Path(__file__).parent / "small" / "template.yaml"


@pytest.fixture(scope="module")
def heard():
    return []


@pytest.fixture(scope="module")
def stack(heard):
    def hear(what, details):
        heard.append((what, dict(details)))

    with LocalStack(SMALL, serve=False, executor="runtime", on_event=hear) as stack:
        yield stack


def call(stack, name, **more):
    return stack.invoke("EchoFunction", {"pathParameters": {"name": name}, "rawPath": f"/{name}", **more})


def test_a_process_gets_what_lambda_gives_it_and_nothing_of_ours(stack, monkeypatch):
    monkeypatch.setenv("SOMETHING_OF_OURS", "1")
    answer = call(stack, "environment")
    variables = answer["variables"]
    assert "SOMETHING_OF_OURS" not in variables
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == "afterhours-local-EchoFunction"
    assert variables["TABLE"] == stack.outputs["Things"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == "echo"
    assert variables["AWS_ENDPOINT_URL"] == stack.engine.url
    assert variables["AWS_ACCESS_KEY_ID"] != "test"
    assert variables["AWS_SESSION_TOKEN"]
    assert variables["LAMBDA_TASK_ROOT"] == str(SMALL.parent / "functions")
    assert variables["AWS_EXECUTION_ENV"] == f"AWS_Lambda_python3.{sys.version_info.minor}"
    assert answer["book"] == "from the layer"


def test_a_process_serves_one_invocation_after_another(stack):
    assert call(stack, "environment")["calls"] < call(stack, "environment")["calls"]


def test_what_is_raised_comes_back_and_the_process_lives_on(stack):
    before = call(stack, "environment")["calls"]
    with pytest.raises(FunctionError, match="ValueError: not today") as raised:
        call(stack, "raise")
    assert "small.py" in raised.value.trace
    assert call(stack, "environment")["calls"] == before + 2


def test_a_crash_is_an_error_and_the_next_invocation_starts_afresh(stack):
    with pytest.raises(FunctionError, match=r"Runtime\.ExitError.*code 3"):
        call(stack, "die")
    assert call(stack, "environment")["calls"] == 1


def test_a_time_out_ends_the_process(stack, heard):
    with pytest.raises(FunctionError, match="timed out after 2 seconds"):
        call(stack, "hang")
    assert ("log", {"function": "EchoFunction", "line": "hanging"}) in heard
    assert call(stack, "environment")["calls"] == 1


def test_a_module_that_cannot_be_loaded_is_an_error_each_time(stack):
    for _ in range(2):
        with pytest.raises(FunctionError, match="no such luck"):
            stack.invoke("BrokenFunction", {})


def test_a_role_may_do_what_the_template_gives_it_and_no_more(stack):
    assert call(stack, "enqueue", body="by the role")["statusCode"] == 202
    with pytest.raises(FunctionError, match="AccessDenied"):
        call(stack, "steal")


def test_the_queue_is_polled_with_the_functions_role(stack):
    assert stack.drain()
    items = stack.clients.dynamodb.scan(TableName=stack.outputs["Things"])["Items"]
    assert [item["pk"]["S"] for item in items] == ["by the role"]
