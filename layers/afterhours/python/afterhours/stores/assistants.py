"""Services outside that may be asked about a message: Amazon Bedrock for an answer out of the FAQ, Amazon Comprehend
for the language. Off unless the playbook has them; they are paid by use, so each has a cap for an inbox and day.

pk `B#<inbox>#<yyyy-mm-dd>` (UTC), sk the assistant's name: `spent` characters, counted before they are sent, `ttl`.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from afterhours import grounding
from afterhours.counts import count
from afterhours.grounding import Prompt
from afterhours.models import Grounded
from afterhours.stores import aws
from afterhours.stores.threads import Threads

logger = logging.getLogger("afterhours.assistants")

TIMEOUT_S = 4
MOST_TOKENS = 600  # of an answer
LETTERS_A_TOKEN = 4
LEAST_BILLED = 300  # Comprehend counts a request as three units of 100 characters at least
SURE = 0.9
COUNTER_KEPT_DAYS = 3

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Unreadable(Exception):
    """An answer that is not what the service documents."""


class Assistant(Protocol[T_co]):
    """One question to a service. Asked once: no retries, 1 s to connect, 4 s for the answer."""

    @property
    def name(self) -> str: ...

    @property
    def units(self) -> int:
        """How many characters are paid for at most."""

    def ask(self) -> T_co | None:
        """None where the service has no answer. Raises Unreadable and what boto3 raises."""


@dataclass(frozen=True)
class BedrockAnswer:
    """An answer out of the FAQ by a model of Amazon Bedrock (Converse)."""

    model: str
    prompt: Prompt

    name = "answers"

    @property
    def units(self) -> int:
        return len(self.prompt.system) + len(self.prompt.text) + MOST_TOKENS * LETTERS_A_TOKEN

    def ask(self) -> Grounded | None:
        answer = aws.client("bedrock-runtime", read_timeout_s=TIMEOUT_S, attempts=1).converse(
            modelId=self.model,
            system=[{"text": self.prompt.system}],
            messages=[{"role": "user", "content": [{"text": self.prompt.text}]}],
            inferenceConfig={"maxTokens": MOST_TOKENS, "temperature": 0.0},
        )
        try:
            finished = answer["stopReason"] == "end_turn"
            blocks = answer["output"]["message"]["content"]
            said = "".join(block["text"] for block in blocks if "text" in block)  # a model may think aloud in others
        except (KeyError, TypeError) as error:
            raise Unreadable from error
        return grounding.grounded(said, self.prompt.entries) if finished else None


@dataclass(frozen=True)
class ComprehendLanguage:
    """The language of a text by Amazon Comprehend. It is weak on Croatian, Bosnian and Serbian, asks for 20 characters
    and knows no romanised text: a second opinion at most."""

    text: str

    name = "language"

    @property
    def units(self) -> int:
        return max(len(self.text), LEAST_BILLED)

    def ask(self) -> str | None:
        client = aws.client("comprehend", read_timeout_s=TIMEOUT_S, attempts=1)
        answer = client.detect_dominant_language(Text=self.text)
        try:
            heard = [(float(each["Score"]), str(each["LanguageCode"])) for each in answer["Languages"]]
        except (KeyError, TypeError) as error:
            raise Unreadable from error
        score, language = max(heard, default=(0.0, ""))
        return language if score >= SURE else None


def consult(assistant: Assistant[T], threads: Threads, inbox: str, cap: int, now_ms: int) -> T | None:
    """What the assistant says, if the inbox's cap of the day has room for the question. Whatever goes wrong is None."""
    try:
        if not _spend(threads, inbox, assistant, cap, now_ms):
            count("assistants", "CapReached")
            return None
        answer = assistant.ask()
    except (BotoCoreError, ClientError, ResponseParserError, Unreadable) as error:
        logger.warning("assistant failed", extra={"assistant": assistant.name, "error": type(error).__name__})
        count("assistants", "Failed")
        return None
    count("assistants", "NoAnswer" if answer is None else "Answered")
    return answer


def _spend(threads: Threads, inbox: str, assistant: Assistant[object], cap: int, now_ms: int) -> bool:
    """Whether there was room. A write that the SDK repeats counts twice: rather too little is asked than too much."""
    if assistant.units > cap:
        return False
    day = datetime.fromtimestamp(now_ms / 1000, UTC).date().isoformat()
    spent = threads.update(
        f"B#{inbox}#{day}", assistant.name, "SET #ttl = :ttl ADD #spent :units",
        when="attribute_not_exists(#spent) OR #spent <= :room",
        ttl=now_ms // 1000 + COUNTER_KEPT_DAYS * 86_400, units=assistant.units, room=cap - assistant.units,
    )  # fmt: skip
    return spent is not None
