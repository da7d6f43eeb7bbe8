"""`afterhours why`: what would be answered to a text, when and why. It asks the policy and decides nothing itself."""

import json
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from afterhours_local import moments, output

if TYPE_CHECKING:
    from afterhours.models import Event, ThreadHead
    from afterhours.playbook import Playbook

MAX_STATE_BYTES = 100_000


def why(
    playbook: Annotated[Path, typer.Option("--playbook", metavar="FILE", help="The playbook's file.")],
    channel: Annotated[str, typer.Option("--channel", "-c", help="whatsapp, messenger, instagram, webchat, …")],
    at: Annotated[
        str,
        typer.Option(
            "--at", metavar="TIME", help="2026-11-14T23:40, in the playbook's zone unless an offset is given."
        ),
    ],
    text: Annotated[str, typer.Option("--text", help="What the customer writes.")],
    name: Annotated[str, typer.Option("--name", help="The customer's name.")] = "",
    locale: Annotated[str, typer.Option("--locale", help="What the platform says of their language: de_DE.")] = "",
    state: Annotated[
        Path | None,
        typer.Option("--contact-state", metavar="FILE", help="The thread so far: JSON of the thread head's fields."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Every rule with its verdict, the reply exactly as it would be sent, why a person is needed and until when."""
    from afterhours.channels import CHANNELS

    from afterhours_local import public_holidays
    from afterhours_local.config_commands import playbook_or_stop

    found = playbook_or_stop(playbook, as_json=as_json)
    if channel not in CHANNELS:
        output.stop(f"--channel {output.plain(channel)}: is not known; one of {', '.join(CHANNELS)}")
    now = moments.parse("--at", at, found.zone)
    head = _head(state) if state else None
    dated = public_holidays.on_dates(found, range(now.year - 1, now.year + 3))
    explained = explain(dated, event(channel, text, now, name=name, locale=locale), head, now)
    if as_json:
        output.emit(explained)
    else:
        output.say(output.plain(_page(explained)))


def event(channel: str, text: str, at: datetime, *, name: str = "", locale: str = "") -> "Event":
    """What the channel would make of the text."""
    from afterhours import channels
    from afterhours.channels import untrusted
    from afterhours.models import Event, Kind

    return Event(
        channel=channel,
        kind=Kind.COMMENT if channel.endswith("_comments") else Kind.MESSAGE,
        private_reply=channel.endswith("_comments") and "private_reply" in channels.channel(channel).CAPABILITIES,
        event_id="why",
        contact_ids=("contact",),
        contact_name=untrusted.text(name) or None,
        text=untrusted.text(text),
        locale=untrusted.text(locale) or None,
        timestamp_ms=int(at.timestamp() * 1000),
    )


def explain(playbook: "Playbook", event: "Event", head: "ThreadHead | None", now: datetime) -> dict[str, Any]:
    """The decision in full; `playbook` with the dates of its holidays. Times are local to it."""
    from afterhours import channels, hours, policy

    decided = policy.decide(event, head, playbook, now)
    verdicts = dict(decided.why)
    rules = dict.fromkeys([*(rule for rule, _ in policy.TABLE), *verdicts])
    sender = channels.channel(event.channel)
    reply = decided.reply_text
    return {
        "playbook": playbook.id,
        "channel": event.channel,
        "at": moments.local(now, playbook.zone),
        "zone": playbook.zone,
        "open": hours.is_open(playbook.hours, now),
        "rules": [{"rule": rule, "verdict": verdicts.get(rule), "decides": rule == decided.rule} for rule in rules],
        "rule": decided.rule,
        "reason": decided.reason,
        "language": decided.language,
        "reply": reply,
        "reply_units": sender.text_units(reply) if reply else None,
        "reply_limit": getattr(sender, "TEXT_LIMIT", None),
        "private_reply": decided.private_reply,
        "public_note": decided.public_note,
        "buttons": [button.title for button in decided.quick_replies],
        "not_before": _local(decided.not_before, playbook.zone),
        "handoff": list(decided.handoff),
        "due_at": _local(decided.due_at, playbook.zone),
        "stamps": decided.stamps,
    }


def _local(at_ms: int, zone: str) -> str | None:
    return moments.local(datetime.fromtimestamp(at_ms / 1000, UTC), zone) if at_ms else None


def _page(explained: dict[str, Any]) -> str:
    at = datetime.fromisoformat(explained["at"])
    lines = [
        f"{at:%a %d %b %Y %H:%M} {explained['zone']}, {explained['channel']}, "
        f"{'open' if explained['open'] else 'closed'}",
        "",
    ]
    for each in explained["rules"]:
        mark = "→" if each["decides"] else " "
        lines.append(f"{mark} {each['rule']:22}{'not looked at' if each['verdict'] is None else each['verdict']}")
    lines.append("")
    if explained["reply"] is None:
        lines.append("No reply.")
    else:
        how = "Private reply" if explained["private_reply"] else "Reply"
        lines += [
            f"{how} in {explained['language']}, {explained['reply_units']:,} of {explained['reply_limit']:,} units:",
            explained["reply"],
        ]
        lines += [f"  [{title}]" for title in explained["buttons"]]
        if explained["public_note"]:
            lines += ["Beneath the comment, for all to read:", explained["public_note"]]
        if explained["not_before"]:
            sent = datetime.fromisoformat(explained["not_before"])
            lines.append(f"Sent at {sent:%H:%M:%S}, unless a person acts before.")
    lines.append("")
    lines.append(f"For a person: {', '.join(explained['handoff'])}" if explained["handoff"] else "No person is needed.")
    if explained["due_at"]:
        lines.append(f"Due {datetime.fromisoformat(explained['due_at']):%a %d %b %Y %H:%M} ({explained['zone']})")
    return "\n".join(lines)


def _head(file: Path) -> "ThreadHead":
    """The thread head of the file; inbox and contact need not be given."""
    from afterhours.models import ThreadHead
    from pydantic import ValidationError

    try:
        raw = file.read_bytes()
        fields = json.loads(raw) if len(raw) <= MAX_STATE_BYTES else None
    except OSError as error:
        output.stop(f"--contact-state {file}: cannot be read: {error.strerror}")
    except (ValueError, RecursionError):
        output.stop(f"--contact-state {file}: is not JSON")
    if not isinstance(fields, dict):
        output.stop(
            f'--contact-state {file}: must be one JSON object of at most {MAX_STATE_BYTES:,} bytes: {{"owner": …}}'
        )
    try:
        return ThreadHead.model_validate_json(json.dumps({"inbox": "why", "contact_id": "contact", **fields}))
    except ValidationError as error:
        found = [_wrong_field(item["loc"], item["type"], item["msg"]) for item in error.errors()]
        output.stop("\n".join(f"--contact-state {file}: {output.plain(each)}" for each in found))


def _wrong_field(place: tuple[int | str, ...], sort: str, message: str) -> str:
    from afterhours.models import ThreadHead

    name = ".".join(str(step)[:60] for step in place)
    if sort != "extra_forbidden":
        return f"{name}: {message}"
    close = get_close_matches(name, ThreadHead.model_fields, n=1)
    return f"{name}: a thread has no such field; " + (f'did you mean "{close[0]}"?' if close else "take it out")
