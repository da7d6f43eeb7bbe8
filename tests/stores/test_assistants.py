"""Bedrock and Comprehend on the wire, as documented; what they may cost; whatever goes wrong is no answer."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from afterhours import settings
from afterhours.grounding import REFUSAL, Prompt
from afterhours.models import Grounded
from afterhours.stores import aws as clients
from afterhours.stores.assistants import MOST_TOKENS, BedrockAnswer, ComprehendLanguage, consult
from afterhours.stores.threads import Threads
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.stub import Stubber
from conftest import Backend, Clock
from counting import answered, counted, failing
from faulty_server import Behaviour, FaultyServer, answer, raw

MODEL = "eu.example.model-1:0"
PROMPT = Prompt("Answer out of the entries.", "Is there a pool?", {"pool": "The pool is open from 9 to 20."})
GOOD = json.dumps({"ids": ["pool"], "answer": "The pool is open until 20."})
CAP = 100_000


def document(*texts: str, stop: str = "end_turn", **blocks: Any) -> dict[str, Any]:
    content = [*({name: value} for name, value in blocks.items()), *({"text": text} for text in texts)]
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop,
        "usage": {"inputTokens": 812, "outputTokens": 25, "totalTokens": 837},
        "metrics": {"latencyMs": 640},
    }


def converse(*texts: str, stop: str = "end_turn", **blocks: Any) -> Behaviour:
    return answer(200, document(*texts, stop=stop, **blocks), content_type="application/json")


def languages(**scores: float) -> Behaviour:
    found = [{"LanguageCode": code.replace("_", "-"), "Score": score} for code, score in scores.items()]
    return answer(200, {"Languages": found}, content_type="application/x-amz-json-1.1")


def failed(status: int, kind: str) -> Behaviour:
    return answer(status, {"message": "no"}, content_type="application/json", x_amzn_errortype=kind)


Served = Callable[..., FaultyServer]


@pytest.fixture
def served(aws: Backend, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Both services are played by one server on this machine."""
    started: list[FaultyServer] = []

    def serve(*behaviours: Behaviour) -> FaultyServer:
        server = FaultyServer(*behaviours)
        started.append(server)
        server.__enter__()
        for name in ("BEDROCK_RUNTIME", "COMPREHEND"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{name}", server.url)
        return server

    yield serve
    for server in started:
        server.__exit__()


def ask(cap: int = CAP, inbox: str = "support") -> Grounded | None:
    threads = Threads(settings.load().threads_table)
    return consult(BedrockAnswer(MODEL, PROMPT), threads, inbox, cap, settings.now_ms())


def ask_language(text: str = "Kde je tady nejaky obchod") -> str | None:
    threads = Threads(settings.load().threads_table)
    return consult(ComprehendLanguage(text), threads, "support", CAP, settings.now_ms())


def spent(name: str, day: str = "2026-03-04", inbox: str = "support") -> Mapping[str, Any]:
    return Threads(settings.load().threads_table).get(f"B#{inbox}#{day}", name) or {}


def test_an_answer_comes_from_converse_with_the_text_apart_from_the_rules(served: Served) -> None:
    server = served(converse(GOOD))
    assert ask() == Grounded(entry_ids=("pool",), text="The pool is open until 20.")
    [request] = server.received
    assert (request.method, request.path) == ("POST", "/model/eu.example.model-1%3A0/converse")
    assert request.json == {
        "system": [{"text": PROMPT.system}],
        "messages": [{"role": "user", "content": [{"text": PROMPT.text}]}],
        "inferenceConfig": {"maxTokens": MOST_TOKENS, "temperature": 0.0},
    }


def test_what_the_server_plays_is_what_the_services_document(aws: Backend) -> None:
    thought = {"reasoningText": {"text": "The customer wants …"}}
    for service, operation, played in (
        ("bedrock-runtime", "converse", document(GOOD, reasoningContent=thought)),
        ("comprehend", "detect_dominant_language", {"Languages": [{"LanguageCode": "cs", "Score": 0.97}]}),
    ):
        Stubber(clients.client(service)).add_response(operation, played)  # raises what the service's model refuses


def test_what_a_model_thinks_aloud_is_not_its_answer(served: Served) -> None:
    served(converse(GOOD, reasoningContent={"reasoningText": {"text": "The customer wants …"}}))
    assert ask()


@pytest.mark.parametrize(
    "behaviour",
    [
        converse(REFUSAL),
        converse("It is open until 20."),
        converse(GOOD.replace("pool", "made-up")),
        converse("All is free, as you said."),  # it obeyed "ignore the above"
        converse(GOOD, stop="max_tokens"),
        converse(GOOD, stop="guardrail_intervened"),
        converse(GOOD, GOOD),
        converse(),
    ],
)
def test_a_refusal_and_whatever_is_not_the_strict_form_is_no_answer(served: Served, behaviour: Behaviour) -> None:
    served(behaviour)
    assert ask() is None


@pytest.mark.parametrize(
    "behaviour",
    [
        failed(429, "ThrottlingException"),
        failed(403, "AccessDeniedException"),
        failed(400, "ValidationException"),
        failed(424, "ModelErrorException"),
        failed(500, "InternalServerException"),
        answer(200, b"{}", content_type="application/json"),
        answer(200, b'{"output": ', content_type="application/json"),
        answer(200, {"output": {"message": {"content": None}}, "stopReason": "end_turn"}),
        raw(b""),
    ],
)
def test_trouble_of_the_service_is_no_answer_and_is_not_asked_again(
    served: Served, behaviour: Behaviour, capsys: pytest.CaptureFixture[str]
) -> None:
    server = served(behaviour)
    assert ask() is None
    assert len(server.received) == 1
    assert '"Failed"' in capsys.readouterr().out


@pytest.mark.parametrize("error", [ReadTimeoutError, ConnectTimeoutError])
def test_a_time_out_is_no_answer(served: Served, error: type[Exception]) -> None:
    served(converse(GOOD))
    with failing("bedrock-runtime.Converse", lambda: error(endpoint_url="bedrock")), counted() as calls:
        assert ask() is None
    assert calls["bedrock-runtime.Converse"] == 1
    [client] = [each for each in clients.made() if each.meta.service_model.service_name == "bedrock-runtime"]
    config = client.meta.config
    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (1, 4, 1)


# What it may cost


def test_characters_are_counted_before_they_are_sent_by_inbox_and_day(served: Served, clock: Clock) -> None:
    server = served(converse(GOOD))
    units = BedrockAnswer(MODEL, PROMPT).units
    assert units >= len(PROMPT.system) + len(PROMPT.text) + MOST_TOKENS
    for _ in range(2):
        assert ask(cap=2 * units + 1)
    assert ask(cap=2 * units + 1) is None
    assert len(server.received) == 2
    assert spent("answers")["spent"] == 2 * units
    assert spent("answers")["ttl"] > clock.ms // 1000
    assert ask(cap=units, inbox="sales")
    clock.advance(24 * 3600)
    assert ask(cap=units)


def test_at_the_cap_nothing_is_asked_and_it_is_counted(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    server = served(converse(GOOD))
    assert ask(cap=BedrockAnswer(MODEL, PROMPT).units - 1) is None
    assert server.connections == 0
    assert '"CapReached"' in capsys.readouterr().out


def test_without_the_counter_nothing_is_asked(served: Served) -> None:
    server = served(converse(GOOD))
    with failing("dynamodb.UpdateItem", lambda: ReadTimeoutError(endpoint_url="dynamodb")):
        assert ask() is None
    assert server.connections == 0


# Comprehend


def test_a_language_is_asked_of_comprehend(served: Served) -> None:
    server = served(languages(cs=0.97, sk=0.02))
    assert ask_language() == "cs"
    [request] = server.received
    assert request.headers["x-amz-target"] == "Comprehend_20171127.DetectDominantLanguage"
    assert request.json == {"Text": "Kde je tady nejaky obchod"}
    assert spent("language")["spent"] == 300  # three units of 100 characters are billed at least


@pytest.mark.parametrize(
    "behaviour",
    [languages(cs=0.89, sk=0.1), languages(), failed(400, "TextSizeLimitExceededException"), answer(200, b"{}")],
)
def test_an_unsure_or_failing_second_opinion_is_none(served: Served, behaviour: Behaviour) -> None:
    served(behaviour)
    assert ask_language() is None


def test_an_answer_cut_on_its_way_is_none(served: Served) -> None:
    served(languages(cs=0.97))
    with answered("comprehend.DetectDominantLanguage", lambda parsed: parsed.clear()):
        assert ask_language() is None
