"""Routes, limits and refusals of the gateway."""

import http.client
import json

import pytest
from afterhours_local.authorizer import Forbidden, Unauthorized
from afterhours_local.executors import FunctionError
from afterhours_local.gateway import Gateway
from afterhours_local.http_event import HttpRequest
from afterhours_local.notices import say_nothing
from afterhours_local.template import Cors, Route

ROUTES = [
    Route("GET", "/things/{thing}", "Thing"),
    Route("POST", "/things/{thing}", "Make"),
    Route("GET", "/things/new", "New"),
    Route("ANY", "/all/{rest+}", "Rest"),
    Route("GET", "/me", "Me", "People", ("read",)),
    Route("POST", "/break", "Broken"),
    Route("POST", "/odd", "Odd"),
]
CORS = Cors(("https://a.example",), ("GET",), ("content-type",), (), credentials=False, max_age=60)


class Door:
    """An authorizer that knows one good token."""

    def authorize(self, header, scopes):
        if header is None:
            raise Unauthorized
        if header != "good":
            raise Forbidden
        return {"jwt": {"claims": {"sub": "s"}, "scopes": list(scopes)}}


def invoke(function, event):
    if function == "Broken":
        raise FunctionError("ValueError", "a secret")
    if function == "Odd":
        return {"statusCode": "odd"}
    return {"function": function, "event": event}


def gateway(**more):
    return Gateway(
        ROUTES, invoke=invoke, authorizers={"People": Door()}, now_ms=lambda: 1_700_000_000_000, say=say_nothing, **more
    )


def ask(method, target, *headers, body=b"", **more):
    answer = gateway(**more).answer(HttpRequest(method, target, headers, body))
    return answer.status, json.loads(answer.body or b"null"), dict(answer.headers)


def test_a_parameter_is_matched_and_decoded():
    status, body, _ = ask("GET", "/things/a%2Fb%20c?x=1")
    assert status == 200
    assert body["function"] == "Thing"
    assert body["event"]["pathParameters"] == {"thing": "a/b c"}
    assert body["event"]["routeKey"] == "GET /things/{thing}"


def test_a_fixed_path_wins_over_a_parameter_and_the_method_counts():
    assert ask("GET", "/things/new")[1]["function"] == "New"
    assert ask("POST", "/things/new")[1]["function"] == "Make"


def test_a_greedy_parameter_takes_the_rest():
    assert ask("PUT", "/all/a/b")[1]["event"]["pathParameters"] == {"rest": "a/b"}


@pytest.mark.parametrize(("method", "target"), [("GET", "/"), ("DELETE", "/things/a"), ("GET", "/things/a/b")])
def test_what_no_route_matches_is_not_found(method, target):
    assert ask(method, target)[:2] == (404, {"message": "Not Found"})


def test_a_closed_route_needs_the_token():
    assert ask("GET", "/me")[:2] == (401, {"message": "Unauthorized"})
    assert ask("GET", "/me", ("Authorization", "bad"))[:2] == (403, {"message": "Forbidden"})
    status, body, _ = ask("GET", "/me", ("Authorization", "good"))
    assert status == 200
    assert body["event"]["requestContext"]["authorizer"] == {"jwt": {"claims": {"sub": "s"}, "scopes": ["read"]}}


@pytest.mark.parametrize("target", ["/break", "/odd"])
def test_a_function_that_fails_says_nothing_of_why(target):
    assert ask("POST", target)[:2] == (500, {"message": "Internal Server Error"})


def test_a_body_above_10_mb_is_refused():
    assert ask("POST", "/things/a", body=b"x" * (10 * 1024 * 1024 + 1))[0] == 413


def test_headers_above_10240_bytes_are_refused():
    assert ask("GET", "/things/a", ("x", "y" * 10_240))[0] == 431
    assert ask("GET", "/things/a", ("x", "y" * 10_000))[0] == 200


def test_a_preflight_is_answered_without_a_function():
    preflight = (("Origin", "https://a.example"), ("Access-Control-Request-Method", "GET"))
    status, _, headers = ask("OPTIONS", "/things/a", *preflight, cors=CORS)
    assert status == 204
    assert headers["access-control-allow-origin"] == "https://a.example"
    assert headers["access-control-allow-methods"] == "GET"
    assert headers["access-control-max-age"] == "60"


def test_another_origin_is_allowed_nothing():
    preflight = (("Origin", "https://b.example"), ("Access-Control-Request-Method", "GET"))
    for request in (("OPTIONS", "/things/a", *preflight), ("GET", "/things/a", preflight[0])):
        assert not [name for name in ask(*request, cors=CORS)[2] if name.startswith("access-control-")]


def test_an_answer_to_an_allowed_origin_says_so():
    _, _, headers = ask("GET", "/things/a", ("Origin", "https://a.example"), cors=CORS)
    assert headers["access-control-allow-origin"] == "https://a.example"


def test_it_speaks_http():
    served = gateway()
    port = served.start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request(
            "POST",
            "/things/a",
            body=iter([b"one", b"two"]),
            headers={"Content-Type": "text/plain"},
            encode_chunked=True,
        )
        answer = connection.getresponse()
        event = json.loads(answer.read())["event"]
        assert answer.status == 200
        assert answer.headers["apigw-requestid"] == event["requestContext"]["requestId"]
        assert event["body"] == "onetwo"
        connection.request("PATCH", "/all/x")  # on the same connection
        assert connection.getresponse().read().startswith(b'{"function": "Rest"')
        connection.putrequest("POST", "/things/a")
        connection.putheader("Content-Length", str(11 * 1024 * 1024))
        connection.endheaders()
        assert connection.getresponse().status == 413
        connection.close()
    finally:
        served.stop()


@pytest.mark.parametrize(
    "header", [("Content-Length", "soon"), ("Content-Length", "-1"), ("Transfer-Encoding", "chunked")]
)
def test_a_body_without_a_length_that_can_be_told_is_a_bad_request(header):
    served = gateway()
    port = served.start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.putrequest("POST", "/things/a")
        connection.putheader(*header)
        connection.endheaders(b"no chunk\r\n")
        assert connection.getresponse().status == 400
        connection.close()
    finally:
        served.stop()
