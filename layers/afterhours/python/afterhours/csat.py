"""After a resolution: whether the customer is asked how it was, in which words, and what is an answer. Pure."""

import re
import unicodedata
from datetime import datetime, timedelta

from afterhours import disclosure, texts
from afterhours.models import Event, QuickReply, RatingQuestion, ThreadHead
from afterhours.playbook import Playbook
from afterhours.signals import Signal
from afterhours.texts import TextKind

SCORES = range(1, 6)
TAPPED = "csat:"  # how the payload of a button begins
_PAYLOAD = re.compile(r"csat:([0-9]{1,6}):([1-5])", re.ASCII)
_NUMBER = re.compile(r"([1-5])(?:/5)?[.!։]*", re.ASCII)
_STARS = re.compile("([\u2b50\u2605\U0001f31f]{1,5})\u2606*")
_UNSEEN = re.compile("[\\s\u200e\u200f\u2066-\u2069\ufe0f\u20e3]")  # marks of direction, the frame of a keycap emoji


def question(
    head: ThreadHead,
    playbook: Playbook,
    now: datetime,
    *,
    window: timedelta | None,
    can_send: bool,
    buttons: bool,
) -> RatingQuestion | str:
    """What the customer is asked now that a person resolves the thread, else in one word why nothing is.

    `window`: how long automation may write on the channel; `can_send`: whether to this contact alone.
    """
    now_ms = int(now.timestamp() * 1000)
    for fact, reason in (
        (not playbook.csat.ask, "switched_off"),
        (not (head.answered or playbook.csat.always), "nobody_wrote"),
        (head.opted_out_at > 0, "opted_out"),
        (Signal.SAFETY.value in head.handoff_reasons, "was_in_danger"),
        (not can_send, "channel_cannot"),
        (window is not None and now_ms > head.window_until, "window_closed"),
    ):
        if fact:
            return reason
    discloses = disclosure.is_due(head, now_ms)
    values = texts.Values(
        now=now,
        zone=playbook.zone,
        brand=playbook.brand,
        contact_name=head.contact_name,
        week=playbook.week,
        ways=playbook.ways.line,
        languages=playbook.languages,
        start_word=playbook.opt_in[0],
        stop_word=playbook.opt_out[0],
        emergency_number=playbook.emergency_number,
        disclose=discloses,
    )
    language = head.language or playbook.languages[0]
    return RatingQuestion(
        text=texts.render(TextKind.CSAT_QUESTION, language, values, playbook.texts),
        quick_replies=quick_replies(head.episode) if buttons else (),
        until=now_ms + playbook.csat.answer_within * 1000,
        discloses=discloses,
    )


def quick_replies(episode: int) -> tuple[QuickReply, ...]:
    return tuple(QuickReply(id=f"{TAPPED}{episode}:{score}", title=str(score)) for score in SCORES)


def score(event: Event, episode: int) -> int | None:
    """The rating that an event is: a tap on a button of this episode, or nothing but one number (in any digits, also
    "5/5") or that many stars. None where it is something else."""
    if event.attachments:
        return None
    if event.payload and event.payload.startswith(TAPPED):
        tapped = _PAYLOAD.fullmatch(event.payload)
        return int(tapped[2]) if tapped and int(tapped[1]) == episode else None
    said = _UNSEEN.sub("", event.text or "")
    if event.payload or len(said) > 20:
        return None
    if stars := _STARS.fullmatch(said):
        return len(stars[1])
    number = _NUMBER.fullmatch("".join(map(_figure, unicodedata.normalize("NFKC", said))))
    return int(number[1]) if number else None


def _figure(sign: str) -> str:
    digit = unicodedata.decimal(sign, None)
    return sign if digit is None else str(digit)
