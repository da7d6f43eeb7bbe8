"""WeChat: the reply in the answer, three attempts and one commit, sealed deliveries, and who may write later."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta

import answer
import pytest
from afterhours.channels import wechat_source
from afterhours.stores import secrets
from afterhours_local.http_event import HttpRequest
from afterhours_local.platforms.wechat import MEDIA_MS, FakeWechat
from counting import answered, failing, meanwhile
from world import Ulid, World

ACCOUNT, LI = "jadran-wechat", "oV5CrjpxgaGXNHIQigzNlgLTnwic"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine that runs this may be slow; the platform's patience has its own test."""
    monkeypatch.setattr(answer, "DEADLINE_S", 60.0)


@pytest.fixture
def wechat(world: World) -> FakeWechat:
    fake = world.sandbox.others["wechat"]
    assert isinstance(fake, FakeWechat)
    return fake


def pk(world: World) -> str:
    return world.pk(LI, "wechat")


def texts(wechat: FakeWechat) -> list[str]:
    return [each.text for each in wechat.sent]


def say(wechat: FakeWechat, text: str, *, lost: int = 0, number: str | None = None) -> None:
    assert wechat.send(ACCOUNT, LI, {"MsgType": "text", "Content": text}, lost=lost, number=number).status == 200


def in_time_is_over() -> None:
    for thread in threading.enumerate():
        if thread.name == answer.THREAD:
            thread.join()


def test_a_customer_is_answered_in_the_answer(world: World, wechat: FakeWechat) -> None:
    say(wechat, "Hello")
    [event] = world.events(pk(world))
    assert (event["rule"], event["reply"]) == ("instant", "sent")
    assert texts(wechat) == [event["reply_text"]]
    assert (world.inbound(), wechat.out_of_service) == ([], 0)


def test_a_tapped_menu_is_answered_and_other_events_are_not(world: World, wechat: FakeWechat) -> None:
    assert wechat.happen(ACCOUNT, LI, "subscribe") == 200
    wechat.send(ACCOUNT, LI, {"MsgType": "text", "Content": "Hello"})
    assert wechat.happen(ACCOUNT, LI, "CLICK", EventKey="faq:wifi") == 200
    assert "Wi-Fi is free" in texts(wechat)[-1]
    wechat.happen(ACCOUNT, LI, "VIEW", EventKey="https://www.hotel-jadran.example")
    wechat.happen(ACCOUNT, LI, "LOCATION", Latitude="43.5", Longitude="16.4")
    world.stack.drain()
    assert len(wechat.sent) == 2
    assert [each.body for each in wechat.attempts][-2:] == [b"success", b"success"]


def test_how_the_messages_of_other_tools_went_is_no_receipt_of_ours(world: World, wechat: FakeWechat) -> None:
    say(wechat, "Hello")
    before = world.items()
    world.wait(1)
    for event in ("MASSSENDJOBFINISH", "TEMPLATESENDJOBFINISH"):
        assert wechat.happen(ACCOUNT, LI, event, MsgID="1000001625", Status="err(30003)") == 200
    world.stack.drain()
    assert (world.items(), len(wechat.sent)) == (before, 1)


# Three attempts


@pytest.mark.parametrize("lost", [1, 2])
def test_a_storm_of_attempts_gets_the_same_reply_and_is_committed_once(
    world: World, wechat: FakeWechat, lost: int
) -> None:
    say(wechat, "Hello", lost=lost)
    assert len(wechat.attempts) == lost + 1
    world.stack.drain()
    [event] = world.events(pk(world))
    assert (event["reply"], world.head(pk(world))["version"]) == ("sent", 1)
    assert texts(wechat) == [event["reply_text"]]


def test_every_attempt_says_the_same(world: World, wechat: FakeWechat) -> None:
    for _ in range(3):
        say(wechat, "Hello", number="23456789012345678")
    assert len(set(texts(wechat))) == 1
    assert len(wechat.sent) == 3
    assert world.replies(pk(world)) == ["sent"]


def test_attempts_at_the_same_time_say_the_same(world: World, wechat: FakeWechat) -> None:
    again = threading.Thread(target=say, args=(wechat, "Hello"), kwargs={"number": "23456789012345678"})

    def meanwhile_again(_: object) -> None:
        again.start()
        again.join()

    with answered("dynamodb.TransactWriteItems", meanwhile_again, times=1):
        say(wechat, "Hello", number="23456789012345678")
    world.stack.drain()
    assert len(wechat.sent) == 2
    assert len(set(texts(wechat))) == 1
    assert world.replies(pk(world)) == ["sent"]


