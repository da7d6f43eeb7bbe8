"""The deeper rows: signals, incident, FAQ, languages, disclosure, delay. Plain calls."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from afterhours import policy
from afterhours.auto_responders import is_auto_response
from afterhours.case import Case
from afterhours.models import Attachment, Disposition, Event, Kind, ThreadHead
from afterhours.phrasebook import LANGUAGES, TextKind, phrasebook
from afterhours.playbook import Playbook
from test_policy import CLOSED, OPEN, PLAYBOOK, after, decide, head, message, ms

FAQ = [
    {
        "id": "parking",
        "when": "PARKING & !PRICE",
        "title": {"en": "Parking", "de": "Parken"},
        "examples": ["Do you have parking?", "Where can I park my car?", "Haben Sie einen Parkplatz?"],
        "answer": {"en": "Yes, parking is free for guests.", "de": "Ja, Parken ist für Gäste kostenlos."},
    },
    {
        "id": "check-in",
        "when": "CHECKIN",
        "examples": ["When is check-in?", "From what time can I check in?"],
        "answer": {"en": "Check-in is from 14:00."},
    },
]


def playbook(**changes: Any) -> Playbook:
    return Playbook.model_validate({**PLAYBOOK.model_dump(mode="json"), **changes})


HOTEL = playbook(languages=["en", "de", "hr"], faq=FAQ)


def test_a_question_of_the_faq_is_answered_and_needs_no_person() -> None:
    disposition = decide(message(OPEN, "Do you have parking?"), None, OPEN, HOTEL)
    assert (disposition.rule, disposition.reason, disposition.handoff) == ("faq", "parking", ())
    assert (disposition.reply_text or "").startswith("Yes, parking is free for guests.")


def test_the_faq_also_answers_in_the_night() -> None:
    assert decide(message(CLOSED, "Do you have parking?"), None, CLOSED, HOTEL).rule == "faq"


def test_an_answer_comes_in_the_customers_language() -> None:
    disposition = decide(message(OPEN, "Haben Sie einen Parkplatz?"), None, OPEN, HOTEL)
    assert disposition.language == "de"
    assert (disposition.reply_text or "").startswith("Ja, Parken")
    assert phrasebook("de").texts[TextKind.DISCLOSURE] in (disposition.reply_text or "")


def test_a_tapped_suggestion_is_answered() -> None:
    tapped = message(OPEN, "Parking", payload="faq:parking")
    assert decide(tapped, None, OPEN, HOTEL).reason == "parking"
    assert decide(message(OPEN, "Parking", payload="faq:gone"), None, OPEN, HOTEL).reason != "gone"


def test_what_is_close_but_not_sure_is_offered_as_quick_replies_and_still_reaches_a_person() -> None:
    disposition = decide(message(OPEN, "Where do I leave the parking card at check-in?"), None, OPEN, HOTEL)
    assert disposition.rule == "faq_suggestions"
    assert {each.id for each in disposition.quick_replies} == {"faq:parking", "faq:check-in"}
    assert all(1 <= len(each.title) <= 20 for each in disposition.quick_replies)
    assert "unanswered" in disposition.handoff


def test_a_question_with_a_picture_is_for_a_person() -> None:
    shown = message(OPEN, "Do you have parking?", attachments=(Attachment(type="image"),))
    disposition = decide(shown, None, OPEN, HOTEL)
    assert disposition.rule == "instant"
    assert {"attachment", "unanswered"} <= set(disposition.handoff)


@pytest.mark.parametrize(
    ("text", "rule", "reason"),
    [
        ("My child is not breathing!", "safety", "safety"),
        ("My lawyer will contact you", "wants_a_person", "legal"),
        ("This is a scandal, worst service ever, I am furious!!", "wants_a_person", "complaint"),
        ("I want to speak to a human", "wants_a_person", "asked_for_a_person"),
    ],
)
def test_signs_call_a_person_before_the_faq(text: str, rule: str, reason: str) -> None:
    disposition = decide(message(OPEN, text), None, OPEN, HOTEL)
    assert (disposition.rule, disposition.reason) == (rule, reason)
    assert disposition.handoff[0] == reason


def test_safety_is_due_at_once_even_in_the_night() -> None:
    disposition = decide(message(CLOSED, "I smell gas in the room"), None, CLOSED)
    assert disposition.due_at == ms(CLOSED)
    assert "112" in (disposition.reply_text or "")


def test_the_word_for_a_person_that_our_texts_name_works_in_every_language() -> None:
    for language in LANGUAGES:
        spoken, word = playbook(languages=[language]), phrasebook(language).human_word
        for said in (word, word.upper(), f"«{word}»!"):
            assert decide(message(OPEN, said), None, OPEN, spoken).rule == "wants_a_person", said


def test_an_incident_is_told_once_and_ends_by_itself() -> None:
    banner = {
        "text": {"en": "Our phones are down until noon."},
        "from": "2026-11-11T09:00",
        "until": "2026-11-11T12:00",
    }
    known = playbook(incident=banner)
    disposition = decide(message(OPEN), None, OPEN, known)
    assert (disposition.rule, "phones are down" in (disposition.reply_text or "")) == ("incident", True)
    told = head(**disposition.stamps)
    assert decide(message(OPEN), told, OPEN, known).rule != "incident"
    later = OPEN + timedelta(hours=3)
    assert decide(message(later), None, later, known).rule == "instant"


@pytest.mark.parametrize("language", LANGUAGES)
def test_automatic_texts_are_known_as_such_so_two_machines_do_not_talk(language: str) -> None:
    assert is_auto_response(phrasebook(language).texts[TextKind.DISCLOSURE])
    reply = decide(message(OPEN), None, OPEN, playbook(languages=[language])).reply_text
    disposition = decide(message(OPEN, reply or ""), None, OPEN)
    assert (disposition.rule, disposition.reason, disposition.reply_text) == ("loop_guard", "auto_responder", None)


def test_the_same_text_a_third_time_is_a_machine() -> None:
    known: ThreadHead | None = None
    reasons = []
    for minute in range(3):
        moment = OPEN + timedelta(minutes=minute)
        disposition, known = after(message(moment, "Your ticket 4711 was updated"), known, moment)
        reasons.append(disposition.reason)
    assert reasons[-1] == "same_text"


def test_a_repeated_question_calls_a_person() -> None:
    _, known = after(message(OPEN, "Is the sauna open on Sunday evening"), None, OPEN)
    moment = OPEN + timedelta(minutes=2)
    disposition = decide(message(moment, "Is the sauna open on Sunday evening??"), known, moment)
    assert "same_question_twice" in disposition.handoff


def test_automation_says_what_it_is_at_the_start_after_a_gap_and_after_a_person() -> None:
    def discloses(known: ThreadHead | None) -> bool:
        return Case(message(OPEN), known, PLAYBOOK, OPEN).must_disclose

    minute_ago = ms(OPEN - timedelta(minutes=1))
    told = {"disclosed_at": minute_ago, "last_in_at": minute_ago}
    assert discloses(None)
    assert not discloses(head(**told))
    assert discloses(head(**told, human_at=minute_ago + 1))
    assert discloses(head(disclosed_at=ms(OPEN - timedelta(days=2)), last_in_at=ms(OPEN - timedelta(days=1))))


def test_a_delayed_instant_reply_is_planned() -> None:
    slow = playbook(replies={"instant": {"delay": "30s"}})
    assert decide(message(OPEN), None, OPEN, slow).not_before == ms(OPEN) + 30_000
    assert decide(message(CLOSED), None, CLOSED, slow).not_before == 0, "the away reply waits for nobody"


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-11T12:30:00+01:00", TextKind.AWAY_BREAK),
        ("2026-11-11T23:30:00+01:00", TextKind.AWAY),
        ("2026-11-11T06:30:00+01:00", TextKind.AWAY),
        ("2026-12-25T11:00:00+01:00", TextKind.AWAY_HOLIDAY),
    ],
)
def test_the_away_text_fits_the_reason_for_being_closed(at: str, expected: TextKind) -> None:
    week = {"mon-fri": ["08:00-12:00", "13:00-20:00"], "sat": "closed", "sun": "closed"}
    dates = [{"date": "2026-12-25", "name": "Christmas Day"}]
    bank = playbook(hours={"zone": "Europe/Zagreb", "week": week, "holiday_dates": dates})
    moment = datetime.fromisoformat(at)
    assert Case(message(moment), None, bank, moment).away_kind is expected


def test_the_language_once_asked_for_is_kept() -> None:
    asked, known = _after_in(HOTEL, message(OPEN, "Deutsch bitte"), None)
    assert (asked.language, known.explicit_language) == ("de", "de")
    moment = OPEN + timedelta(hours=13)
    disposition = decide(message(moment, "Do you have parking?"), known, moment, HOTEL)
    assert disposition.language == "de"


def _after_in(book: Playbook, event: Event, before: ThreadHead | None) -> tuple[Disposition, ThreadHead]:
    disposition = policy.decide(event, before, book, OPEN)
    return disposition, head(**disposition.stamps)


def test_postbacks_have_no_text_and_are_greeted() -> None:
    tapped = message(OPEN, None, kind=Kind.POSTBACK, payload="GET_STARTED")  # type: ignore[arg-type]
    disposition = decide(tapped, None, OPEN, HOTEL)
    assert (disposition.rule, disposition.handoff) == ("instant", ())


@pytest.mark.parametrize("name", ["{0.__class__}", "\u202eevil", "A" * 200, "🎉🎉", "", "\x00", "[[x]]"])
def test_names_of_strangers_never_break_a_reply(name: str) -> None:
    for moment in (OPEN, CLOSED):
        reply = decide(message(moment, contact_name=name), None, moment, HOTEL).reply_text or ""
        assert "{" not in reply
        assert "[[" not in reply
        assert "\u202e" not in reply


def test_a_private_detail_in_a_public_comment_is_named_and_never_repeated() -> None:
    comment = message(OPEN, "My card is 4111 1111 1111 1111", kind=Kind.COMMENT, post_id="1_2", private_reply=True)
    open_channel = playbook(channels={"whatsapp": {"public": True}})
    for book in (playbook(), open_channel):
        disposition = decide(comment, None, OPEN, book)
        assert disposition.reason == "public_card_number"
        assert disposition.private_reply, "also where automation may speak in public"
        assert disposition.handoff[0] == "public_card_number", "who looks after the page can hide it"
        said = disposition.model_dump_json(exclude={"stamps"})  # the thread remembers the last texts
        assert "4111" not in said


def test_signs_are_heard_in_any_language_whatever_the_inbox_speaks() -> None:
    croatian = playbook(languages=["hr"])
    assert decide(message(OPEN, "I smell gas in the room"), None, OPEN, croatian).rule == "safety"


def test_who_blocks_us_is_opted_out_until_they_let_us_write_again() -> None:
    blocked, before = message(OPEN, "", kind=Kind.UNFOLLOW), head(last_in_at=ms(OPEN) - 1)
    assert (decide(blocked, None, OPEN).reply_text, decide(blocked, None, OPEN).handoff) == (None, ())
    assert policy.decide(blocked, before, PLAYBOOK, OPEN).stamps["opted_out_at"] == ms(OPEN)
    assert policy.decide(blocked, None, PLAYBOOK, OPEN).stamps["opted_out_at"] == ms(OPEN)
    back = policy.decide(message(OPEN, "", kind=Kind.FOLLOW), head(opted_out_at=1), PLAYBOOK, OPEN)
    assert (back.stamps["opted_out_at"], back.reply_text) == (0, None)


def test_a_block_that_is_told_of_after_the_customer_has_written_since_is_over() -> None:
    late = message(OPEN, "", kind=Kind.UNFOLLOW)
    assert "opted_out_at" not in decide(late, head(last_in_at=ms(OPEN) + 1), OPEN).stamps


@pytest.mark.parametrize("said", ["@hotel_jadran STOP", "@hotel.jadran, @somebody stop", "stop"])
def test_stop_is_understood_behind_whom_a_public_text_is_for(said: str) -> None:
    comment = message(OPEN, said, kind=Kind.COMMENT)
    assert decide(comment, None, OPEN, HOTEL).rule == "opt_word"
    assert decide(message(OPEN, "@hotel stop"), None, OPEN, HOTEL).rule != "opt_word"
