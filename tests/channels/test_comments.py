"""Comments: what is sent beneath one and to its author alone, to a platform that takes it to the letter."""

from collections.abc import Iterator
from typing import Any

import pytest
from afterhours import settings
from afterhours.channels import channel, facebook_comments, instagram_comments
from afterhours.models import Account, Outcome, Outgoing, QuickReply, Result
from afterhours_local.platforms.faults import Fault
from afterhours_local.platforms.graph import FakeAccount, FakeGraph
from afterhours_local.platforms.server import GraphServer

PAGE, IG, MARTA = "1234567890", "17841400000000001", "7415500923317748"
START, DAY = 1_790_000_000_000, 24 * 3_600_000
IDS = {"facebook_comments": PAGE, "instagram_comments": IG}
CHANNELS = pytest.mark.parametrize("name", list(IDS))
SENT, REFUSED, UNKNOWN, NOT_SENT = Result.SENT, Result.REFUSED, Result.UNKNOWN, Result.NOT_SENT


class Meta:
    """The platform, with a comment on each account; its webhooks go nowhere."""

    def __init__(self) -> None:
        self.now_ms = START
        self.graph = FakeGraph(lambda: self.now_ms, post=lambda *_: 200)
        self.server = GraphServer(self.graph, drip_s=0.01)
        for name, account in IDS.items():
            login = "instagram" if name == "instagram_comments" else "page"
            for each in (name, name.removesuffix("_comments").replace("facebook", "messenger")):
                self.graph.register(
                    FakeAccount(each, account, f"token-{name}", "secret", "http://127.0.0.1:9/", login=login)
                )

    def comment(self, name: str, **how: Any) -> str:
        return self.graph.comment(name, IDS[name], how.pop("contact", MARTA), "Is there parking?", **how).message_id

    def answer(self, name: str, comment: str | None, text: str = "Yes.", **how: Any) -> Outcome:
        account = Account(
            channel=name, id=IDS[name], app="main", source="meta", inbox="support", api_base=self.server.url,
            login=how.pop("login", "instagram" if name == "instagram_comments" else "page"),
            page_id=how.pop("page_id", None),
        )  # fmt: skip
        token = how.pop("token", f"token-{name}")
        out = Outgoing(to=MARTA, text=text, correlator="tid/E#1", handle=comment, **how)
        return channel(name).send(account, token, out)


@pytest.fixture
def meta(monkeypatch: pytest.MonkeyPatch) -> Iterator[Meta]:
    monkeypatch.setenv("AFTERHOURS_LOCAL", "1")
    settings.load.cache_clear()
    made = Meta()
    with made.server:
        yield made
    settings.load.cache_clear()


@CHANNELS
def test_the_author_is_answered_in_private_once(meta: Meta, name: str) -> None:
    made = meta.comment(name)
    buttons = (QuickReply(id="faq:parking", title="Parking"),)
    outcome = meta.answer(name, made, private_reply=True, quick_replies=buttons)
    [sent] = meta.graph.sent
    assert (outcome.result, outcome.platform_id) == (SENT, sent.platform_id)
    assert (sent.to, sent.comment, sent.public, sent.choices) == (MARTA, made, False, ("Parking",))
    assert sent.correlator == ("tid/E#1" if name == "facebook_comments" else None)
    again = meta.answer(name, made, private_reply=True)
    assert (again.result, again.reason, again.account_problem) == (REFUSED, "bad_request", False)
    assert len(meta.graph.deliveries.pending) == 1, "its echo, where messages are read"


@CHANNELS
def test_a_week_after_the_comment_it_is_too_late(meta: Meta, name: str) -> None:
    made, late = meta.comment(name), meta.comment(name, at_ms=START - 1)
    meta.now_ms += 7 * DAY
    assert meta.answer(name, made, private_reply=True).result is SENT
    assert meta.answer(name, late, private_reply=True).result is REFUSED


@CHANNELS
def test_a_comment_is_answered_beneath_it(meta: Meta, name: str) -> None:
    made = meta.comment(name)
    outcome = meta.answer(name, made, "We have. 🙂", by_human=True, outside_window=True)
    [sent] = meta.graph.sent
    assert (outcome.result, outcome.platform_id) == (SENT, sent.platform_id)
    assert (sent.text, sent.comment, sent.public) == ("We have. 🙂", made, True)
    edge = "comments" if name == "facebook_comments" else "replies"
    assert meta.graph.calls[0].path == f"/v25.0/{made}/{edge}"
    assert len(meta.graph.deliveries.pending) == 1, "it comes back as a comment of our own"


