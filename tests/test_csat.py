"""Whether a customer is asked how it was, in which words, and what counts as an answer. Plain calls."""

from datetime import timedelta
from typing import Any

import pytest
from afterhours import csat
from afterhours.models import Attachment, Kind, RatingQuestion, ThreadStatus
from afterhours.phrasebook import LANGUAGES, TextKind, phrasebook
from afterhours.stores.ratings import question_key
from afterhours.stores.threads import make_ulid, ulid_ms
from test_policy import OPEN, PLAYBOOK, after, decide, head, message, ms
from test_rows import playbook

ASKING = playbook(csat={"ask": True})
BEFORE, LATER = ms(OPEN - timedelta(hours=1)), ms(OPEN + timedelta(hours=1))
ANSWERED = {"episode": 1, "episode_at": BEFORE, "opened_at": BEFORE, "human_at": ms(OPEN) - 1, "window_until": LATER}


def asked(book: Any = ASKING, channel: dict[str, Any] | None = None, **changes: Any) -> RatingQuestion | str:
    facts = {"window": timedelta(hours=24), "can_send": True, "buttons": True, **(channel or {})}
    return csat.question(head(**{**ANSWERED, **changes}), book, OPEN, **facts)


def rate(text: str | None, **changes: Any) -> int | None:
    return csat.score(message(OPEN, text, **changes), 2)  # type: ignore[arg-type]


# Asking


def test_after_a_person_has_answered_the_customer_is_asked_with_five_buttons() -> None:
    question = asked()
    assert isinstance(question, RatingQuestion)
    assert question.text.startswith("How satisfied are you with the help you got? Reply with a number from 1")
    assert [button.title for button in question.quick_replies] == ["1", "2", "3", "4", "5"]
    assert question.quick_replies[4].id == "csat:1:5"
    assert question.until == ms(OPEN + timedelta(hours=24))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"human_at": 0}, "nobody_wrote"),
        ({"human_at": BEFORE - 1}, "nobody_wrote"),
        ({"opted_out_at": 1}, "opted_out"),
        ({"handoff_reasons": ("safety", "unanswered")}, "was_in_danger"),
        ({"window_until": ms(OPEN) - 1}, "window_closed"),
    ],
)
def test_who_should_not_be_asked_is_not_and_the_reason_is_one_word(changes: dict[str, Any], reason: str) -> None:
    assert asked(**changes) == reason


def test_nobody_is_asked_unless_the_playbook_wants_it_nor_in_public() -> None:
    assert asked(PLAYBOOK) == "switched_off"
    assert asked(channel={"can_send": False}) == "channel_cannot"


def test_after_automation_alone_nobody_is_asked_unless_always() -> None:
    always = playbook(csat={"ask": True, "always": True, "answer_within": "2h"})
    assert asked(human_at=0) == "nobody_wrote"
    question = asked(always, human_at=0)
    assert isinstance(question, RatingQuestion)
    assert question.until == ms(OPEN + timedelta(hours=2))


def test_an_answer_counts_for_the_whole_episode_though_the_customer_wrote_since() -> None:
    assert isinstance(asked(opened_at=ms(OPEN)), RatingQuestion)


def test_a_channel_without_windows_or_buttons_gets_the_plain_question() -> None:
    question = asked(channel={"window": None, "buttons": False}, window_until=0)
    assert isinstance(question, RatingQuestion)
    assert question.quick_replies == ()
    assert "1 (not at all) to 5 (very)" in question.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_question_is_put_in_the_language_of_the_thread(language: str) -> None:
    question = asked(playbook(languages=["en", *(set(LANGUAGES) - {"en"})], csat={"ask": True}), language=language)
    assert isinstance(question, RatingQuestion)
    assert question.text.startswith(phrasebook(language).texts[TextKind.CSAT_QUESTION])


def test_the_teams_own_words_go_first_and_may_name_the_customer() -> None:
    own = {"en": {"csat_question": "{first_name}, how did we ({brand}) do, 1 to 5?"}}
    question = asked(playbook(csat={"ask": True}, texts=own), contact_name="Petra Novak")
    assert isinstance(question, RatingQuestion)
    assert question.text.startswith("Petra, how did we (Hotel Jadran) do, 1 to 5?")


def test_the_question_says_that_it_is_automatic_when_a_person_spoke_last() -> None:
    question = asked(disclosed_at=BEFORE)
    assert isinstance(question, RatingQuestion)
    assert question.discloses
    assert question.text.endswith("This is an automatic reply.")
    again = asked(disclosed_at=ms(OPEN), last_in_at=ms(OPEN))
    assert isinstance(again, RatingQuestion)
    assert not again.discloses
    assert "automatic" not in again.text


