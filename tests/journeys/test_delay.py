"""An instant reply that waits a little: sent when nobody was faster, cancelled by what a person does."""

from collections.abc import Callable
from typing import Any

import pytest
from afterhours.playbook import Playbook
from afterhours_local.sandbox import SAMPLES
from afterhours_local.yaml_lines import read
from world import World

DELAY_S = 30


@pytest.fixture
def slow(world: World) -> World:
    """The hotel, with an instant reply half a minute late."""
    written: dict[str, Any] = read(SAMPLES / "hotel.playbook.yaml").data
    replies = {"instant": {"after_silence": "12h", "delay": f"{DELAY_S}s"}}
    world.play_by(Playbook.model_validate({**written, "id": "hotel", "replies": replies}))
    return world


def test_it_is_sent_once_when_it_is_due_and_nobody_was_faster(slow: World) -> None:
    slow.say("Is the sauna open?")
    assert slow.sent == []
    assert slow.bells() == [slow.pk()], "a person may be faster from the first moment"
    assert slow.replies() == ["planned"]
    slow.wait(DELAY_S)
    assert len(slow.sent) == 1
    slow.wait(10 * DELAY_S)
    assert len(slow.sent) == 1


def test_a_person_who_takes_the_thread_meanwhile_cancels_it(slow: World, ulid: Callable[[], str]) -> None:
    slow.say("Is the sauna open?")
    ana = slow.agent()
    thread = ana.pull()
    assert thread is not None
    assert ana.reply(thread, "Until ten. Ana", ulid())[0] == 202
    slow.wait(DELAY_S)
    assert slow.sent == ["Until ten. Ana"]
    assert "dropped" in slow.replies()


def test_two_messages_within_the_delay_get_one_reply(slow: World) -> None:
    slow.say("Good morning")
    slow.wait(5)
    slow.say("Is the sauna open?")
    slow.wait(DELAY_S)
    assert len(slow.sent) == 1