def test_an_attempt_that_died_after_its_commit_is_answered_by_the_next(world: World, wechat: FakeWechat) -> None:
    with failing("dynamodb.UpdateItem", lambda: RuntimeError("the function is gone"), times=1):
        say(wechat, "Hello", lost=1, number="23456789012345678")
    assert len(wechat.attempts) == 2
    assert len(wechat.sent) == 1
    assert world.replies(pk(world)) == ["sent"]
    world.settle()  # what the first left in the queue finds it done
    assert (world.replies(pk(world)), len(wechat.sent), world.dead_letters()) == (["sent"], 1, 0)


# Too late, and trouble


def test_what_is_decided_too_late_is_left_to_the_worker_and_recorded(
    world: World, wechat: FakeWechat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer, "DEADLINE_S", 0.05)
    gate = threading.Event()
    with meanwhile("dynamodb.TransactWriteItems", gate.wait):
        say(wechat, "I want to talk to a person")
        assert wechat.attempts[-1].body == b"success"
        world.stack.drain()
        gate.set()
        in_time_is_over()
    assert world.replies(pk(world)) == ["refused"]
    assert world.bells() == [pk(world)]
    assert (wechat.sent, world.dead_letters()) == ([], 0)


def test_trouble_of_ours_is_answered_with_the_neutral_word_and_nothing_is_lost(
    world: World, wechat: FakeWechat
) -> None:
    with failing("dynamodb.TransactWriteItems", lambda: RuntimeError("no table")):
        say(wechat, "Hello")
    assert wechat.attempts[-1].body == b"success"
    world.stack.drain()
    assert len(world.events(pk(world))) == 1


def test_without_a_queue_nothing_is_acknowledged(world: World, wechat: FakeWechat) -> None:
    with failing("sqs.SendMessageBatch", lambda: ConnectionError("no queue")):
        assert wechat.happen(ACCOUNT, LI, "subscribe") >= 500
    assert [each.status >= 500 for each in wechat.attempts] == [True, True, True]
    assert wechat.out_of_service == 1


# People


def test_a_person_hears_of_it_and_cannot_answer_from_here(world: World, wechat: FakeWechat, ulid: Ulid) -> None:
    say(wechat, "I want to talk to a person")
    assert world.bells() == [pk(world)]
    ana = world.agent()
    thread = ana.pull()
    assert thread
    assert (thread["channel"], thread["reply"]["blocked"], thread["reply"]["allowed"]) == (
        "wechat",
        "unsupported",
        ["note"],
    )
    status, problem = ana.reply(thread, "Ana here.", ulid())
    assert (status, problem["code"]) == (422, "unsupported")
    assert len(wechat.sent) == 1


@pytest.mark.usefixtures("customer_service")
def test_with_customer_service_a_person_answers_later(world: World, wechat: FakeWechat, ulid: Ulid) -> None:
    say(wechat, "I want to talk to a person")
    ana = world.agent()
    thread = ana.pull()
    assert thread
    assert ana.reply(thread, "您好", ulid())[0] == 202
    world.stack.drain()
    assert texts(wechat)[1:] == ["您好"]
    assert world.replies(pk(world)) == ["sent", "sent"]


@pytest.mark.usefixtures("customer_service")
def test_with_customer_service_the_agent_sees_pictures_for_three_days(world: World, wechat: FakeWechat) -> None:
    picture = b"\xff\xd8\xff\xe0 a picture"
    assert wechat.send_picture(ACCOUNT, LI, picture).status == 200
    assert looked_at(world) == (200, picture)
    world.stack.clock.advance(timedelta(milliseconds=MEDIA_MS + 1))
    assert looked_at(world)[0] == 502, "first the token is over"
    world.stack.tick()
    secrets.clear()
    assert looked_at(world)[0] == 410


def test_without_it_the_picture_is_in_the_platforms_own_app_only(world: World, wechat: FakeWechat) -> None:
    assert wechat.send_picture(ACCOUNT, LI, b"a picture").status == 200
    status, body = looked_at(world)
    assert (status, b"own app" in body) == (404, True)


