"""What an HTTP API does for browsers of other sites where its CORS rules are set: it answers their preflights itself,
and its own headers replace those of a function."""

from afterhours_local.http_event import HttpAnswer, HttpRequest
from afterhours_local.template import Cors


def is_preflight(request: HttpRequest) -> bool:
    names = {name.lower() for name, _ in request.headers}
    return request.method == "OPTIONS" and {"origin", "access-control-request-method"} <= names


def answer_preflight(cors: Cors) -> HttpAnswer:
    """The rest of it comes from `allow_origin`, as for every answer."""
    headers = [
        ("access-control-allow-methods", ",".join(cors.methods)),
        ("access-control-allow-headers", ",".join(cors.headers)),
    ]
    if cors.max_age is not None:
        headers.append(("access-control-max-age", str(cors.max_age)))
    return HttpAnswer(204, tuple(each for each in headers if each[1]), b"")


def allow_origin(request: HttpRequest, answer: HttpAnswer, cors: Cors) -> HttpAnswer:
    """The answer with what the rules allow to the request's origin; nothing of it for another origin."""
    origin = next((value for name, value in request.headers if name.lower() == "origin"), None)
    allowed = origin is not None and bool({origin, "*"} & set(cors.origins))
    keep_ours = allowed and is_preflight(request)
    kept = [each for each in answer.headers if keep_ours or not each[0].startswith("access-control-")]
    if origin is None or not allowed:
        return HttpAnswer(answer.status, tuple(kept), answer.body)
    kept.append(("access-control-allow-origin", "*" if "*" in cors.origins else origin))
    if cors.credentials:
        kept.append(("access-control-allow-credentials", "true"))
    if cors.exposed:
        kept.append(("access-control-expose-headers", ",".join(cors.exposed)))
    return HttpAnswer(answer.status, tuple(kept), answer.body)
