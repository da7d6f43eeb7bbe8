"""The fake Graph API refuses what Meta refuses, and writes back what Meta writes."""

import base64
import hashlib
import hmac
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from afterhours_local.platforms.faults import Fault
from afterhours_local.platforms.graph import FakeAccount, FakeGraph
from afterhours_local.platforms.graph_files import File
from afterhours_local.platforms.server import GraphServer

SECRET = "app-secret-of-the-test"
NUMBER, PAGE, IG = "106540352242922", "1234567890", "17841400000000001"
PHONE, PSID, IGSID = "385910000001", "7000000000000001", "8000000000000001"
START = 1_790_000_000_000
HOUR = 3_600_000


class Clock:
    def __init__(self) -> None:
        self.ms = START
        self.was_read = threading.Event()

    def __call__(self) -> int:
        self.was_read.set()
        return self.ms


class Hook:
    """A webhook that keeps what it gets and answers `status`."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.signatures: list[str] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                hook.signatures.append(self.headers["X-Hub-Signature-256"])
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/meta/main"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def items(self) -> list[dict[str, Any]]:
        """Everything received, one messaging item or WhatsApp value each."""
        entries = [entry for body in self.bodies for entry in json.loads(body)["entry"]]
        return [item for e in entries for item in e.get("messaging", [c["value"] for c in e.get("changes", [])])]


class World:
    """The fake with three accounts and a customer on each, and a client for it."""

    def __init__(self, hook: Hook, drip_s: float = 0) -> None:
        self.hook = hook
        self.clock = Clock()
        self.graph = FakeGraph(self.clock)
        self.server = GraphServer(self.graph, drip_s=drip_s)
        for account in (
            FakeAccount("whatsapp", NUMBER, "wa-token", SECRET, hook.url),
            FakeAccount("messenger", PAGE, "page-token", SECRET, hook.url, app_id="4711"),
            FakeAccount("instagram", IG, "ig-token", SECRET, hook.url, login="instagram"),
        ):
            self.graph.register(account)
        self.graph.met("whatsapp", NUMBER, PHONE)
        self.graph.met("messenger", PAGE, PSID)
        self.graph.met("instagram", IG, IGSID)

    def post(self, node: str, token: str, body: Any, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        options = {"timeout": 5, "allow_redirects": False, "headers": headers, "json": body, **options}
        with requests.Session() as session:
            session.trust_env = False
            return session.post(f"{self.server.url}/v25.0/{node}/messages", **options)

    def whatsapp(self, **changes: Any) -> requests.Response:
        text = {"body": "Good evening", "preview_url": False}
        body = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": PHONE, "type": "text"}
        return self.post(NUMBER, "wa-token", spoilt({**body, "text": text}, changes))

    def messenger(self, **changes: Any) -> requests.Response:
        body = {"recipient": {"id": PSID}, "messaging_type": "RESPONSE", "message": {"text": "Good evening"}}
        return self.post(PAGE, "page-token", spoilt(body, changes))

    def instagram(self, **changes: Any) -> requests.Response:
        body = {"recipient": {"id": IGSID}, "message": {"text": "Good evening"}}
        return self.post(IG, "ig-token", spoilt(body, changes))


def spoilt(body: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The body with the changes; None takes a key out."""
    return {key: value for key, value in {**body, **changes}.items() if value is not None}


def code(response: requests.Response) -> tuple[int, int | None]:
    error = response.json()["error"]
    assert error["type"] == "OAuthException"
    assert error["fbtrace_id"]
    return error["code"], error.get("error_subcode")


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.close()


@pytest.fixture
def world(hook: Hook) -> Iterator[World]:
    world = World(hook)
    with world.server:
        yield world


# Sends that are right


def test_whatsapp_text_is_taken_and_kept(world: World) -> None:
    answer = world.whatsapp(biz_opaque_callback_data="corr-1", context={"message_id": "wamid.x"})
    assert answer.status_code == 200
    wamid = answer.json()["messages"][0]["id"]
    assert answer.json()["contacts"] == [{"input": PHONE, "wa_id": PHONE}]
    (sent,) = world.graph.sent
    assert (sent.channel, sent.account, sent.to, sent.text) == ("whatsapp", NUMBER, PHONE, "Good evening")
    assert (sent.correlator, sent.at_ms, sent.platform_id, sent.failed) == ("corr-1", START, wamid, None)
    assert wamid.startswith("wamid.")


def test_whatsapp_buttons_are_kept_as_choices(world: World) -> None:
    buttons = [{"type": "reply", "reply": {"id": f"b{n}", "title": f"Choice {n}"}} for n in range(3)]
    interactive = {"type": "button", "body": {"text": "Which?"}, "action": {"buttons": buttons}}
    assert world.whatsapp(type="interactive", interactive=interactive, text=None).status_code == 200
    assert (world.graph.sent[0].text, world.graph.sent[0].choices) == ("Which?", ("Choice 0", "Choice 1", "Choice 2"))


