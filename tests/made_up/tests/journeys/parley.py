"""A customer writes on Parley: the delivery is signed, stored and answered, and the thread is there for a person."""

from world import Ulid, World

APP = "jadran-parley"


def test_a_signed_delivery_becomes_a_thread_that_is_answered(world: World, ulid: Ulid) -> None:
    parley = world.sandbox.others["parley"]
    assert parley.say("parley", APP, "guest-7", "I want to speak to a person").status == 200
    world.stack.drain()
    [event] = world.events(world.pk("guest-7", "parley"))
    assert (event["text"], event["reply"]) == ("I want to speak to a person", "sent")
    assert [each.to for each in parley.sent] == ["guest-7"]
    ana = world.agent()
    thread = ana.pull()
    assert thread
    assert thread["channel"] == "parley"
    assert ana.reply(thread, "Here I am.", ulid())[0] == 202
    world.stack.drain()
    assert parley.sent[-1].text == "Here I am."


def test_what_nobody_signed_is_refused(world: World) -> None:
    assert world.post(f"/hook/parley/{APP}", b'{"id": "m-1"}', {"x-parley-signature": "0" * 64}).status == 401
    assert world.inbound() == []