@CHANNELS
def test_what_cannot_be_answered_is_refused_and_the_account_is_sound(meta: Meta, name: str) -> None:
    removed, own = meta.comment(name), meta.comment(name, contact=IDS[name])
    hidden, live = meta.comment(name), meta.comment(name, live=True)
    meta.graph.change_comment(removed, "remove")
    meta.graph.change_comment(hidden, "hide")
    cases = {
        "removed, in public": meta.answer(name, removed),
        "removed, in private": meta.answer(name, removed, private_reply=True),
        "our own, in private": meta.answer(name, own, private_reply=True),
        "hidden": meta.answer(name, hidden),
        "of a live video": meta.answer(name, live),
        "nothing": meta.answer(name, None),
    }
    assert {case: outcome.result for case, outcome in cases.items()} == dict.fromkeys(cases, REFUSED)
    assert not [case for case, outcome in cases.items() if outcome.account_problem]
    assert (cases["removed, in public"].reason, cases["nothing"].reason) == ("comment_gone", "nothing_to_answer")
    assert meta.graph.sent == []


@CHANNELS
@pytest.mark.parametrize("private", [True, False])
def test_a_text_is_taken_up_to_the_limit(meta: Meta, name: str, private: bool) -> None:
    facebook = name == "facebook_comments"
    longest = "x" * 1_999 + "é" if facebook else "x" * 998 + "é"
    assert channel(name).text_units(longest) == channel(name).TEXT_LIMIT
    assert meta.answer(name, meta.comment(name), longest, private_reply=private).result is SENT
    for text, reason in ((longest + "x", "too_long"), (" ", "empty")):
        refused = meta.answer(name, meta.comment(name), text, private_reply=private)
        assert (refused.result, refused.reason) == (REFUSED, reason)
    assert len(meta.graph.calls) == 1


@CHANNELS
@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize(
    ("fault", "result", "reason"),
    [
        (Fault.RATE_429_RETRY_AFTER, NOT_SENT, "rate_limited"),
        (Fault.THROTTLE_613, NOT_SENT, "rate_limited"),
        (Fault.RESET_BEFORE_READING, UNKNOWN, "reset"),
        (Fault.RESET_AFTER_READING, UNKNOWN, "reset"),
        (Fault.TOKEN_190, REFUSED, "token_invalid"),
        (Fault.BAD_REQUEST_400, REFUSED, "bad_request"),
        (Fault.ERROR_500, UNKNOWN, "temporary"),
        (Fault.ERROR_THOUGH_SENT, UNKNOWN, "temporary"),
        (Fault.BAD_GATEWAY_502, UNKNOWN, "unreadable_answer"),
        (Fault.HTML, UNKNOWN, "no_message_id"),
        (Fault.TRUNCATED_JSON, UNKNOWN, "no_message_id"),
        (Fault.WRONG_TYPE, UNKNOWN, "no_message_id"),
        (Fault.NULL_ID, UNKNOWN, "no_message_id"),
        (Fault.REDIRECT_307, REFUSED, "redirected"),
    ],
)
def test_every_way_to_fail_has_its_outcome(
    meta: Meta, name: str, private: bool, fault: Fault, result: Result, reason: str
) -> None:
    made = meta.comment(name)
    meta.graph.misbehave(fault)
    outcome = meta.answer(name, made, private_reply=private)
    assert outcome.result is result
    assert reason in (outcome.reason, "reset")
    assert len([call for call in meta.graph.calls if call.method == "POST"]) <= 1


def test_a_wrong_token_is_the_accounts_trouble(meta: Meta) -> None:
    for name in IDS:
        for token in ("wrong", "", "two\nlines"):
            outcome = meta.answer(name, meta.comment(name), token=token)
            assert (outcome.result, outcome.reason, outcome.account_problem) == (REFUSED, "token_invalid", True)


def test_instagram_by_its_page_answers_in_private_through_the_page(meta: Meta) -> None:
    account = FakeAccount("instagram_comments", IG, "page-token", "secret", "http://127.0.0.1:9/", page_id=PAGE)
    meta.graph.register(account)
    made = meta.comment("instagram_comments")
    how = {"login": "page", "token": "page-token", "private_reply": True}
    without = meta.answer("instagram_comments", made, **how)
    assert (without.reason, without.account_problem) == ("account_without_page", True)
    assert meta.answer("instagram_comments", made, page_id=PAGE, **how).result is SENT
    assert meta.graph.calls[-1].path == f"/v25.0/{PAGE}/messages"


def test_a_reply_on_instagram_lands_under_the_root(meta: Meta) -> None:
    root = meta.comment("instagram_comments")
    reply = meta.comment("instagram_comments", parent=root)
    assert meta.answer("instagram_comments", reply).result is SENT
    assert f'"parent_id": "{root}"' in meta.graph.deliveries.pending[0].body.decode()


def test_both_say_what_they_are() -> None:
    for each in (facebook_comments, instagram_comments):
        assert {"public", "private_reply", "quick_replies"} == each.CAPABILITIES
        assert each.WINDOW is each.HUMAN_WINDOW is None
