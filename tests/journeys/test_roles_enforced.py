"""Every function at its work under its own role, in an engine that enforces policies; then what lies beside it.

Together the two tests say three things of the table in `least_privilege`: the day needs nothing that is not in it,
nothing in it is without use, and the template's roles deny whatever is not in it.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from afterhours.stores import queues
from afterhours.stores.claims import Claims
from afterhours.stores.dynamo import to_item
from afterhours_local import sandbox
from afterhours_local.clients import Clients
from afterhours_local.http_event import HttpRequest
from afterhours_local.platforms import graph_webhooks
from afterhours_local.platforms.email import FakeSes
from afterhours_local.platforms.fake import Delivered
from afterhours_local.platforms.faults import Fault
from afterhours_local.platforms.graph_files import File
from afterhours_local.platforms.graph_webhooks import sign
from afterhours_local.platforms.viber import FakeViber
from afterhours_local.platforms.x import FakeX
from afterhours_local.stack import LocalStack
from least_privilege import MAY, NEIGHBOURHOOD, POLLED, is_allowed, may, unused
from recorded_calls import Call, RecordedCalls
from test_pictures import png
from world import ANA, MESSENGER, OPEN, PETRA, WHATSAPP, Ulid, World

STACK = "afterhours-local"
IVA, MIA, MARA = "385910000003", "7415500923317748", "mara@customer.example"


class Enforced:
    """The stack, what it said, and what its functions asked of AWS, in the words of the table."""

    def __init__(self, world: World, calls: RecordedCalls, heard: list[tuple[str, dict[str, Any]]]) -> None:
        self.world, self.calls, self._heard = world, calls, heard
        ids = world.stack.outputs
        self._called = {
            "table threads": ids["ThreadsTable"],
            "table config": ids["ConfigTable"],
            "bucket overflow": ids["OverflowBucket"],
            "bucket mails": ids["MailBucket"],
            "topic mails": ids["MailTopic"],
            "topic notices": ids["NotificationTopic"],
            "topic alarms": ids["AlarmTopic"],
        }

    def physical(self, name: str) -> str:
        """What a call names a resource of the table by."""
        kind, _, rest = name.partition(" ")
        stack = "another-stack" if rest == "of-another-stack" else STACK
        if kind == "queue":
            return self.world.stack.clients.sqs.get_queue_url(QueueName=f"{stack}-{rest}")["QueueUrl"]
        if kind == "parameter":
            return f"/{stack}/{rest}"
        own, index, of = name.partition("/index/")
        return self._called[own] + index + of

    def made(self) -> set[tuple[str, str, str]]:
        """All calls so far: function, action, resource as the table names it."""
        return {(call.function, call.action, self._named(call.resource)) for call in self.calls.made}

    def _named(self, resource: str) -> str:
        for name, physical in self._called.items():
            kind = name.partition(" ")[0]
            resource = resource.replace(f"{kind} {physical}", name)
        return resource.replace(f"queue {STACK}-", "queue ").replace(f"parameter /{STACK}/", "parameter ")

    def troubles(self) -> list[object]:
        """Calls that were denied, invocations and messages that failed, and whatever was logged as an error."""
        failed = [each for each in self._heard if each[0] in ("raised", "failed")]
        logged = [said for what, said in self._heard if what == "log" and '"level":"ERROR"' in said["line"]]
        return [*self.calls.denied, *failed, *logged]


@pytest.fixture(scope="module")
def enforced() -> Iterator[Enforced]:
    heard: list[tuple[str, dict[str, Any]]] = []
    with ExitStack() as undo:
        calls = undo.enter_context(RecordedCalls())
        stack = undo.enter_context(
            LocalStack(
                sandbox.TEMPLATE,
                executor="runtime",
                serve=False,
                clock=OPEN,
                stack_name=STACK,
                environment={"AWS_ENDPOINT_URL": calls.url},
                on_event=lambda what, details: heard.append((what, dict(details))),
            )
        )
        calls.watch(stack.engine.url, stack.clients)

        def post(url: str, secret: str, body: bytes) -> int:
            headers = (("content-type", "application/json"), ("x-hub-signature-256", sign(body, secret)))
            return stack.answer(HttpRequest("POST", urlsplit(url).path, headers, body)).status

        def deliver(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Delivered:
            parts = urlsplit(url)
            target = f"{parts.path}?{parts.query}" if parts.query else parts.path
            answer = stack.answer(HttpRequest(method, target, tuple(headers.items()), body))
            return Delivered(answer.status, answer.body)

        configuration, environ = sandbox.SAMPLES / "afterhours.yaml", sandbox.sample_environment()
        playing = undo.enter_context(sandbox.playing(stack, configuration, environ, post=post, deliver=deliver))
        yield Enforced(World(playing), calls, heard)


@pytest.fixture
def world(enforced: Enforced) -> World:
    return enforced.world


def test_a_day_needs_all_that_the_roles_allow_and_nothing_else(enforced: Enforced, ulid: Ulid) -> None:
    for scene in (webhooks, large_and_strange_deliveries, replies, receipts, a_person_in_the_app, web_chat, a_file):
        scene(enforced.world)
        assert enforced.troubles() == [], scene.__name__
    an_agent(enforced.world, ulid)
    another_agent_is_faster(enforced)
    the_sweeper(enforced.world, ulid)
    a_token_refused_early(enforced.world)
    an_admin(enforced.world)
    a_mail(enforced.world)
    answers_at_once(enforced.world)
    assert enforced.troubles() == []
    made = enforced.made()
    assert [call for call in made if not may(*call)] == [], "allowed by a role, but not in the table"
    assert unused(made) == POLLED


@pytest.mark.parametrize("function", MAY)
def test_a_role_denies_whatever_its_function_does_not_need(function: str, enforced: Enforced, others: None) -> None:
    stack = enforced.world.stack
    role = stack.made.value(stack.template.functions[function].role)
    aws = Clients(stack.engine.url, credentials=stack.clients.assume(role, "neighbour"))
    tried = {
        (action, resource): is_allowed(call, aws, enforced.physical(resource))
        for resource, calls in NEIGHBOURHOOD.items()
        for action, call in calls.items()
    }
    assert {each for each, allowed in tried.items() if allowed} == {each for each in tried if may(function, *each)}


@pytest.fixture(scope="module")
def others(enforced: Enforced) -> None:
    """The queue of a later inbox, and what belongs to another stack."""
    root = enforced.world.stack.clients
    root.sqs.create_queue(QueueName=f"{STACK}-human-sales")
    root.sqs.create_queue(QueueName="another-stack-of-another-stack")
    root.ssm.put_parameter(Name="/another-stack/of-another-stack", Value="x", Type="SecureString")


# The scenes of the day. Each shows by its result that the calls behind it went through.


def webhooks(world: World) -> None:
    token = sandbox.sample_environment()["META_VERIFY_TOKEN"]
    query = f"hub.mode=subscribe&hub.challenge=4711&hub.verify_token={token}"
    answer = world.stack.answer(HttpRequest("GET", f"/hook/meta/main?{query}", ()))
    assert (answer.status, answer.body) == (200, b"4711")
    assert world.post("/hook/meta/nobody", b"{}", {"X-Hub-Signature-256": sign(b"{}", "whatever")}).status == 401


def a_mail(world: World) -> None:
    """A customer writes one with a file, which an agent opens, and then wants to be forgotten."""
    ses, picture, support = world.sandbox.others["email"], png(640, 480), "support@hotel-jadran.example"
    assert isinstance(ses, FakeSes)
    mail = ses.letter(MARA, support, "Hello")
    mail.add_attachment(picture, maintype="image", subtype="png", filename="room.png")
    ses.take_in(mail.as_bytes(), envelope=MARA, recipients=[support])
    world.stack.drain()
    [event] = world.events(world.pk(MARA, "email"))
    assert event["reply"] == "sent"
    ana, name = world.agent(), quote(world.name(MARA, "email"), safe="")
    path = f"/api/threads/{name}/attachments/{quote(event['sk'], safe='')}/0"
    answer = world.stack.answer(HttpRequest("GET", path, (("authorization", f"Bearer {ana.token}"),)))
    assert (answer.status, answer.body) == (200, picture)
    assert ana.call("POST", f"/api/threads/{name}/erase", {"confirm": world.name(MARA, "email")})[0] == 200
    assert world.stack.clients.s3.list_objects_v2(Bucket=world.stack.outputs["MailBucket"])["KeyCount"] == 0


def large_and_strange_deliveries(world: World) -> None:
    world.say("Dear hotel, " + "please. " * 30_000, contact="385910000001")
    [stored] = world.events(world.pk("385910000001"))
    assert len(stored["text"]) == 16_000
    assert stored["reply"] == "sent"
    bucket = world.stack.outputs["OverflowBucket"]
    assert world.stack.clients.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    assert world.deliver(world.written("Hello", account="999999999")) == 200
    assert world.deliver({"object": "page", "entry": "not a list"}) == 200
    world.stack.drain()
    assert {item["reason"] for item in world.quarantined()} == {"unknown_account", "not_understood"}


def replies(world: World) -> None:
    """Reply and handoff; a plain event; what the platform takes at the second try, and a copy of it; a second id."""
    world.say("I would like to talk to a person")
    assert world.head()["status"] == "open"
    assert world.pk() in world.bells()
    world.say("It is about tonight")
    assert [item["reply"] for item in world.events(world.pk())] == ["sent", "none"]

    delivery = world.written("Hello", contact=IVA)
    world.misbehave(Fault.RATE_429)
    assert world.deliver(delivery) == 200
    world.stack.drain()
    assert world.replies(world.pk(IVA)) == ["planned"]
    world.wait(61)
    assert world.deliver(delivery) == 200
    world.stack.drain()
    assert world.replies(world.pk(IVA)) == ["sent"]

    renamed = world.written("It is me again", contact=IVA)
    renamed["entry"][0]["changes"][0]["value"]["messages"][0]["from_user_id"] = "HR.1234567890"
    assert world.deliver(renamed) == 200
    world.stack.drain()
    assert world.items(world.pk("HR.1234567890"))[0]["alias_of"] == world.pk(IVA)


def receipts(world: World) -> None:
    """Of each kind; the failed one of WhatsApp comes last."""
    world.say("Do you have parking?", contact=MIA, channel="messenger")
    world.receipts()
    thread = world.pk(MIA, "messenger")
    assert world.events(thread)[0]["delivery"] == 1
    assert world.head(thread)["delivered_until"] == world.now_ms
    first = world.events(world.pk())[0]
    assert first["delivery"] == 2
    fail(world, first)
    assert world.events(world.pk())[0]["reply"] == "refused"


def a_person_in_the_app(world: World) -> None:
    """An echo that is not ours, and a message that its author took back."""
    thread, now = world.pk(MIA, "messenger"), world.now_ms
    echo = graph_webhooks.echo(
        "messenger", MESSENGER, MIA, "m_person", now, text="Yes.", app_id="263902037430900", metadata=None
    )
    assert world.deliver(json.loads(echo)) == 200
    world.stack.drain()
    assert world.head(thread)["human_at"] == now

    said = next(item for item in world.events(thread) if item.get("text") == "Do you have parking?")
    taken_back = {
        "sender": {"id": MIA},
        "recipient": {"id": MESSENGER},
        "timestamp": now,
        "message": {"mid": said["message_id"], "is_deleted": True},
    }
    assert world.deliver(json.loads(graph_webhooks.messaging_body("messenger", MESSENGER, now, taken_back))) == 200
    world.stack.drain()
    assert all(item.get("text") != "Do you have parking?" for item in world.events(thread))


def web_chat(world: World) -> None:
    session = visit(world, "POST", "session", {})["session"]
    message = {"client_message_id": "0198d7a0-1111-4222-8333-444455556666", "type": "text", "text": "Is anybody there?"}
    visit(world, "POST", "messages", message, session)
    world.stack.drain()
    assert [each["from"] for each in visit(world, "GET", "messages", None, session)["messages"]] == ["auto"]


def a_file(world: World) -> None:
    """Sent by a customer, looked at by an agent."""
    picture = File("image", png(640, 480), "image/png")
    assert world.sandbox.graph.say("whatsapp", WHATSAPP, PETRA, "Look", file=picture).status == 200
    world.stack.drain()
    ana = world.agent()
    entry = ana.call("GET", f"/api/threads/{world.name()}")[1]["timeline"][-1]
    path = f"/api/threads/{world.name()}/attachments/{quote(entry['id'], safe='')}/0"
    answer = world.stack.answer(HttpRequest("GET", path, (("authorization", f"Bearer {ana.token}"),)))
    assert (answer.status, answer.body) == (200, picture.body)


def an_agent(world: World, ulid: Ulid) -> None:
    """Every verb of the API, and a reply that fails after the platform took it."""
    ana = world.agent()
    assert ana.call("GET", "/api/me")[1]["email"] == ANA
    assert len(ana.call("GET", "/api/inboxes/support/threads")[1]["threads"]) == 5
    pulled = ana.pull()
    assert pulled is not None
    assert ana.do("heartbeat", pulled)[0] == 200
    assert ana.do("release", pulled)[1]["thread"]["owner"] is None
    found = ana.call("GET", f"/api/inboxes/support/search?number={pulled['number']}")[1]["threads"]
    assert [thread["id"] for thread in found] == [pulled["id"]]

    status, answer = ana.call("POST", f"/api/threads/{world.name()}/claim")
    assert status == 200
    assert ana.reply(answer["thread"], "Good morning!", ulid())[0] == 202
    world.stack.drain()
    assert world.sent[-1] == "Good morning!"
    assert ana.show(answer["thread"])["thread"]["status"] == "waiting"
    fail(world, next(item for item in world.events(world.pk()) if item["type"] == "outbound"))
    failed = ana.show(answer["thread"])["thread"]
    assert failed["status"] == "open"
    assert ana.resolve(failed)[1]["thread"]["status"] == "resolved"
    [ticket] = ana.call("GET", f"/api/inboxes/support/tickets?day={OPEN.date()}")[1]["tickets"]
    assert ticket["external_id"] == failed["id"]


def another_agent_is_faster(enforced: Enforced) -> None:
    """All threads are taken between the look and the claim: the doorbell has to be shown again."""
    world = enforced.world
    ana, claims, now = world.agent(), Claims(world.threads), world.now_ms
    waiting = [entry["pk"] for entry in world.threads.work("OPEN#support#0")]
    world.lose_bells()
    queues.ring(world.stack.outputs["HumanQueue"], "support", waiting[-1])
    claiming = Call("AgentApiFunction", "UpdateItem", f"table {enforced.physical('table threads')}")
    enforced.calls.meanwhile(claiming, lambda: [claims.pull(pk, "support", "ivo", now) for pk in waiting])
    assert ana.pull() is None
    assert world.bells() == waiting[-1:]
    for pk in waiting:
        claims.release(pk, "ivo", world.head(pk)["fence"])


def the_sweeper(world: World, ulid: Ulid) -> None:
    """Rings for threads without a bell, brings a lost reply back, wakes whom it was time to wake, tells of it; an hour
    later raises the alarm."""
    world.stack.drain()  # what the day has left
    ana = world.agent()
    thread = ana.pull()
    assert thread is not None
    assert ana.reply(thread, "Lost and found", ulid())[0] == 202
    assert [message["type"] for message in world.inbound()] == ["outbound"]
    world.lose_bells()
    until = world.now_ms + 30_000
    world.threads.update(  # no verb of the API does it yet
        world.pk(), "#", "SET #status = :snoozed, #snoozed_until = :until, #work_pk = :index, #work_sk = :place",
        when="attribute_exists(#pk)",
        snoozed="snoozed", until=until, index="SNOOZED#support#0", place=f"{until:013d}#{world.pk()}",
    )  # fmt: skip
    world.wait(61)
    [swept] = world.stack.tick().values()
    assert swept.pop("renewed") > 0
    assert swept == {"rung": 3, "woken": 1, "brought_back": 1, "notified": 2}
    assert world.head()["status"] == "open"
    assert len(world.bells()) == 4
    world.stack.drain()
    assert world.sent[-1] == "Lost and found"
    assert len(world.sandbox.slack.received) == 1
    world.wait(3_600)
    [swept] = world.stack.tick().values()
    assert swept["alarms"] == 3  # the thread that was woken here by hand is due at no time


def a_token_refused_early(world: World) -> None:
    """X takes a token back: the worker leaves word of it, the sweeper has a new one, and the reply goes."""
    x, our, petra = world.sandbox.others["x"], "1983000000000000001", "1755000000000000002"
    assert isinstance(x, FakeX)
    x.grant(our).expires_ms = world.now_ms
    assert x.say("x", our, petra, "Hello").status == 200
    world.stack.drain()
    [swept] = world.stack.tick().values()
    assert swept["renewed"] == 1
    world.wait(61)
    world.wait(30)
    assert [each.to for each in x.sent] == [petra]


def answers_at_once(world: World) -> None:
    """A chat is opened by a link that asks something, another delivery is too large for a queue, and somebody on
    WeChat wants a person. Whether that is in time is the machine's affair."""
    viber, wechat = world.sandbox.others["viber"], world.sandbox.others["wechat"]
    assert isinstance(viber, FakeViber)
    viber.open_chat("jadran-viber", "wB0Xh3tCyFqIuUq8m1pNnA==", context="faq:wifi")
    assert viber.say("viber", "jadran-viber", "wB0Xh3tCyFqIuUq8m1pNnA==", "long " * 50_000).status == 200
    assert wechat.say("wechat", "jadran-wechat", "oV5CrjpxgaGXNHIQigzNlgLTnwic", "I want a person").status == 200
    world.stack.drain()
    assert len(world.events(world.pk("wB0Xh3tCyFqIuUq8m1pNnA==", "viber"))) == 2
    assert len(world.events(world.pk("oV5CrjpxgaGXNHIQigzNlgLTnwic", "wechat"))) == 1


