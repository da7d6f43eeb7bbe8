"""Tokens that run out: renewed in time by one sweeper alone, stored before they are used, and never lost in silence."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from afterhours import settings
from afterhours.stores import config, secrets, tokens
from afterhours_local.platforms.spoilt import Spoilt
from afterhours_local.platforms.x import LIFE_S, FakeX, Trouble
from botocore.exceptions import EndpointConnectionError
from counting import failing, meanwhile
from renewing import renew
from world import AgentClient, Ulid, World

OUR, PETRA = "1983000000000000001", "1755000000000000002"
PARAMETER = f"token/x/{OUR}"


def down() -> Exception:
    return EndpointConnectionError(endpoint_url="https://ssm.invalid")


class Renewals:
    """The stack, the platform and the pair between them."""

    def __init__(self, world: World, fake: FakeX) -> None:
        self.world, self.fake = world, fake

    @property
    def name(self) -> str:
        return f"/{self.world.stack.stack_name}/{PARAMETER}"

    @property
    def stored(self) -> dict[str, Any]:
        answer = self.world.stack.clients.ssm.get_parameter(Name=self.name, WithDecryption=True)
        return dict(json.loads(answer["Parameter"]["Value"]))

    def store(self, record: dict[str, Any]) -> None:
        value = json.dumps(record)
        self.world.stack.clients.ssm.put_parameter(Name=self.name, Value=value, Type="SecureString", Overwrite=True)
        secrets.clear()

    def authorised_anew(self) -> None:
        """The owner has authorised the app again, and the new pair was pushed."""
        known = self.fake.account("x", OUR)
        self.fake.register(known)
        keys = {"client_id": known.client_id, "client_secret": known.client_secret, "pushed": "a"}
        self.store({"token": known.token, "refresh": known.refresh, **keys})

    @property
    def standing(self) -> dict[str, Any]:
        return tokens.standing("x", OUR) or {}

    @property
    def in_step(self) -> bool:
        pair = self.fake.grant(OUR)
        return (self.stored["token"], self.stored["refresh"]) == (pair.token, pair.refresh)

    def sweep(self) -> dict[str, int]:
        """What the sweeper does about this account in its minute; others have tokens that run out as well."""
        account = config.account("x", OUR)
        assert account
        return renew(account, self.world.now_ms)


@pytest.fixture
def renewals(world: World) -> Iterator[Renewals]:
    fake = world.sandbox.others["x"]
    assert isinstance(fake, FakeX)
    found = Renewals(world, fake)
    found.authorised_anew()
    yield found
    found.authorised_anew()


def test_a_pair_that_was_pushed_is_renewed_at_once_and_then_when_a_fifth_of_its_life_is_left(
    world: World, renewals: Renewals
) -> None:
    world.stack.tick()
    assert renewals.fake.grant(OUR).token != renewals.fake.account("x", OUR).token
    assert renewals.in_step
    assert renewals.stored["expires_at"] == world.now_ms + LIFE_S * 1000
    world.wait(LIFE_S * 0.8 - 1)
    assert renewals.sweep() == {}
    world.wait(1)
    assert renewals.sweep() == {"renewed": 1}
    assert renewals.in_step
    assert renewals.standing["state"] == "good"
    assert "lease_by" not in renewals.standing


def test_no_secret_stands_in_the_table(world: World, renewals: Renewals) -> None:
    renewals.sweep()
    shown = json.dumps(world.stack.clients.dynamodb.scan(TableName=settings.load().config_table)["Items"], default=str)
    assert not [
        value
        for key, value in renewals.stored.items()
        if key in ("token", "refresh", "client_secret") and value in shown
    ]


def test_two_sweepers_renew_a_pair_once(world: World, renewals: Renewals) -> None:
    others: list[dict[str, int]] = []
    with meanwhile("dynamodb.UpdateItem", lambda: others.append(renewals.sweep())):
        first = renewals.sweep()
    assert sorted([first, *others], key=len) == [{}, {"renewed": 1}]
    assert renewals.in_step


def test_who_read_the_old_pair_before_its_turn_asks_with_the_one_that_is_stored_now(
    world: World, renewals: Renewals
) -> None:
    others: list[dict[str, int]] = []
    with meanwhile("ssm.GetParameter", lambda: others.append(renewals.sweep())):
        renewals.sweep()
    assert others == [{"renewed": 1}]
    assert renewals.in_step
    assert renewals.standing["state"] == "good"


def test_trouble_that_passes_is_made_up_by_the_next_minute(renewals: Renewals) -> None:
    for trouble in (Trouble.RATE_429, Spoilt.ERROR_500, Spoilt.RESET):
        renewals.fake.misbehave(trouble)
        assert renewals.sweep() == {"not_renewed": 1}
    assert renewals.sweep() == {"renewed": 1}
    assert renewals.in_step


def test_a_pair_that_the_platform_gave_and_nobody_heard_of_is_lost_and_said_so_every_minute(
    renewals: Renewals, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    renewals.fake.misbehave(Trouble.RENEWED_UNHEARD)
    assert renewals.sweep() == {"not_renewed": 1}
    assert renewals.standing["state"] == "unsure"
    assert renewals.sweep() == {"not_renewed": 1}
    assert renewals.standing["state"] == "lost"
    capsys.readouterr()
    assert renewals.sweep() == {"not_renewed": 1}
    assert "TokenRenewFailed" in capsys.readouterr().out
    assert vars(caplog.records[-1])["to_do"] == "authorise the account again and push the new pair"


def test_a_new_pair_that_cannot_be_stored_at_first_is_stored_after_all(renewals: Renewals) -> None:
    with failing("ssm.PutParameter", down, times=2):
        assert renewals.sweep() == {"renewed": 1}
    assert renewals.in_step


def test_a_new_pair_that_cannot_be_stored_is_lost_until_the_account_is_authorised_again(
    world: World, renewals: Renewals
) -> None:
    with failing("ssm.PutParameter", down):
        assert renewals.sweep() == {"not_renewed": 1}
    assert (renewals.standing["state"], renewals.standing["reason"]) == ("lost", "not_stored")
    asked = renewals.fake.grant(OUR)
    assert renewals.sweep() == {"not_renewed": 1}
    assert renewals.fake.grant(OUR) == asked  # X is not asked with what is worth nothing any more
    renewals.authorised_anew()
    renewals.fake.grant(OUR).refresh = "another-refresh"
    renewals.store({**renewals.stored, "refresh": "another-refresh"})
    assert renewals.sweep() == {"renewed": 1}
    assert renewals.in_step


def test_a_pair_that_was_stored_though_the_answer_was_lost_is_good(world: World, renewals: Renewals) -> None:
    with failing("dynamodb.UpdateItem", down, after=1), pytest.raises(EndpointConnectionError):
        renewals.sweep()
    assert renewals.in_step
    pair = renewals.fake.grant(OUR)
    world.wait(121)  # the lease of the sweeper that died
    assert renewals.sweep() == {}
    assert renewals.fake.grant(OUR) == pair
    assert renewals.standing["state"] == "good"


def test_a_refused_grant_is_not_asked_for_again_but_a_new_one_is(renewals: Renewals) -> None:
    known = renewals.stored
    renewals.store({**known, "refresh": "stolen"})
    assert renewals.sweep() == {"not_renewed": 1}
    assert (renewals.standing["state"], renewals.standing["reason"]) == ("refused", "invalid_request")
    assert renewals.sweep() == {"not_renewed": 1}
    renewals.store(known)
    assert renewals.sweep() == {"renewed": 1}


def refuse_early(renewals: Renewals) -> None:
    """X takes the access token back before its time; the refresh token stays good."""
    renewals.fake.grant(OUR).expires_ms = renewals.world.now_ms


def petra_wants_a_person(renewals: Renewals) -> tuple[AgentClient, dict[str, Any]]:
    """Ana has her thread."""
    renewals.fake.say("x", OUR, PETRA, "I want to talk to a person")
    renewals.world.stack.drain()
    ana = renewals.world.agent()
    thread = ana.pull()
    assert thread
    return ana, thread


def wait_for_the_sweeper(world: World) -> None:
    """A text comes back after its minute, meets the token that the worker still holds, and goes after a little more."""
    world.wait(61)
    world.wait(30)


def test_a_text_that_meets_a_token_refused_before_its_time_goes_once_with_the_new_one(
    world: World, renewals: Renewals, capsys: pytest.CaptureFixture[str]
) -> None:
    renewals.sweep()
    world.wait(LIFE_S / 4)
    refuse_early(renewals)
    capsys.readouterr()
    assert renewals.fake.say("x", OUR, PETRA, "Hello").status == 200
    world.stack.drain()
    assert (world.replies(world.pk(PETRA, "x")), renewals.fake.sent) == (["planned"], [])
    world.stack.tick()
    assert renewals.in_step
    wait_for_the_sweeper(world)
    assert (world.replies(world.pk(PETRA, "x")), len(renewals.fake.sent)) == (["sent"], 1)
    assert "TokenInvalid" not in capsys.readouterr().out
    pair = renewals.fake.grant(OUR)
    world.wait(61)
    assert renewals.sweep() == {}
    assert renewals.fake.grant(OUR) == pair
    assert len(renewals.fake.sent) == 1


def test_an_agents_reply_waits_for_the_new_token_too(world: World, renewals: Renewals, ulid: Ulid) -> None:
    renewals.sweep()
    ana, thread = petra_wants_a_person(renewals)
    refuse_early(renewals)
    assert ana.reply(thread, "Ana here.", ulid())[0] == 202
    world.stack.drain()
    assert world.replies(world.pk(PETRA, "x"))[-1] == "planned"
    assert renewals.sweep() == {"renewed": 1}
    wait_for_the_sweeper(world)
    assert [each.text for each in renewals.fake.sent][1:] == ["Ana here."]


def test_two_texts_that_meet_a_refused_token_cost_one_renewal_and_two_sweepers_renew_once(
    world: World, renewals: Renewals
) -> None:
    renewals.sweep()
    refuse_early(renewals)
    for contact in (PETRA, "1755000000000000003"):
        renewals.fake.say("x", OUR, contact, "Hello")
    world.stack.drain()
    others: list[dict[str, int]] = []
    with meanwhile("ssm.GetParameter", lambda: others.append(renewals.sweep())):
        assert renewals.sweep() == {}
    assert others == [{"renewed": 1}]
    assert renewals.in_step
    wait_for_the_sweeper(world)
    assert len(renewals.fake.sent) == 2


def test_a_refusal_of_a_token_that_another_has_taken_the_place_of_renews_nothing(
    world: World, renewals: Renewals
) -> None:
    renewals.sweep()
    world.wait(1)
    assert tokens.will_be_renewed("x", OUR, "the-token-before", world.now_ms)
    pair = renewals.fake.grant(OUR)
    assert renewals.sweep() == {}
    assert renewals.fake.grant(OUR) == pair


def test_a_platform_that_refuses_what_it_has_just_given_is_not_asked_on_and_on(
    world: World, renewals: Renewals, capsys: pytest.CaptureFixture[str]
) -> None:
    renewals.sweep()
    refuse_early(renewals)
    renewals.fake.say("x", OUR, PETRA, "I want to talk to a person")
    world.stack.drain()
    assert renewals.sweep() == {"renewed": 1}
    refuse_early(renewals)
    capsys.readouterr()
    wait_for_the_sweeper(world)
    assert (world.replies(world.pk(PETRA, "x")), renewals.fake.sent) == (["refused"], [])
    assert "TokenInvalid" in capsys.readouterr().out
    assert world.head(world.pk(PETRA, "x"))["status"] == "open"
    assert renewals.sweep() == {}
    world.wait(3_601)
    renewals.fake.say("x", OUR, "1755000000000000003", "Hello")
    world.stack.drain()
    assert renewals.sweep() == {"renewed": 1}  # an hour later it may be worth it


def test_a_renewal_that_fails_for_good_refuses_the_text_and_opens_the_thread(
    world: World, renewals: Renewals, ulid: Ulid, capsys: pytest.CaptureFixture[str]
) -> None:
    renewals.sweep()
    ana, thread = petra_wants_a_person(renewals)
    refuse_early(renewals)
    renewals.fake.grant(OUR).refresh = "revoked-as-well"
    assert ana.reply(thread, "Ana here.", ulid())[0] == 202
    renewals.fake.say("x", OUR, "1755000000000000003", "Hello")
    world.stack.drain()
    assert renewals.sweep() == {"not_renewed": 1}
    assert renewals.standing["state"] == "refused"
    assert "TokenRenewFailed" in capsys.readouterr().out
    world.wait(61)
    assert world.replies(world.pk(PETRA, "x"))[-1] == "refused"
    assert world.replies(world.pk("1755000000000000003", "x")) == ["refused"]
    assert "TokenInvalid" in capsys.readouterr().out
    assert [world.head(world.pk(each, "x"))["status"] for each in (PETRA, "1755000000000000003")] == ["open", "open"]
    assert len(renewals.fake.sent) == 1  # what left before
    assert renewals.sweep() == {"not_renewed": 1}


def test_a_text_does_not_wait_for_a_token_that_will_not_come(world: World, renewals: Renewals, ulid: Ulid) -> None:
    renewals.store({**renewals.stored, "refresh": "stolen"})
    renewals.sweep()
    renewals.fake.grant(OUR).token = "revoked"
    renewals.fake.say("x", OUR, PETRA, "I want to talk to a person")
    world.stack.drain()
    assert world.replies(world.pk(PETRA, "x")) == ["refused"]
    ana = world.agent()
    thread = ana.pull()
    assert thread
    ana.reply(thread, "Ana here.", ulid())
    world.stack.drain()
    assert world.replies(world.pk(PETRA, "x"))[-1] == "refused"
    assert renewals.fake.sent == []


def test_posts_go_with_the_token_of_the_direct_messages(world: World, renewals: Renewals, ulid: Ulid) -> None:
    renewals.sweep()
    secrets.clear()
    renewals.fake.say("x_posts", OUR, PETRA, "hello?")
    world.stack.drain()
    ana = world.agent()
    thread = ana.pull()
    assert thread
    ana.reply(thread, "Hi!", ulid())
    world.stack.drain()
    assert [sent.public for sent in renewals.fake.sent] == [True]