def test_a_whatsapp_user_without_a_phone_number_is_answered_by_user_id(world: World, hook: Hook) -> None:
    world.graph.say("whatsapp", NUMBER, "US.13491208655302741918", "Hello")
    said = hook.items()[0]
    assert said["contacts"][0]["user_id"] == said["messages"][0]["from_user_id"] == "US.13491208655302741918"
    assert "from" not in said["messages"][0]
    assert world.whatsapp(to=None, recipient="US.13491208655302741918").status_code == 200
    world.graph.deliver_pending()
    assert hook.items()[-1]["statuses"][0]["recipient_user_id"] == "US.13491208655302741918"


def test_a_whatsapp_user_with_a_phone_number_has_a_user_id_as_well(world: World, hook: Hook) -> None:
    world.graph.say("whatsapp", NUMBER, PHONE, "Hello")
    user_id = hook.items()[0]["messages"][0]["from_user_id"]
    assert world.whatsapp(to=None, recipient=user_id).status_code == 200
    world.graph.deliver_pending()
    assert [item["statuses"][0]["status"] for item in hook.items()[1:]] == ["sent", "delivered"]
    assert hook.items()[-1]["contacts"] == [{"user_id": user_id}]


def test_whatsapp_message_is_marked_read_only_if_it_exists(world: World) -> None:
    wamid = world.graph.say("whatsapp", NUMBER, PHONE, "Hello").message_id
    mark = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
    typing = {**mark, "typing_indicator": {"type": "text"}}
    assert world.post(NUMBER, "wa-token", typing).json() == {"success": True}
    assert code(world.post(NUMBER, "wa-token", {**mark, "message_id": "wamid.none"})) == (131009, None)
    assert world.graph.sent == []


@pytest.mark.parametrize("node", [PAGE, "me"])
def test_messenger_text_is_taken_under_the_page_and_under_me(world: World, node: str) -> None:
    body = {"recipient": {"id": PSID}, "messaging_type": "RESPONSE", "message": {"text": "Hi", "metadata": "corr-2"}}
    answer = world.post(node, "page-token", body)
    assert answer.json() == {"recipient_id": PSID, "message_id": world.graph.sent[0].platform_id}
    assert world.graph.sent[0].correlator == "corr-2"
    assert world.graph.sent[0].account == PAGE


def test_instagram_login_sends_under_its_own_id(world: World) -> None:
    answer = world.instagram(messaging_type=None)
    assert answer.json()["message_id"].startswith("aWdfZAG1faXRlbTox")
    assert world.graph.sent[0].account == IG


def test_instagram_with_page_login_shares_path_and_token_with_the_page(world: World, hook: Hook) -> None:
    linked = FakeAccount("instagram", "17841400000000002", "page-token", SECRET, hook.url, page_id=PAGE)
    world.graph.register(linked)
    world.graph.met("instagram", linked.id, IGSID)
    answer = world.post(PAGE, "page-token", {"recipient": {"id": IGSID}, "message": {"text": "Hi"}})
    assert answer.status_code == 200
    assert (world.graph.sent[0].channel, world.graph.sent[0].account) == ("instagram", linked.id)
    assert world.messenger().status_code == 200
    assert world.graph.sent[1].channel == "messenger"
    assert code(world.post(linked.id, "page-token", {})) == (100, 33)


def test_quick_replies_and_the_button_template_are_kept_as_choices(world: World) -> None:
    replies = [{"content_type": "text", "title": f"Choice {n}", "payload": f"p{n}"} for n in range(13)]
    assert world.messenger(message={"text": "Which?", "quick_replies": replies}).status_code == 200
    buttons = [
        {"type": "postback", "title": "Yes", "payload": "y"},
        {"type": "web_url", "title": "Map", "url": "https://e.example"},
    ]
    payload = {"template_type": "button", "text": "Sure?", "buttons": buttons}
    assert world.messenger(message={"attachment": {"type": "template", "payload": payload}}).status_code == 200
    first, second = world.graph.sent
    assert len(first.choices) == 13
    assert (second.text, second.choices) == ("Sure?", ("Yes", "Map"))


def test_a_sender_action_stands_alone_and_sends_nothing(world: World) -> None:
    assert world.messenger(messaging_type=None, message=None, sender_action="typing_on").json() == {
        "recipient_id": PSID
    }
    assert code(world.messenger(sender_action="typing_on")) == (100, None)
    assert code(world.messenger(messaging_type=None, message=None, sender_action=["typing_on"])) == (100, None)
    assert world.graph.sent == []


# Sends that are refused


@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_missing_or_wrong_token_is_refused_with_190(world: World, token: str) -> None:
    for node in (NUMBER, PAGE, IG):
        assert code(world.post(node, token, {})) == (190, None)


def test_a_token_in_the_url_is_refused(world: World) -> None:
    answer = world.post(PAGE, "page-token", {}, params={"access_token": "page-token"})
    assert code(answer) == (190, None)


def test_an_unknown_account_is_refused(world: World) -> None:
    assert code(world.post("999", "wa-token", {})) == (100, 33)
    assert code(world.post(NUMBER, "page-token", {})) == (100, 33)
    assert code(world.post("me", "wa-token", {})) == (100, 33)


