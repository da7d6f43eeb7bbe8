"""LinkedIn's own client library against ours: the same request for the same comment, and the fake takes both."""

from collections.abc import Iterator
from typing import Any

import pytest
from afterhours import settings
from afterhours.channels import linkedin
from afterhours.models import Account, Outgoing
from afterhours_local.platforms.fake import Delivered, FakeAccount
from afterhours_local.platforms.linkedin import FakeLinkedIn
from faulty_server import FaultyServer, answer
from linkedin_api.clients.restli.client import RestliClient  # type: ignore[import-untyped]
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

AT = 1_784_060_100_000
PAGE, TOKEN = "2414183", "AQV-token"


class IntoTheFake(BaseAdapter):
    """What the library would send to LinkedIn."""

    def __init__(self, fake: FakeLinkedIn) -> None:
        super().__init__()
        self.fake, self.requests = fake, list[PreparedRequest]()

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> Response:
        self.requests.append(request)
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = self.fake.answer(str(request.method), request.path_url, headers, body)
        assert reply is not None
        response = Response()
        response.status_code, response._content, response.request = reply.status, reply.body, request
        response.headers.update(reply.headers)
        return response

    def close(self) -> None:
        pass


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLinkedIn]:
    monkeypatch.setenv("AFTERHOURS_LOCAL", "1")
    settings.load.cache_clear()
    platform = FakeLinkedIn(lambda: AT, lambda *_: Delivered(200, b""))
    platform.register(FakeAccount("linkedin", PAGE, TOKEN, "secret", "http://127.0.0.1/hook/linkedin/main"))
    yield platform
    settings.load.cache_clear()


@pytest.fixture
def adapter(fake: FakeLinkedIn) -> IntoTheFake:
    return IntoTheFake(fake)


@pytest.fixture
def client(adapter: IntoTheFake) -> Iterator[Any]:
    made = RestliClient()
    made.session.mount("https://", adapter)
    # The library misspells this header and LinkedIn overlooks it; our fake does not.
    made.session.headers["X-Restli-Protocol-Version"] = "2.0.0"
    with made.session:
        yield made


def created(client: Any, below: str, entity: dict[str, Any]) -> Any:
    path = {"resource_path": "/socialActions/{id}/comments", "path_keys": {"id": below}}
    return client.create(**path, entity=entity, access_token=TOKEN, version_string=linkedin.VERSION)


def test_our_request_is_the_librarys(fake: FakeLinkedIn, adapter: IntoTheFake, client: Any) -> None:
    comment = fake.say("linkedin", PAGE, "mia", "Hello").message_id
    share = fake.mention(PAGE, "mia", "A week there").message_id
    for below in (comment, share):
        with FaultyServer(answer(201, b"{}", x_restli_id="urn:li:comment:1")) as server:
            account = Account(
                channel="linkedin", id=PAGE, app="main", source="linkedin", inbox="support", api_base=server.url
            )
            linkedin.send(account, TOKEN, Outgoing(to="mia", text="Dobra večer 🙂", correlator="c", handle=below))
        [ours] = server.received
        answered = created(client, below, ours.json)
        theirs = adapter.requests[-1]
        assert (answered.status_code, answered.entity_id) == (201, fake.sent[-1].platform_id)
        assert theirs.path_url == ours.path
        for header in ("authorization", "linkedin-version", "content-type"):
            assert theirs.headers[header] == ours.headers[header]


def test_the_fake_tells_the_library_what_it_refuses(fake: FakeLinkedIn, client: Any) -> None:
    comment = fake.say("linkedin", PAGE, "mia", "Hello").message_id
    wrong = {"actor": "urn:li:organization:1", "object": "x", "message": {"text": "Hello"}}
    assert created(client, comment, wrong).status_code == 403
    assert created(client, "urn:li:activity:1", wrong).status_code == 404
    assert fake.sent == []
