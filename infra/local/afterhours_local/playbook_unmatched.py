"""`afterhours playbook unmatched`: what customers asked and the FAQ did not answer, for those who write its entries."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from afterhours_local import output
from afterhours_local.config_commands import Target, target_of

if TYPE_CHECKING:
    from afterhours.stores.dynamo import Item

KEPT_DAYS = 90
SHOWN = 100


@dataclass
class Question:
    """Equal texts, whatever their capitals, spaces and marks at the end. `tapped`: suggestions that proved right."""

    text: str
    times: int = 0
    languages: Counter[str] = field(default_factory=Counter)
    suggested: Counter[str] = field(default_factory=Counter)
    tapped: Counter[str] = field(default_factory=Counter)

    def listed(self) -> dict[str, Any]:
        counters = {name: list(dict(getattr(self, name).most_common())) for name in ("languages", "suggested")}
        return {"text": self.text, "times": self.times, **counters, "tapped": dict(self.tapped.most_common())}


def unmatched(
    inbox: Annotated[str, typer.Option("--inbox", help="The questions of this inbox.")],
    days: Annotated[int, typer.Option("--days", min=1, max=KEPT_DAYS, help="Of so many days, today's included.")] = 7,
    stack: Annotated[str, typer.Option("--stack", help="The name of a deployed stack.")] = "",
    local: Annotated[bool, typer.Option("--local", help="The stack of the running `afterhours run`.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """List questions that the FAQ did not answer, the most frequent first; a tapped suggestion makes one an example.

    Customers' own words: they are kept for 90 days. Texts of one word and greetings are not listed.
    """
    with target_of(stack, local=local, as_json=as_json) as target:
        _check_inbox(target, inbox)
        found = questions(_rows(target, inbox, days))
    if as_json:
        output.emit({"inbox": inbox, "days": days, "questions": [each.listed() for each in found]})
        return
    if not found:
        output.say("No question was left unanswered.")
    for each in found[:SHOWN]:
        output.say(output.plain(_line(each)))
    if len(found) > SHOWN:
        output.note(f"{len(found) - SHOWN} more with --json.")
    if examples := list(_examples(found)):
        output.say("\nExamples that customers made by tapping a suggestion:", style="bold")
        for line in examples:
            output.say(output.plain(line))


def questions(rows: "Iterable[Item]") -> list[Question]:
    """The rows of some days, oldest first, as questions. A tap belongs to what its thread asked last."""
    found: dict[str, Question] = {}
    last: dict[str, tuple[Question, list[str]]] = {}
    for row in rows:
        if "tapped" in row:
            question, offered = last.get(row["thread"], (None, []))
            if question and row["tapped"] in offered:
                question.tapped[row["tapped"]] += 1
        elif text := row.get("text"):  # the contact may have taken it back
            question = found.setdefault(" ".join(text.casefold().split()).rstrip(" ?!.…"), Question(text))
            question.times += 1
            question.languages[row["language"]] += 1
            question.suggested.update(row.get("suggested", ()))
            last[row["thread"]] = question, row.get("suggested", [])
    return sorted(found.values(), key=lambda each: -each.times)


def _check_inbox(target: Target, inbox: str) -> None:
    from afterhours_local.stack_config import StackConfig

    known = sorted(item["sk"] for item in StackConfig(target.resources, target.clients, dry_run=True).inboxes())
    if inbox not in known:
        named = ", ".join(known) or "none"
        output.stop(output.plain(f"--inbox {inbox}: the stack has no such inbox; it has {named}"))


def _rows(target: Target, inbox: str, days: int) -> "Iterator[Item]":
    from afterhours.stores.dynamo import expression, from_item
    from afterhours.stores.unmatched import list_of

    today = datetime.now(UTC)
    for ago in range(days - 1, -1, -1):
        day = expression(values={"pk": list_of(inbox, today - timedelta(days=ago))}, KeyConditionExpression="#pk = :pk")
        pages = target.clients.dynamodb.get_paginator("query").paginate(TableName=target.resources.threads_table, **day)
        yield from (from_item(item) for page in pages for item in page["Items"])


def _line(question: Question) -> str:
    about = f"{question.times:>4}×  {', '.join(question.languages)}  “{' '.join(question.text.split())}”"
    tapped = [f"{id} {times}×" for id, times in question.tapped.most_common()]
    offered = f"  offered: {', '.join(question.suggested)}" if question.suggested else ""
    return about + offered + (f"  tapped: {', '.join(tapped)}" if tapped else "")


def _examples(found: list[Question]) -> Iterator[str]:
    """YAML to paste below an entry's `examples`."""
    tapped = {id for question in found for id in question.tapped}
    for id in sorted(tapped):
        yield f"  {id}:"
        yield from (f"    - {json.dumps(each.text, ensure_ascii=False)}" for each in found if id in each.tapped)