def looked_at(world: World) -> tuple[int, bytes]:
    """What the agent gets of the file of the first event."""
    event = world.events(pk(world))[0]
    path = f"/api/threads/{world.name(LI, 'wechat')}/attachments/{event['sk'].replace('#', '%23')}/0"
    answer_ = world.stack.answer(HttpRequest("GET", path, (("authorization", f"Bearer {world.agent().token}"),)))
    return answer_.status, answer_.body


# The webhook


def signed(world: World, wechat: FakeWechat, *, drift_s: int = 0, nonce: str = "1") -> str:
    timestamp = str(world.now_ms // 1000 + drift_s)
    query = wechat_source.signed_query(wechat.account("wechat", ACCOUNT).secret, timestamp, nonce)
    return "&".join(f"{name}={value}" for name, value in query.items())


def test_the_url_is_verified(wechat: FakeWechat) -> None:
    assert wechat.verify_url(ACCOUNT) == (200, b"5927782489442")


@pytest.mark.parametrize(("drift_s", "status"), [(-301, 401), (301, 401), (-299, 200), (299, 200)])
def test_a_signature_is_good_for_five_minutes(world: World, wechat: FakeWechat, drift_s: int, status: int) -> None:
    target = f"/hook/wechat/{ACCOUNT}?{signed(world, wechat, drift_s=drift_s)}&echostr=4711"
    assert world.stack.answer(HttpRequest("GET", target, ())).status == status


def test_an_app_with_a_key_takes_nothing_in_clear(world: World, wechat: FakeWechat) -> None:
    document = wechat.document(LI, {"MsgType": "text", "Content": "forged", "MsgId": "1"})
    headers = {"content-type": "text/xml"}
    assert world.post(f"/hook/wechat/{ACCOUNT}?{signed(world, wechat)}", document, headers).status == 401
    assert (world.inbound(), world.items()) == ([], [])


@pytest.fixture
def plain(world: World, wechat: FakeWechat) -> Iterator[FakeWechat]:
    """The same account in plain mode."""
    known = wechat.account("wechat", ACCOUNT)
    ssm, name = world.stack.clients.ssm, f"/{world.stack.stack_name}/app/wechat/{ACCOUNT}"
    before = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value=json.dumps({"secrets": [known.secret]}), Type="SecureString", Overwrite=True)
    secrets.clear()
    wechat.register(type(known)(**{**vars(known), "aes_key": ""}))
    yield wechat
    ssm.put_parameter(Name=name, Value=before, Type="SecureString", Overwrite=True)
    secrets.clear()
    wechat.register(known)


def test_plain_mode_is_answered_in_clear(world: World, plain: FakeWechat) -> None:
    say(plain, "Hello")
    assert b"<Content>" in plain.attempts[0].body
    assert len(plain.sent) == 1


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"junk",
        b"<xml></xml>",
        b'<!DOCTYPE x [<!ENTITY a "ha">]><xml><MsgType>text</MsgType><Content>&a;</Content></xml>',
        b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><xml><MsgType>text</MsgType></xml>',
    ],
)
def test_a_bomb_or_junk_is_taken_and_set_aside(world: World, plain: FakeWechat, document: bytes) -> None:
    headers = {"content-type": "text/xml"}
    response = world.post(f"/hook/wechat/{ACCOUNT}?{signed(world, plain)}", document, headers)
    world.stack.drain()
    assert (response.status, response.body) == (200, b"success")
    assert [item["reason"] for item in world.quarantined()] == ["not_understood"]
    assert world.dead_letters() == 0


def test_a_message_without_a_sender_is_set_aside(world: World, plain: FakeWechat) -> None:
    document = b"<xml><MsgType>text</MsgType><Content>Hello</Content></xml>"
    assert world.post(f"/hook/wechat/{ACCOUNT}?{signed(world, plain)}", document, {}).body == b"success"
    world.stack.drain()
    assert [item["reason"] for item in world.quarantined()] == ["no_contact"]


def test_a_wrong_token_and_an_unknown_app_are_refused(world: World, wechat: FakeWechat) -> None:
    known = wechat.account("wechat", ACCOUNT)
    wechat.register(type(known)(**{**vars(known), "secret": "another-token"}))
    assert wechat.say("wechat", ACCOUNT, LI, "Hello").status == 401
    wechat.register(known)
    assert world.post(f"/hook/wechat/nobody?{signed(world, wechat)}", b"<xml/>", {}).status == 401
    assert world.inbound() == []