def test_an_unknown_path_is_refused(world: World) -> None:
    assert code(world.post(f"{PAGE}/photos", "page-token", {})) == (2500, None)
    assert code(world.post(PAGE, "page-token", {}, params={"a": "b"})) == (2500, None)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_content_type_is_refused(world: World, content_type: str) -> None:
    headers = {"Authorization": "Bearer wa-token", "Content-Type": content_type}
    assert code(world.post(NUMBER, "", None, headers=headers, data=b"{}")) == (100, None)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff", b'"text"'])
def test_what_is_not_a_json_object_is_refused(world: World, raw: bytes) -> None:
    headers = {"Authorization": "Bearer wa-token", "Content-Type": "application/json"}
    assert code(world.post(NUMBER, "", None, headers=headers, data=raw)) == (100, None)


def test_text_is_measured_in_the_units_of_each_platform(world: World) -> None:
    emoji = "\N{SMILING FACE WITH SMILING EYES}"
    assert world.whatsapp(text={"body": emoji * 4096}).status_code == 200
    assert code(world.whatsapp(text={"body": "a" * 4097})) == (100, None)
    assert world.messenger(message={"text": emoji * 2000}).status_code == 200
    assert code(world.messenger(message={"text": "a" * 2001})) == (100, None)
    assert world.instagram(message={"text": emoji * 250}).status_code == 200
    assert code(world.instagram(message={"text": emoji * 250 + "a"})) == (100, None)


@pytest.mark.parametrize("text", ["", "  \n", None, 5, ["a"], {"body": "a"}, "\ud800"])
def test_text_that_is_empty_or_not_text_is_refused(world: World, text: Any) -> None:
    for answer in (world.whatsapp(text={"body": text}), world.messenger(message={"text": text})):
        assert code(answer) == (100, None)
    assert code(world.instagram(message={"text": text})) == (100, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"messaging_product": None},
        {"messaging_product": "messenger"},
        {"recipient_type": "group"},
        {"metadata": "x"},
        {"text": {"body": "a", "format": "html"}},
        {"text": {"body": "a", "preview_url": "no"}},
        {"type": "interactive"},
        {"type": "image"},
        {"to": None},
        {"to": int(PHONE)},
        {"context": {}},
        {"context": {"message_id": "wamid.x", "from": "1"}},
        {"biz_opaque_callback_data": "ä" * 257},
        {"biz_opaque_callback_data": {"id": 1}},
    ],
)
def test_whatsapp_refuses_what_it_does_not_know(world: World, changes: dict[str, Any]) -> None:
    answer = world.whatsapp(**changes)
    assert answer.status_code == 400
    assert code(answer) == (100, None)
    assert world.graph.sent == []


def test_whatsapp_has_codes_of_its_own_for_missing_and_wrong_values(world: World) -> None:
    assert code(world.whatsapp(text=None)) == (131008, None)
    assert code(world.whatsapp(to="next door")) == (131009, None)
    assert code(world.whatsapp(to=None, recipient="4711")) == (131009, None)
    assert code(world.whatsapp(type="template", text=None, template={"name": "hello"})) == (132001, None)
    assert "error_data" in world.whatsapp(to="next door").json()["error"]


@pytest.mark.parametrize(
    "buttons",
    [
        [],
        [{"type": "reply", "reply": {"id": f"b{n}", "title": f"Choice {n}"}} for n in range(4)],
        [{"type": "reply", "reply": {"id": "b", "title": "t" * 21}}],
        [{"type": "reply", "reply": {"id": "b", "title": ""}}],
        [{"type": "url", "reply": {"id": "b", "title": "t"}}],
        [{"type": "reply", "reply": {"id": "b", "title": f"t{n}"}} for n in range(2)],
        [{"type": "reply"}],
        ["b"],
    ],
)
def test_whatsapp_buttons_have_limits(world: World, buttons: list[Any]) -> None:
    interactive = {"type": "button", "body": {"text": "Which?"}, "action": {"buttons": buttons}}
    assert code(world.whatsapp(type="interactive", interactive=interactive, text=None))[0] in (100, 131009)


@pytest.mark.parametrize(
    "changes",
    [
        {"recipient": None},
        {"recipient": {}},
        {"recipient": {"id": int(PSID)}},
        {"recipient": {"id": PSID, "name": "x"}},
        {"recipient": {"phone_number": "1"}},
        {"messaging_type": None},
        {"messaging_type": "REPLY"},
        {"messaging_type": "MESSAGE_TAG"},
        {"tag": "HUMAN_AGENT"},
        {"messaging_type": "MESSAGE_TAG", "tag": "CONFIRMED_EVENT_UPDATE"},
        {"messaging_type": "MESSAGE_TAG", "tag": "ACCOUNT_UPDATE"},
        {"messaging_type": "MESSAGE_TAG", "tag": "POST_PURCHASE_UPDATE"},
        {"messaging_type": "MESSAGE_TAG", "tag": ["HUMAN_AGENT"]},
        {"message": None},
        {"message": {"text": "a", "colour": "red"}},
        {"message": {"text": "a", "metadata": "m" * 1001}},
        {"message": {"text": "a", "quick_replies": []}},
        {"message": {"text": "a", "quick_replies": [{"content_type": "text", "title": "t" * 21, "payload": "p"}]}},
        {"message": {"text": "a", "quick_replies": [{"content_type": "text", "title": "t", "payload": "p" * 1001}]}},
        {"message": {"text": "a", "quick_replies": [{"content_type": "text", "title": "t", "payload": "p"}] * 14}},
        {"message": {"text": "a", "quick_replies": [{"content_type": "location"}]}},
        {"message": {"attachment": {"type": "image", "payload": {"url": "https://e.example"}}}},
        {"reply_to": "m_1"},
        {"notification_type": "REGULAR"},
        {"messaging_product": "whatsapp"},
    ],
)
def test_messenger_refuses_what_it_does_not_know(world: World, changes: dict[str, Any]) -> None:
    answer = world.messenger(**changes)
    assert answer.status_code == 400
    assert code(answer) == (100, None)
    assert world.graph.sent == []


