"""The decision on an event, with what services outside say of it where the playbook lets them be asked.

Part of the worker. Each service is asked once for an event, however often it is decided anew, and only when the policy
by itself has no answer. Whatever goes wrong with it, the decision stands as it was.
"""

from datetime import UTC, datetime

from afterhours import grounding, policy, private_details
from afterhours.case import Case
from afterhours.models import Disposition, Event, Grounded, ThreadHead
from afterhours.stores.assistants import Assistant, BedrockAnswer, ComprehendLanguage, T, consult
from afterhours.stores.threads import inbound_key
from sends import Place

FEWEST_LETTERS = 20  # fewer tell Comprehend little
UNTOLD = {"default", "script"}  # neither the texts nor the contact nor the platform say which language


class Deciding:
    """All decisions on one event; not `assisted`: the policy's alone."""

    def __init__(self, event: Event, place: Place, now_ms: int, *, restored: bool, assisted: bool = True) -> None:
        self.event, self.place, self.now_ms, self.restored, self.assisted = event, place, now_ms, restored, assisted
        self._now = datetime.fromtimestamp(now_ms / 1000, UTC)
        self._asked: set[str] = set()
        self._grounded: Grounded | None = None
        self._heard: str | None = None

    def decide(self, pk: str, head: ThreadHead | None) -> Disposition:
        disposition = self._decided(head)
        assist = self.place.playbook.assist
        if assist.language and self._is_foreign(head, disposition) and self._is_to_be_asked("language", pk):
            question = ComprehendLanguage((self.event.text or "")[: grounding.READ])
            self._heard = self._consult(question, assist.language.daily_cap)
            disposition = self._decided(head)
        if assist.answers and self._is_open(disposition) and self._is_to_be_asked("answers", pk):
            prompt = grounding.prompt(self._case(head))
            self._grounded = self._consult(BedrockAnswer(assist.answers.model, prompt), assist.answers.daily_cap)
            disposition = self._decided(head)
        return disposition

    def _consult(self, assistant: Assistant[T], cap: int) -> T | None:
        return consult(assistant, self.place.threads, self.place.inbox.id, cap, self.now_ms)

    def _decided(self, head: ThreadHead | None) -> Disposition:
        return policy.decide(
            self.event,
            head,
            self.place.playbook,
            self._now,
            grounded=self._grounded,
            heard=self._heard,
            restored=self.restored,
        )

    def _case(self, head: ThreadHead | None) -> Case:
        return Case(self.event, head, self.place.playbook, self._now, self._grounded, self._heard)

    def _is_open(self, disposition: Disposition) -> bool:
        return policy.leaves_unanswered(self.event, disposition)

    def _is_foreign(self, head: ThreadHead | None, disposition: Disposition) -> bool:
        """Whether something may be said and nobody tells in which language."""
        speaks = disposition.reply_text is not None or self._is_open(disposition)
        long_enough = len(self.event.text or "") >= FEWEST_LETTERS
        return speaks and long_enough and self._case(head).choice.why in UNTOLD

    def _is_to_be_asked(self, name: str, pk: str) -> bool:
        """Not twice, not with details that belong nowhere else, and not for an event that came before: what was decided
        then is in the table."""
        if not self.assisted or name in self._asked or private_details.found(self.event.text or ""):
            return False
        self._asked.add(name)
        stored = inbound_key(self.event.key_ms, self.event.event_id)
        return self.place.threads.get(pk, stored) is None
