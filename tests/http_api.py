"""Requests as API Gateway's HTTP API hands them to a function (payload format 2.0)."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode


def request(
    method: str,
    route: str,
    path_parameters: Mapping[str, str],
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    body: bytes | None = None,
    as_base64: bool = False,
) -> dict[str, Any]:
    """`route` is the template's, as `/hook/{source}/{app}`."""
    path = route.format(**path_parameters)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{method} {route}",
        "rawPath": path,
        "rawQueryString": urlencode(query or {}),
        "headers": {"host": "api.example.org", **(headers or {})},
        "pathParameters": dict(path_parameters),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.example.org",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "t"},
            "requestId": "request-1",
            "routeKey": f"{method} {route}",
            "stage": "$default",
        },
        "isBase64Encoded": as_base64,
    }
    if query:
        event["queryStringParameters"] = dict(query)
    if body is not None:
        event["body"] = base64.b64encode(body).decode() if as_base64 else body.decode("utf-8")
    return event