def test_instagram_knows_no_metadata(world: World) -> None:
    assert code(world.instagram(message={"text": "a", "metadata": "corr"})) == (100, None)


def test_an_unknown_customer_is_refused(world: World) -> None:
    assert code(world.messenger(recipient={"id": IGSID})) == (100, 2018001)
    assert code(world.instagram(recipient={"id": PSID})) == (100, 2018001)


# Windows


def test_the_window_closes_after_a_day_and_a_new_message_opens_it(world: World) -> None:
    world.clock.ms += 24 * HOUR
    assert world.messenger().status_code == 200
    world.clock.ms += 1
    assert code(world.messenger()) == (10, 2018278)
    assert code(world.instagram()) == (10, 2534022)
    world.graph.say("messenger", PAGE, PSID, "Still there?")
    assert world.messenger().status_code == 200


def test_a_person_may_answer_for_seven_days_with_the_tag(world: World) -> None:
    tag = {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
    world.clock.ms += 7 * 24 * HOUR
    assert world.messenger(**tag).status_code == 200
    assert world.instagram(**tag).status_code == 200
    assert [sent.tag for sent in world.graph.sent] == ["HUMAN_AGENT", "HUMAN_AGENT"]
    world.clock.ms += 1
    assert code(world.messenger(**tag)) == (10, 2018278)
    assert code(world.instagram(**tag)) == (10, 2534022)


@pytest.mark.parametrize(("to", "later"), [(PHONE, 24 * HOUR + 1), ("385910000099", 0)])
def test_whatsapp_tells_of_a_closed_window_only_by_a_status(world: World, hook: Hook, to: str, later: int) -> None:
    world.clock.ms += later
    answer = world.whatsapp(to=to, biz_opaque_callback_data="corr-3")
    assert answer.status_code == 200
    assert world.graph.sent[0].failed == 131047
    assert world.graph.deliver_pending() == 1
    (status,) = hook.items()[0]["statuses"]
    assert (status["id"], status["status"]) == (answer.json()["messages"][0]["id"], "failed")
    assert (status["errors"][0]["code"], status["biz_opaque_callback_data"]) == (131047, "corr-3")


def test_a_late_message_does_not_shorten_the_window(world: World) -> None:
    world.graph.say("messenger", PAGE, PSID, "late", at_ms=START - 20 * HOUR)
    world.clock.ms += 23 * HOUR
    assert world.messenger().status_code == 200


# Rates


def test_the_pair_limit_of_whatsapp_lets_one_through_each_six_seconds(world: World) -> None:
    world.graph = world.server.graph = FakeGraph(world.clock, pair_burst=2)
    world.graph.register(FakeAccount("whatsapp", NUMBER, "wa-token", SECRET, world.hook.url))
    for phone in (PHONE, "385910000002"):
        world.graph.met("whatsapp", NUMBER, phone)
    assert [world.whatsapp().status_code for _ in range(3)] == [200, 200, 400]
    assert code(world.whatsapp()) == (131056, None)
    assert world.whatsapp(to="385910000002").status_code == 200
    world.clock.ms += 5_999
    assert code(world.whatsapp()) == (131056, None)
    world.clock.ms += 1
    assert world.whatsapp().status_code == 200
    assert len(world.graph.sent) == 4


def test_the_rate_of_an_account_is_bounded_when_asked(world: World) -> None:
    world.graph = world.server.graph = FakeGraph(world.clock, sends_per_second=1)
    world.graph.register(FakeAccount("whatsapp", NUMBER, "wa-token", SECRET, world.hook.url))
    world.graph.register(FakeAccount("messenger", PAGE, "page-token", SECRET, world.hook.url))
    world.graph.met("messenger", PAGE, PSID)
    assert [world.whatsapp().status_code, world.messenger().status_code] == [200, 200]
    assert code(world.whatsapp()) == (130429, None)
    throttled = world.messenger()
    assert code(throttled) == (613, None)
    usage = json.loads(throttled.headers["X-Business-Use-Case-Usage"])
    assert [use["estimated_time_to_regain_access"] for uses in usage.values() for use in uses] == [5]
    world.clock.ms += 1000
    assert world.messenger().status_code == 200


# Webhooks


def test_every_webhook_is_signed_over_its_bytes(world: World, hook: Hook) -> None:
    world.graph.say("whatsapp", NUMBER, PHONE, "Dobra večer", name="Iva")
    world.graph.say("instagram", IG, IGSID, "Dobra večer")
    world.messenger()
    world.graph.deliver_pending()
    assert len(hook.bodies) == 4
    for body, signature in zip(hook.bodies, hook.signatures, strict=True):
        assert signature == "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert body.isascii()


def test_a_customer_writes_on_whatsapp(world: World, hook: Hook) -> None:
    said = world.graph.say("whatsapp", NUMBER, PHONE, "Imate li parking?", name="Iva")
    assert said.status == 200
    body = json.loads(hook.bodies[0])
    assert body["object"] == "whatsapp_business_account"
    value = body["entry"][0]["changes"][0]["value"]
    assert value["metadata"]["phone_number_id"] == NUMBER
    user_id = value["contacts"][0]["user_id"]
    assert value["contacts"] == [{"profile": {"name": "Iva"}, "wa_id": PHONE, "user_id": user_id}]
    assert value["messages"] == [
        {
            "from": PHONE,
            "from_user_id": user_id,
            "id": said.message_id,
            "timestamp": str(START // 1000),
            "text": {"body": "Imate li parking?"},
            "type": "text",
        }
    ]


def test_messaging_bodies_escape_unicode_and_slashes_and_have_no_spaces(world: World, hook: Hook) -> None:
    world.graph.say("messenger", PAGE, PSID, "čaj/kava \\/ \N{HOT BEVERAGE}")
    (body,) = hook.bodies
    assert rb"\u010daj\/kava \\\/ \u2615" in body
    assert b'{"object":"page","entry":[{"time":' in body
    assert hook.items()[0]["message"]["text"] == "čaj/kava \\/ \N{HOT BEVERAGE}"


def test_a_customer_taps_a_quick_reply(world: World, hook: Hook) -> None:
    for channel, account, contact in (("whatsapp", NUMBER, PHONE), ("messenger", PAGE, PSID)):
        world.graph.say(channel, account, contact, "Parking", quick_reply="faq:parking")
    tapped, replied = hook.items()
    button = tapped["messages"][0]["interactive"]
    assert button == {"type": "button_reply", "button_reply": {"id": "faq:parking", "title": "Parking"}}
    assert (replied["message"]["text"], replied["message"]["quick_reply"]) == ("Parking", {"payload": "faq:parking"})


def test_a_messenger_send_comes_back_as_echo_and_delivery(world: World, hook: Hook) -> None:
    mid = world.messenger(message={"text": "Hi", "metadata": "corr-4"}).json()["message_id"]
    assert hook.bodies == []
    assert world.graph.deliver_pending() == 2
    echo, receipt = hook.items()
    assert (echo["sender"]["id"], echo["recipient"]["id"]) == (PAGE, PSID)
    assert echo["message"] == {"mid": mid, "text": "Hi", "is_echo": True, "app_id": 4711, "metadata": "corr-4"}
    assert (receipt["sender"]["id"], receipt["recipient"]["id"]) == (PSID, PAGE)
    assert receipt["delivery"] == {"mids": [mid], "watermark": START}
    assert world.graph.deliver_pending() == 0


def test_an_instagram_send_comes_back_as_echo_without_app_id(world: World, hook: Hook) -> None:
    mid = world.instagram().json()["message_id"]
    world.graph.deliver_pending()
    assert [item["message"] for item in hook.items()] == [{"mid": mid, "text": "Good evening", "is_echo": True}]
    assert json.loads(hook.bodies[0])["object"] == "instagram"


def test_a_whatsapp_send_is_followed_by_sent_and_delivered(world: World, hook: Hook) -> None:
    wamid = world.whatsapp(biz_opaque_callback_data="corr-5").json()["messages"][0]["id"]
    world.clock.ms += 5000
    world.graph.deliver_pending()
    statuses = [item["statuses"][0] for item in hook.items()]
    assert [status["status"] for status in statuses] == ["sent", "delivered"]
    for status in statuses:
        assert (status["id"], status["recipient_id"]) == (wamid, PHONE)
        assert (status["biz_opaque_callback_data"], status["timestamp"]) == ("corr-5", str(START // 1000))


def test_a_delivery_that_is_not_answered_200_comes_again_later_and_later(world: World, hook: Hook) -> None:
    hook.status = 503
    said = world.graph.say("messenger", PAGE, PSID, "Hello")
    assert said.status == 503
    assert world.graph.deliver_pending() == 0
    assert len(hook.bodies) == 1
    world.clock.ms += 1000
    assert world.graph.deliver_pending() == 0
    assert world.graph.deliveries.pending[0].due_ms == world.clock.ms + 2000
    hook.status = 200
    world.clock.ms += 2000
    assert world.graph.deliver_pending() == 1
    assert world.graph.deliveries.pending == []
    assert len(hook.bodies) == 3
    assert {item["message"]["mid"] for item in hook.items()} == {said.message_id}


@pytest.mark.parametrize(
    ("channel", "account", "contact", "hours"), [("messenger", PAGE, PSID, 1), ("whatsapp", NUMBER, PHONE, 168)]
)
def test_a_delivery_is_given_up_in_the_end(
    world: World, hook: Hook, channel: str, account: str, contact: str, hours: int
) -> None:
    hook.status = 401
    world.graph.say(channel, account, contact, "Hello")
    world.clock.ms += hours * HOUR - 1
    world.graph.deliver_pending()
    assert world.graph.deliveries.dropped == []
    world.clock.ms += HOUR
    world.graph.deliver_pending()
    assert world.graph.deliveries.pending == []
    assert len(world.graph.deliveries.dropped) == 1


def test_where_nobody_listens_the_message_waits(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/hook/meta/main"
    world.graph.register(FakeAccount("messenger", PAGE, "page-token", SECRET, url))
    assert world.graph.say("messenger", PAGE, PSID, "Hello").status == 0
    assert len(world.graph.deliveries.pending) == 1


def test_any_body_can_be_delivered_signed(world: World, hook: Hook) -> None:
    assert world.graph.deliver("messenger", PAGE, b"not even json") == 200
    assert hook.bodies == [b"not even json"]
    assert hook.signatures == ["sha256=" + hmac.new(SECRET.encode(), b"not even json", hashlib.sha256).hexdigest()]


def test_message_ids_never_repeat_not_even_after_a_new_start(world: World) -> None:
    first = [world.graph.say("whatsapp", NUMBER, PHONE, "Hello").message_id for _ in range(3)]
    world.clock.ms += 1
    again = FakeGraph(world.clock)
    again.register(FakeAccount("whatsapp", NUMBER, "wa-token", SECRET, world.hook.url))
    second = [again.say("whatsapp", NUMBER, PHONE, "Hello").message_id for _ in range(3)]
    assert len({*first, *second}) == 6


def test_wrong_names_are_refused_at_once(world: World) -> None:
    with pytest.raises(LookupError):
        world.graph.say("messenger", "999", PSID, "Hello")
    with pytest.raises(ValueError, match="not an id"):
        world.graph.say("messenger", PAGE, "somebody", "Hello")
    with pytest.raises(ValueError, match="unknown channel"):
        world.graph.register(FakeAccount("pigeon", "1", "t", SECRET, world.hook.url))
    with pytest.raises(ValueError, match="Page"):
        world.graph.register(FakeAccount("instagram", "1", "t", SECRET, world.hook.url))


def test_many_senders_at_once_are_all_kept(world: World) -> None:
    graph = world.graph
    barrier = threading.Barrier(8)

    def send() -> None:
        barrier.wait()
        for _ in range(5):
            world.messenger()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({sent.platform_id for sent in graph.sent}) == 40
    assert graph.deliver_pending() == 80


# Faults


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        (Fault.RATE_429, 429, (4, None)),
        (Fault.RATE_429_RETRY_AFTER, 429, (4, None)),
        (Fault.THROTTLE_613, 400, (613, None)),
        (Fault.THROUGHPUT_130429, 429, (130429, None)),
        (Fault.PAIR_131056, 400, (131056, None)),
        (Fault.TOKEN_190, 400, (190, 463)),
        (Fault.BAD_REQUEST_400, 400, (100, None)),
        (Fault.ERROR_500, 500, (2, None)),
        (Fault.UNAVAILABLE_503, 503, (2, None)),
        (Fault.ERROR_THOUGH_SENT, 500, (1, 1357046)),
    ],
)
def test_faults_with_an_error_body(world: World, fault: Fault, status: int, error: tuple[int, int | None]) -> None:
    world.graph.misbehave(fault)
    answer = world.messenger()
    assert (answer.status_code, code(answer)) == (status, error)
    assert answer.headers.get("Retry-After") == ("30" if fault is Fault.RATE_429_RETRY_AFTER else None)
    assert len(world.graph.sent) == (1 if fault is Fault.ERROR_THOUGH_SENT else 0)
    assert world.messenger().status_code == 200


@pytest.mark.parametrize("fault", [Fault.EMPTY_BODY, Fault.HTML, Fault.TRUNCATED_JSON])
def test_faults_with_a_200_that_is_no_json_though_the_message_went(world: World, fault: Fault) -> None:
    world.graph.misbehave(fault)
    answer = world.whatsapp()
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert len(world.graph.sent) == 1


def test_faults_with_a_200_of_another_shape(world: World) -> None:
    for fault in (Fault.WRONG_TYPE, Fault.NULL_ID, Fault.HUGE_BODY):
        world.graph.misbehave(fault)
    assert world.messenger().json() == ["ok"]
    assert world.messenger().json()["message_id"] is None
    huge = world.messenger()
    assert len(huge.content) > 10_000_000
    assert huge.json()["message_id"] == world.graph.sent[2].platform_id


def test_a_bad_gateway_answers_html(world: World) -> None:
    world.graph.misbehave(Fault.BAD_GATEWAY_502)
    answer = world.messenger()
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert world.graph.sent == []


@pytest.mark.parametrize(("fault", "status"), [(Fault.REDIRECT_302, 302), (Fault.REDIRECT_307, 307)])
def test_a_redirect_leads_back_so_that_following_it_is_seen(world: World, fault: Fault, status: int) -> None:
    world.graph.misbehave(fault)
    answer = world.messenger()
    assert answer.status_code == status
    assert answer.headers["Location"] == f"{world.server.url}/v25.0/{PAGE}/messages"
    assert len(world.graph.calls) == 1
    world.graph.misbehave(fault)
    body = {"recipient": {"id": PSID}, "messaging_type": "RESPONSE", "message": {"text": "Hi"}}
    world.post(PAGE, "page-token", body, allow_redirects=True)
    assert [call.method for call in world.graph.calls] == ["POST", "POST", "GET" if status == 302 else "POST"]


@pytest.mark.parametrize(("fault", "sent"), [(Fault.RESET_BEFORE_READING, 0), (Fault.RESET_AFTER_READING, 1)])
def test_a_reset_connection(world: World, fault: Fault, sent: int) -> None:
    world.graph.misbehave(fault)
    with pytest.raises(requests.ConnectionError):
        world.messenger()
    assert len(world.graph.sent) == sent
    assert len(world.graph.calls) == sent
    assert world.messenger().status_code == 200


def test_a_body_that_ends_early(world: World) -> None:
    world.graph.misbehave(Fault.CUT_BODY)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        world.messenger()
    assert len(world.graph.sent) == 1


def test_a_slow_loris_drips_its_answer_byte_by_byte(world: World) -> None:
    world.graph.misbehave(Fault.SLOW_LORIS)
    assert world.messenger().json()["message_id"] == world.graph.sent[0].platform_id


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.SLOW_LORIS])
def test_a_client_that_waits_is_let_go_when_the_server_closes(hook: Hook, fault: Fault) -> None:
    world = World(hook, drip_s=3600)
    failures: list[Exception] = []

    def send() -> None:
        try:
            world.post(PAGE, "page-token", body, timeout=None)
        except requests.ConnectionError as error:
            failures.append(error)

    body = {"recipient": {"id": PSID}, "messaging_type": "RESPONSE", "message": {"text": "Hi"}}
    world.graph.misbehave(fault)
    world.clock.was_read.clear()
    with world.server:
        client = threading.Thread(target=send)
        client.start()
        assert world.clock.was_read.wait(10)  # the send has come this far
    client.join()
    assert len(failures) == 1
    assert len(world.graph.sent) == 1


def test_a_kept_alive_connection_is_closed_behind_the_client(world: World) -> None:
    place = urlsplit(world.server.url)
    body = json.dumps({"recipient": {"id": PSID}, "messaging_type": "RESPONSE", "message": {"text": "Hi"}})
    headers = {"Authorization": "Bearer page-token", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=5)
    try:
        for fault in (None, Fault.KEEP_ALIVE_CLOSED):
            if fault:
                world.graph.misbehave(fault)
            connection.request("POST", f"/v25.0/{PAGE}/messages", body, headers)
            answer = connection.getresponse()
            assert (answer.status, answer.getheader("Connection")) == (200, None)
            answer.read()
        assert connection.sock.recv(1) == b""
    finally:
        connection.close()
    assert len(world.graph.sent) == 2


def test_faults_are_played_as_often_as_told_and_can_be_called_off(world: World) -> None:
    world.graph.misbehave(Fault.ERROR_500, times=2)
    world.graph.misbehave(Fault.BAD_GATEWAY_502, times=5)
    assert [world.messenger().status_code for _ in range(3)] == [500, 500, 502]
    world.graph.behave()
    assert world.messenger().status_code == 200
    faults = [call.fault for call in world.graph.calls]
    assert faults == [Fault.ERROR_500, Fault.ERROR_500, Fault.BAD_GATEWAY_502, None]


def test_a_500_may_hide_a_message_that_went(world: World) -> None:
    world.graph.misbehave(Fault.ERROR_500, taken=True)
    assert world.messenger().status_code == 500
    assert len(world.graph.sent) == 1


def test_a_wrong_request_is_refused_as_such_even_under_a_fault_that_takes(world: World) -> None:
    world.graph.misbehave(Fault.EMPTY_BODY)
    assert code(world.messenger(message={"text": ""})) == (100, None)


# The face for people


def fetch(world: World, method: str, path: str, **options: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, world.server.url + path, timeout=5, **options)


def test_a_person_lets_a_customer_write_and_sees_what_was_sent(world: World, hook: Hook) -> None:
    wish = {"channel": "whatsapp", "account": NUMBER, "contact": "385910000005", "text": "Hello", "name": "Iva"}
    said = fetch(world, "POST", "/_fake/say", json=wish)
    assert said.json() == {"message_id": hook.items()[0]["messages"][0]["id"], "status": 200}
    assert world.whatsapp(to="385910000005").status_code == 200
    (sent,) = fetch(world, "GET", "/_fake/sent").json()
    assert (sent["to"], sent["text"], sent["at_ms"]) == ("385910000005", "Good evening", START)
    assert b"/_fake/say" in fetch(world, "GET", "/").content
    assert fetch(world, "GET", "/elsewhere").status_code == 404


@pytest.mark.parametrize(
    "wish", [{}, [], None, {"channel": "whatsapp", "account": "999", "contact": "385910000005", "text": "Hello"}]
)
def test_a_wish_that_makes_no_sense_is_answered_400(world: World, wish: Any) -> None:
    data, headers = json.dumps(wish), {"Content-Type": "application/json"}
    assert fetch(world, "POST", "/_fake/say", data=data, headers=headers).status_code == 400


def test_a_page_in_a_browser_cannot_use_the_face(world: World) -> None:
    assert fetch(world, "POST", "/_fake/say", data="{}", headers={"Content-Type": "text/plain"}).status_code == 403
    assert fetch(world, "GET", "/_fake/sent", headers={"Host": "evil.example:80"}).status_code == 403


def test_a_request_without_a_length_or_too_long_is_refused(world: World) -> None:
    assert fetch(world, "POST", "/v25.0/me/messages", data=iter([b"{}"])).status_code == 411
    assert fetch(world, "POST", "/v25.0/me/messages", data=b" " * 1_000_001).status_code == 413


# Files of customers

PHOTO = File("image", b"\x89PNG and so on", "image/png", "photo.png")
BEARER = {"Authorization": "Bearer wa-token"}


def get(world: World, address: str, headers: dict[str, str] | None = None) -> requests.Response:
    """The fake stands in for every host of the platform."""
    parts = urlsplit(address)
    place = f"{world.server.url}{parts.path}{'?' if parts.query else ''}{parts.query}"
    with requests.Session() as session:
        session.trust_env = False
        return session.get(place, headers=headers, timeout=5, allow_redirects=False)


def media_id(world: World) -> str:
    assert world.graph.say("whatsapp", NUMBER, PHONE, "Look", file=PHOTO).status == 200
    [value] = world.hook.items()
    image = value["messages"][0]["image"]
    assert (image["caption"], image["mime_type"], image["filename"]) == ("Look", "image/png", "photo.png")
    assert base64.b64decode(image["sha256"]) == hashlib.sha256(PHOTO.body).digest()
    return str(image["id"])


def address_of(world: World, channel: str) -> str:
    account, contact = (PAGE, PSID) if channel == "messenger" else (IG, IGSID)
    assert world.graph.say(channel, account, contact, "", file=PHOTO).status == 200
    [item] = world.hook.items()
    assert "text" not in item["message"]
    [attachment] = item["message"]["attachments"]
    assert attachment["type"] == "image"
    return str(attachment["payload"]["url"])


def test_whatsapps_media_id_leads_to_an_address_for_five_minutes(world: World) -> None:
    number = media_id(world)
    found = get(world, f"/v25.0/{number}", BEARER).json()
    assert (found["id"], found["file_size"], found["mime_type"]) == (number, len(PHOTO.body), "image/png")
    assert found["sha256"] == hashlib.sha256(PHOTO.body).hexdigest()
    assert get(world, found["url"], BEARER).content == PHOTO.body
    assert code(get(world, found["url"])) == (190, None)
    assert code(get(world, found["url"], {"Authorization": "Bearer wrong"})) == (190, None)
    assert get(world, found["url"], {"Authorization": "Bearer page-token"}).status_code == 404
    assert get(world, found["url"].replace("hash=", "hash=f"), BEARER).status_code == 404
    world.clock.ms += 5 * 60_000 + 1000
    assert get(world, found["url"], BEARER).status_code == 404


def test_a_media_id_is_known_for_seven_days_to_whoever_may_act_for_its_number(world: World) -> None:
    path = f"/v25.0/{media_id(world)}"
    assert code(get(world, path)) == (190, None)
    assert code(get(world, path, {"Authorization": "Bearer wrong"})) == (190, None)
    assert code(get(world, f"{path}?access_token=wa-token", BEARER)) == (190, None)
    assert code(get(world, path, {"Authorization": "Bearer page-token"})) == (100, 33)
    assert code(get(world, "/v25.0/4711", BEARER)) == (100, 33)
    world.clock.ms += 7 * 24 * HOUR
    assert get(world, path, BEARER).status_code == 200
    world.clock.ms += 1
    assert code(get(world, path, BEARER)) == (100, 33)


@pytest.mark.parametrize("channel", ["messenger", "instagram"])
def test_an_address_of_a_webhook_opens_its_file_for_a_while_and_takes_no_token(world: World, channel: str) -> None:
    address = address_of(world, channel)
    assert urlsplit(address).hostname in ("scontent.xx.fbcdn.net", "lookaside.fbsbx.com")
    assert get(world, address).content == PHOTO.body
    assert get(world, address, {"Authorization": "Bearer page-token"}).status_code == 400
    spoilt_address = address.replace("oh=", "oh=f").replace("signature=", "signature=f")
    assert get(world, spoilt_address).text == "URL signature mismatch"
    world.clock.ms += 7 * 24 * HOUR + 1
    expired = get(world, address)
    assert (expired.status_code, expired.text) == (403, "URL signature expired")


def test_people_can_let_a_customer_send_a_file(world: World) -> None:
    file = {"type": "file", "base64": base64.b64encode(b"%PDF-1.7").decode(), "mime_type": "application/pdf"}
    wish = {"channel": "whatsapp", "account": NUMBER, "contact": PHONE, "text": "", "file": file}
    with requests.Session() as session:
        session.trust_env = False
        assert session.post(f"{world.server.url}/_fake/say", json=wish, timeout=5).json()["status"] == 200
        for spoilt_file in ({}, "x", {**file, "base64": "é"}):
            answer = session.post(f"{world.server.url}/_fake/say", json={**wish, "file": spoilt_file}, timeout=5)
            assert answer.status_code == 400
    assert world.hook.items()[0]["messages"][0]["type"] == "document"