def test_a_question_has_one_key_for_one_resolution_and_another_for_the_next() -> None:
    pk = "T#whatsapp#1#abc"
    keys = {question_key(pk, 1, 1000), question_key(pk, 1, 1000), question_key(pk, 2, 1000), question_key(pk, 1, 1001)}
    assert len(keys) == 3
    assert question_key(pk, 1, 1000).startswith("E#0000000001000#O#")
    assert ulid_ms(make_ulid(1_794_390_000_123, b"\xff" * 10)) == 1_794_390_000_123


# Answering


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("5", 5), (" 1 ", 1), ("3.", 3), ("4!", 4), ("5/5", 5), ("2 / 5", 2), ("５", 5), ("４／５", 4), ("٥", 5),
        ("۳", 3), ("٤/٥", 4), ("५", 5),
        ("⭐⭐⭐⭐⭐", 5), ("⭐️⭐️", 2), ("★★★☆☆", 3), ("5️⃣", 5), ("⑤", 5), ("\u200f5", 5), ("5։", 5),
    ],
)  # fmt: skip
def test_one_number_in_any_figures_or_so_many_stars_is_a_rating(text: str, score: int) -> None:
    assert rate(text) == score


@pytest.mark.parametrize(
    "text",
    [
        "0", "6", "10", "55", "-5", "+5", "5%", "5 €", "4.5", "3,5", "5/10", "1/2", "½", "⅕", "5 stars", "number 5",
        "1 2", "five", "room 5", "⭐⭐⭐⭐⭐⭐", "☆", "👍", "", " ", "1-5", "1\n2", "5" * 5_000, "csat:2:5", None,
    ],
)  # fmt: skip
def test_anything_else_is_a_message_like_any_other(text: str | None) -> None:
    assert rate(text) is None


@pytest.mark.parametrize(
    ("payload", "score"),
    [
        ("csat:2:4", 4), ("csat:1:4", None), ("csat:2:6", None), ("csat:2:0", None), ("csat:2:", None),
        ("csat:x", None), ("csat:2:4 ", None), ("csat:٢:٤", None), ("faq:parking", None),
        ("csat:2:44", None), ("CSAT:2:4", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [Kind.MESSAGE, Kind.POSTBACK])
def test_a_tap_counts_on_a_button_of_this_episode_only(payload: str, score: int | None, kind: Kind) -> None:
    assert rate("4", payload=payload, kind=kind) == score


def test_a_number_beside_a_picture_is_no_rating() -> None:
    assert rate("5", attachments=(Attachment(type="image"),)) is None


def resolved(**changes: Any) -> Any:
    known = {"status": ThreadStatus.RESOLVED, "csat_until": LATER, "human_at": ms(OPEN) - 1, "kept_for": "ana"}
    return head(**{**ANSWERED, **known, **changes})


def test_a_rating_is_thanked_for_once_needs_no_person_and_closes_the_question() -> None:
    disposition, known = after(message(OPEN, "5"), resolved(), OPEN)
    assert (disposition.rule, disposition.reason, disposition.rating) == ("rating", "rated_5", 5)
    assert (disposition.reply_text or "").startswith("Thank you for your rating!")
    assert (disposition.handoff, known.status, known.csat_until) == ((), ThreadStatus.RESOLVED, 0)
    again, reopened = after(message(OPEN, "1"), known, OPEN)
    assert (again.rating, again.rule, reopened.status) == (None, "human_has_it", ThreadStatus.OPEN)


@pytest.mark.parametrize("score", range(1, 6))
def test_a_low_rating_is_a_rating_and_opens_nothing(score: int) -> None:
    assert decide(message(OPEN, str(score)), resolved(), OPEN).handoff == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"csat_until": ms(OPEN) - 1},
        {"csat_until": 0},
        *({"status": status} for status in ThreadStatus if status is not ThreadStatus.RESOLVED),
    ],
)
def test_a_number_that_nobody_asked_for_is_a_message(changes: dict[str, Any]) -> None:
    disposition = decide(message(OPEN, "5"), resolved(**changes), OPEN)
    assert disposition.rating is None
    assert disposition.handoff


def test_an_opt_out_word_wins_and_who_has_opted_out_is_not_thanked() -> None:
    numbers = playbook(opt_out=["5"])
    assert decide(message(OPEN, "5"), resolved(), OPEN, numbers).reason == "opt_out_word"
    assert decide(message(OPEN, "5"), resolved(opted_out_at=BEFORE), OPEN).rule == "opted_out"


def test_any_other_message_opens_the_thread_and_ends_the_question() -> None:
    _, known = after(message(OPEN, "5 of us, do you have a room?"), resolved(), OPEN)
    assert (known.status, known.csat_until, known.episode) == (ThreadStatus.OPEN, 0, 2)
    assert known.episode_at == ms(OPEN)
    assert decide(message(OPEN, "5"), known, OPEN).rating is None
