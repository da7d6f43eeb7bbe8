"""POST /hook/viber/{app}, GET|POST /hook/wechat/{app}: deliveries whose answer can be our reply (DESIGN 3.1).

Verify, decide, commit, answer; the rest goes the way of webhook. What is not done in time, or meets any trouble, goes
there as well, and the platform gets its neutral word. A reply counts as sent when it is answered: nothing more is heard
of it. A repeated delivery meets the stored item and gets the same words again.
"""

import os
import threading
from contextvars import copy_context
from functools import partial
from typing import Any, cast

import merging
import receiving
from afterhours import channels, settings
from afterhours.case import ANSWERABLE
from afterhours.channels.contract import Answer, AnsweredAtOnce, MalformedPayload, Piece, Said
from afterhours.counts import count
from afterhours.models import Account, Outcome, QuickReply, Result
from afterhours.stores.dynamo import Item
from afterhours.stores.threads import HeadMoved, thread_name
from answering import Answering, Unplaced, placed
from aws_lambda_powertools import Logger
from receiving import Credentials, Hook, Response
from sends import RetryLater

logger = Logger(service="answer")

DEADLINE_S = 3.0
THREAD = "in-time"
DRIFT_S = 300  # how old, or how far ahead, a signed request may be


def lambda_handler(event: dict[str, Any], context: object) -> Response:
    # Its routes name the source: POST /hook/viber/{app}.
    path = {**(event.get("pathParameters") or {}), "source": event["routeKey"].split("/")[2]}
    return receiving.respond(logger, {**event, "pathParameters": path}, channels.ANSWERED_AT_ONCE, _receive, _is_fresh)


def _is_fresh(hook: Hook) -> bool:
    try:
        asked_s = _road(hook).asked_s(hook.request)
    except MalformedPayload:
        return False
    return asked_s is None or abs(settings.now_ms() / 1000 - asked_s) <= DRIFT_S


def _road(hook: Hook) -> AnsweredAtOnce:
    return cast(AnsweredAtOnce, hook.source)


def _receive(hook: Hook, credentials: Credentials) -> Response:
    road = _road(hook)
    try:
        body = road.opened(hook.request, credentials)
    except MalformedPayload:
        return receiving.refused(logger)
    pieces = receiving.pieces_of(hook, body)
    if pieces is None or len(pieces) != 1 or not road.may_answer(pieces[0]):
        receiving.accept(hook, body, pieces)
        return _told(road.NEUTRAL)
    answering = InTime(hook, pieces[0])
    said = answering.wait()
    if not answering.done:
        receiving.accept(hook, body, pieces)
    if said is None:
        return _told(road.NEUTRAL)
    count("answer", "Answered")
    return _told(road.answer(pieces[0], said, credentials))


def _told(answer: Answer) -> Response:
    return receiving.answer(answer.status, answer.body, answer.content_type)


class InTime:
    """The way of one event on a thread of its own, which may say its reply only while the platform still waits."""

    def __init__(self, hook: Hook, piece: Piece) -> None:
        self.message = {**hook.envelope, "piece": piece}
        self.done = False  # nothing is left for the worker
        self._said: Said | None = None
        self._over = False
        self._lock = threading.Lock()

    def wait(self) -> Said | None:
        """What was said in time; None for nothing."""
        thread = threading.Thread(target=copy_context().run, args=(self._run,), name=THREAD, daemon=True)
        thread.start()
        thread.join(DEADLINE_S)
        with self._lock:
            self._over = True
            return self._said

    def _run(self) -> None:
        """Whatever goes wrong here, the worker goes on from what is stored."""
        try:
            self.done = self._answer()
        except (RetryLater, HeadMoved, Unplaced, merging.Erased) as busy:
            logger.info("left to the worker", extra={"reason": type(busy).__name__})
        except Exception:
            logger.exception("failed")
            count("answer", "Failed")

    def _answer(self) -> bool:
        event, place = placed(self.message)
        if event.kind not in ANSWERABLE or not event.contact_ids:
            return False
        Answering(event, place, 1, say=partial(self._say, place.account)).run()
        return True

    def _say(self, account: Account, item: Item) -> Outcome:
        """Put the item's reply into the answer, unless that has gone."""
        with self._lock:
            if self._over:
                return Outcome(result=Result.NOT_SENT, reason="too_late")
            channel = channels.channel(account.channel)
            if channel.text_units(item["reply_text"]) > channel.TEXT_LIMIT:
                return Outcome(result=Result.REFUSED, reason="too_long")
            choices = tuple(QuickReply(**each) for each in item.get("quick_replies") or ())
            self._said = Said(
                item["reply_text"], choices, account.name or account.id, settings.now_ms(), os.urandom(32)
            )
        logger.info("answered", extra={"thread_id": thread_name(item["pk"]), "event": item["sk"]})
        return Outcome(result=Result.SENT)