def an_admin(world: World) -> None:
    """A customer wants to be forgotten, who is known by two ids."""
    ana = world.agent()
    found = ana.call("GET", "/api/me")[1]
    inboxes = {**found["inboxes"], "support": "admin"}
    permissions = {"pk": "AGENT", "sk": found["agent"], "email": ANA, "inboxes": inboxes}
    world.stack.clients.dynamodb.put_item(TableName=world.stack.outputs["ConfigTable"], Item=to_item(permissions))
    for _ in range(2):
        assert ana.call("POST", f"/api/threads/{world.name(IVA)}/erase", {"confirm": world.name(IVA)})[0] == 200
    assert [item["sk"] for item in world.items(world.pk(IVA))] == ["#"]


def fail(world: World, item: dict[str, Any]) -> None:
    """The platform reports that a text which it took could not be delivered."""
    sent = next(each for each in world.sandbox.graph.sent if each.platform_id == item["platform_id"])
    assert world.deliver(world.status("failed", sent, 131026)) == 200
    world.stack.drain()


def visit(world: World, method: str, path: str, body: dict[str, Any] | None, session: str = "") -> Any:
    headers = (("content-type", "application/json"), ("authorization", f"Bearer {session}"))
    raw = json.dumps(body).encode() if body is not None else b""
    answer = world.stack.answer(HttpRequest(method, f"/webchat/jadran-web/{path}", headers, raw))
    assert answer.status in (200, 201, 202), answer
    return json.loads(answer.body)
