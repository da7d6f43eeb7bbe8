"""HTTP to payload format 2.0 and back."""

import base64

import pytest
from afterhours_local.http_event import HttpRequest, UnusableAnswer, build_event, decoded_path, read_answer


def event_of(request, **more):
    given = {"route_key": "POST /a", "path_parameters": {}, "authorizer": None, **more}
    return build_event(request, request_id="r-1", now_ms=1_700_000_000_123, api_id="abc", **given)


def test_a_request_becomes_the_event_that_api_gateway_makes_of_it():
    request = HttpRequest(
        method="POST",
        target="/hook/meta/main%20app?a=1&b=x%20y&a=2&empty=",
        headers=(
            ("Host", "api.example"),
            ("X-Hub", "one"),
            ("x-hub", "two"),
            ("Cookie", "s=1; t=2"),
            ("User-Agent", "agent/1"),
            ("Content-Type", "application/json; charset=utf-8"),
        ),
        body='{"text":"ž"}'.encode(),
        source_ip="203.0.113.9",
    )
    event = event_of(request, path_parameters={"source": "meta"})
    assert event == {
        "version": "2.0",
        "routeKey": "POST /a",
        "rawPath": "/hook/meta/main app",
        "rawQueryString": "a=1&b=x%20y&a=2&empty=",
        "cookies": ["s=1", "t=2"],
        "headers": {
            "host": "api.example",
            "x-hub": "one,two",
            "user-agent": "agent/1",
            "content-type": "application/json; charset=utf-8",
        },
        "queryStringParameters": {"a": "1,2", "b": "x y", "empty": ""},
        "pathParameters": {"source": "meta"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "abc",
            "domainName": "api.example",
            "domainPrefix": "api",
            "http": {
                "method": "POST",
                "path": "/hook/meta/main app",
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.9",
                "userAgent": "agent/1",
            },
            "requestId": "r-1",
            "routeKey": "POST /a",
            "stage": "$default",
            "time": "14/Nov/2023:22:13:20 +0000",
            "timeEpoch": 1_700_000_000_123,
        },
        "body": '{"text":"ž"}',
        "isBase64Encoded": False,
    }


def test_what_is_empty_is_left_out():
    event = event_of(HttpRequest("GET", "/a", ()))
    assert not {"body", "cookies", "queryStringParameters", "pathParameters"} & event.keys()
    assert event["isBase64Encoded"] is False
    assert "authorizer" not in event["requestContext"]


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "Application/XML;charset=x", "application/javascript"]
)
def test_these_types_arrive_as_text(kind):
    event = event_of(HttpRequest("POST", "/a", (("content-type", kind),), b"hello"))
    assert (event["body"], event["isBase64Encoded"]) == ("hello", False)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("content-type", "application/x-www-form-urlencoded"),),
        (("content-type", "application/cloudevents+json"),),
        (("content-type", "application/octet-stream"),),
    ],
)
def test_every_other_type_and_none_arrive_in_base64(headers):
    event = event_of(HttpRequest("POST", "/a", headers, b"\xff\x00"))
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == b"\xff\x00"


def test_a_path_is_decoded_but_for_its_percent_signs():
    assert decoded_path("/a%2Fb%C5%BE/%252E") == "/a/bž/%252E"


def test_an_answer_keeps_status_headers_and_cookies():
    answer = read_answer(
        {"statusCode": 201, "headers": {"X-A": 1, "X-B": True}, "cookies": ["a=1", "b=2"], "body": "hi"}
    )
    assert answer.status == 201
    assert answer.body == b"hi"
    assert answer.headers == (
        ("x-a", "1"),
        ("x-b", "true"),
        ("content-type", "text/plain;charset=UTF-8"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    )


def test_an_answer_in_base64_becomes_its_bytes():
    assert read_answer({"statusCode": 200, "body": "/wA=", "isBase64Encoded": True}).body == b"\xff\x00"


@pytest.mark.parametrize(
    ("result", "body"), [({"a": 1}, b'{"a": 1}'), ("text", b"text"), (None, b"null"), ([1], b"[1]")]
)
def test_a_result_without_a_status_is_the_body_of_a_200(result, body):
    answer = read_answer(result)
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers == (("content-type", "application/json"),)


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "soon"},
        {"statusCode": 99},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "body": "%", "isBase64Encoded": True},
        {"statusCode": 200, "headers": {"x": "a\r\nset-cookie: b"}},
    ],
)
def test_an_answer_that_api_gateway_could_not_use_is_refused(result):
    with pytest.raises(UnusableAnswer):
        read_answer(result)
