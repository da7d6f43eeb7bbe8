"""The local stack in one process: everything the small template has, driven by hand and served."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import jwt
import pytest
import requests
from afterhours_local.executors import FunctionError
from afterhours_local.http_event import HttpRequest
from afterhours_local.process import ServerFailed
from afterhours_local.signin import SignInFailed
from afterhours_local.stack import LocalStack

SMALL = Path(__file__).parent / "small" / "template.yaml"
PASSWORD = "Correct-horse-7-battery"


@pytest.fixture(scope="module")
def running():
    with LocalStack(SMALL, serve=False) as stack:
        yield stack


@pytest.fixture
def stack(running):
    running.empty()
    return running


def send(stack, *bodies):
    for body in bodies:
        stack.clients.sqs.send_message(
            QueueUrl=stack.outputs["Work"],
            MessageBody=body,
            MessageAttributes={"kind": {"DataType": "String", "StringValue": "test"}},
        )


def stored(stack):
    items = stack.clients.dynamodb.scan(TableName=stack.outputs["Things"])["Items"]
    return {item["pk"]["S"]: json.loads(item["record"]["S"]) for item in items}


def test_the_functions_environment_holds_what_was_made(stack):
    assert stack.environment["TABLE"] == stack.outputs["Things"]
    assert stack.environment["QUEUE"] == stack.outputs["Work"]
    assert stack.environment["AWS_ENDPOINT_URL"] == stack.engine.url
    assert stack.environment["AFTERHOURS_LOCAL"] == "1"
    assert os.environ["TABLE"] == stack.outputs["Things"]
    assert stack.settings().local


def test_ttl_is_set_though_the_engine_leaves_it_out(stack):
    state = stack.clients.dynamodb.describe_time_to_live(TableName=stack.outputs["Things"])
    assert state["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}


def test_a_request_reaches_its_function_and_the_answer_comes_back(stack):
    answer = stack.answer(HttpRequest("POST", "/open/anna?a=1", (("content-type", "application/json"),), b"{}"))
    assert answer.status == 200
    assert ("set-cookie", "a=1") in answer.headers
    said = json.loads(answer.body)
    assert said["event"]["pathParameters"] == {"name": "anna"}
    assert said["event"]["requestContext"]["timeEpoch"] == pytest.approx(stack.clock.now_ms(), abs=60_000)
    assert 0 < said["ms"] <= 2000


def test_a_function_has_its_own_powertools_name_in_the_common_process(stack):
    answer = stack.answer(HttpRequest("GET", "/open/anna", ()))
    assert json.loads(answer.body)["loaded_as"] == "echo"


@pytest.mark.parametrize("name", ["raise", "odd"])
def test_a_function_that_fails_is_a_500(stack, name):
    assert stack.answer(HttpRequest("GET", f"/open/{name}", ())).status == 500


def test_an_invocation_tells_what_was_raised(stack):
    with pytest.raises(FunctionError, match="ValueError: not today") as raised:
        stack.invoke("EchoFunction", {"pathParameters": {"name": "raise"}})
    assert raised.value.kind == "ValueError"
    assert "small.py" in raised.value.trace


def test_a_function_that_cannot_be_loaded_fails_each_time(stack):
    for _ in range(2):
        with pytest.raises(FunctionError, match="no such luck"):
            stack.invoke("BrokenFunction", {})


def test_an_event_that_is_not_json_or_too_large_is_refused(stack):
    with pytest.raises(FunctionError, match="MarshalError"):
        stack.invoke("TickFunction", {"a": {1, 2}})
    with pytest.raises(FunctionError, match="RequestEntityTooLarge"):
        stack.invoke("TickFunction", {"a": "x" * 6 * 1024 * 1024})


def test_messages_are_handled_and_deleted(stack):
    send(stack, "one", "two")
    assert stack.drain()
    record = stored(stack)["one"]
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"].endswith(stack.outputs["Work"].rpartition("/")[2])
    assert record["awsRegion"] == "eu-central-1"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["attributes"]["SentTimestamp"].isdecimal()
    assert record["messageAttributes"]["kind"]["stringValue"] == "test"
    assert set(stored(stack)) == {"one", "two"}


def test_of_a_batch_only_what_the_function_reports_stays(stack):
    send(stack, "fail-1", "good")
    assert not stack.drain()
    assert set(stored(stack)) == {"good"}
    assert stack.redeliver() == 1


def test_a_batch_that_raises_stays_whole_and_comes_back_when_it_is_shown_again(stack):
    send(stack, "raise")
    assert not stack.drain()
    assert not stack.drain()  # it is out of sight, not tried again
    assert stack.redeliver() == 1
    assert not stack.drain()


def test_a_message_that_always_fails_ends_in_the_dead_letter_queue(stack):
    send(stack, "fail-2")
    for _ in range(3):
        assert not stack.drain()
        stack.redeliver()
    assert stack.drain()
    dead = stack.clients.sqs.receive_message(QueueUrl=stack.outputs["Dead"])["Messages"]
    assert [message["Body"] for message in dead] == ["fail-2"]


def test_a_tick_fires_the_schedule_with_the_stacks_time(stack):
    stack.clock.set_to(datetime(2026, 12, 24, 18, 0, tzinfo=UTC))
    event = stack.tick()["TickFunctionEveryMinute"]
    stack.clock.real()
    assert event["detail-type"] == "Scheduled Event"
    assert event["time"] == "2026-12-24T18:00:00Z"


def test_an_agent_signs_in_and_passes_the_authorizer(stack):
    sub = stack.user_pool.add_user("ana@example.org", PASSWORD)
    tokens = stack.user_pool.sign_in("ana@example.org", PASSWORD)
    claims = jwt.decode(tokens.access_token, options={"verify_signature": False})
    assert claims["iss"] == f"https://cognito-idp.eu-central-1.amazonaws.com/{stack.outputs['Pool']}"
    assert claims["token_use"] == "access"
    assert claims["client_id"] == stack.outputs["Client"]
    assert claims["sub"] == sub
    assert set(claims["scope"].split()) == {"openid", "small/read"}
    assert "aud" not in claims
    assert claims["exp"] - claims["iat"] == tokens.expires_in

    def me(token):
        return stack.answer(HttpRequest("GET", "/me", (("authorization", f"Bearer {token}"),)))

    good = me(tokens.access_token)
    assert good.status == 200
    told = json.loads(good.body)["event"]["requestContext"]["authorizer"]["jwt"]
    assert told["claims"]["sub"] == sub
    assert told["scopes"] == ["small/read"]
    assert me(tokens.id_token).status == 403  # for this client, but without a scope
    assert me(tokens.access_token[:-8] + "AAAAAAAA").status == 401


def test_a_wrong_password_does_not_sign_in_and_a_new_one_does(stack):
    first = stack.user_pool.add_user("eva@example.org", PASSWORD)
    with pytest.raises(SignInFailed, match="Incorrect username or password"):
        stack.user_pool.sign_in("eva@example.org", "something-Else-12")
    assert stack.user_pool.add_user("eva@example.org", PASSWORD + "2") == first
    assert stack.user_pool.sign_in("eva@example.org", PASSWORD + "2").expires_in == 3600


def test_empty_leaves_nothing_but_the_resources(stack):
    send(stack, "one")
    stack.clients.s3.put_object(Bucket=stack.outputs["Files"], Key="k", Body=b"x")
    stack.clients.dynamodb.put_item(TableName=stack.outputs["Things"], Item={"pk": {"S": "a"}, "record": {"S": "{}"}})
    stack.empty()
    assert stored(stack) == {}
    assert "Contents" not in stack.clients.s3.list_objects_v2(Bucket=stack.outputs["Files"])
    assert stack.drain()


def test_served_it_polls_by_itself_and_gives_everything_back_at_the_end(tmp_path):
    before = dict(os.environ)
    with LocalStack(SMALL, clock=datetime(2026, 12, 24, tzinfo=UTC), data_dir=tmp_path) as stack:
        answer = requests.post(
            f"{stack.url}/open/enqueue", data="hello", headers={"Content-Type": "text/plain"}, timeout=5
        )
        assert answer.status_code == 202
        assert stack.drain()
        assert set(stored(stack)) == {"hello"}
        assert stack.settings().clock_file == str(stack.clock.file)
        table, queue = stack.outputs["Things"], stack.outputs["Work"]
        with pytest.raises(ServerFailed, match="is taken"), LocalStack(SMALL, port=int(stack.url.rpartition(":")[2])):
            pass
    assert dict(os.environ) == before
    assert stack.url == ""

    with LocalStack(SMALL, serve=False, data_dir=tmp_path, parameters={"Workers": "3"}) as again:
        assert (again.outputs["Things"], again.outputs["Work"]) == (table, queue)
        assert set(stored(again)) == {"hello"}


def test_the_death_of_the_engine_ends_the_wait_and_the_stack():
    with LocalStack(SMALL) as other:
        other.engine.stop()
        with pytest.raises(ServerFailed, match="the engine died"):
            other.run_until_interrupted()
        assert requests.get(f"{other.url}/me", headers={"Authorization": "Bearer x"}, timeout=5).status_code == 401
