"""`afterhours playbook`: check a file, show what is in force, rehearse it; keep its versions in a stack."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from afterhours_local import moments, output, playbook_unmatched, playbook_versions
from afterhours_local.config_commands import playbook_or_stop

if TYPE_CHECKING:
    from afterhours.playbook import Playbook

    from afterhours_local.rehearsal import Line

app = typer.Typer(no_args_is_help=True, help="Check, show and rehearse a playbook; keep its versions in a stack.")

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The playbook's file.")]
AtOption = Annotated[str, typer.Option("--at", metavar="TIME", help="As of another time than now: 2026-11-14T23:40")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@app.command(epilog="Example: afterhours playbook check hotel.playbook.yaml")
def check(file: FileArgument, at: AtOption = "", as_json: JsonOption = False) -> None:
    """Name every mistake by line and field with what would be right (exit 2), or say what was found right."""
    from afterhours_local import playbook_check, public_holidays

    found = playbook_or_stop(file, as_json=as_json)
    now = _now(at, found)
    dated = public_holidays.on_dates(found, (now.year, now.year + 1))
    counted = playbook_check.summary(dated, now)
    if as_json:
        output.emit({"ok": True, **counted})
        return
    output.say(output.plain(f"OK: {_in_words(counted)}"), style="green")
    for hint in counted["hints"]:
        output.note(output.plain(f"Look at {hint}"), style="yellow")


@app.command(epilog="Example: afterhours playbook show hotel.playbook.yaml")
def show(file: FileArgument, at: AtOption = "", as_json: JsonOption = False) -> None:
    """Print what is in force: defaults filled in, every text, the holidays of the next 12 months as dates."""
    from afterhours_local import playbook_page

    found = playbook_or_stop(file, as_json=as_json)
    now = _now(at, found)
    if as_json:
        output.emit(playbook_page.effective(found, now))
    else:
        output.say(output.plain(playbook_page.page(found, now)).rstrip())


@app.command(epilog="Example: afterhours playbook texts --html texts.html")
def texts(
    html: Annotated[Path, typer.Option("--html", metavar="FILE", help="Where the page goes.")],
    file: Annotated[
        Path | None, typer.Argument(metavar="PLAYBOOK", help="With this playbook's own texts and languages.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a page with every text in every language in 42 situations, for a native speaker to review."""
    from afterhours.phrasebook import LANGUAGES

    from afterhours_local import texts_page

    own = playbook_or_stop(file, as_json=as_json) if file else None
    languages = [code for code in LANGUAGES if own is None or code in own.languages]
    try:
        html.write_text(texts_page.page(languages, own.texts if own else None), encoding="utf-8")
    except OSError as error:
        output.stop(f"{html}: {error.strerror}")
    if as_json:
        output.emit({"file": str(html), "languages": languages})
    else:
        output.say(f"{html}: {len(languages)} languages")


@app.command(epilog="Example: afterhours playbook schema > playbook.schema.json")
def schema(_json: Annotated[bool, typer.Option("--json", help="The output is JSON in any case.")] = False) -> None:
    """Print the JSON Schema of playbooks, for editors (`# yaml-language-server: $schema=playbook.schema.json`)."""
    from afterhours_local import playbook_page

    output.emit(playbook_page.schema())


@app.command(epilog="Example: afterhours playbook rehearse hotel.playbook.yaml --channel messenger")
def rehearse(
    file: FileArgument,
    channel: Annotated[str, typer.Option("--channel", "-c", help="Where the customers write.")] = "whatsapp",
    at: AtOption = "",
    as_json: JsonOption = False,
) -> None:
    """Play a week of situations with the playbook's own questions: when, what was written, which rule, what reply."""
    from afterhours.channels import CHANNELS

    from afterhours_local import rehearsal

    found = playbook_or_stop(file, as_json=as_json)
    if channel not in CHANNELS:
        output.stop(f"--channel {output.plain(channel)}: is not known; one of {', '.join(CHANNELS)}")
    lines = list(rehearsal.rehearse(found, _now(at, found), channel))
    if as_json:
        output.emit([_played(line, found.zone) for line in lines])
        return
    situation = ""
    for line in lines:
        if line.situation != situation:
            situation = line.situation
            output.say(output.plain(situation), style="bold")
        output.say(output.plain(_one_line(line, found.zone)))


app.command(epilog="Example: afterhours playbook push hotel.playbook.yaml --inbox support --stack afterhours")(
    playbook_versions.push
)
app.command(epilog="Example: afterhours playbook versions --inbox support --stack afterhours")(
    playbook_versions.versions
)
app.command(epilog="Example: afterhours playbook diff hotel.playbook.yaml --stack afterhours")(playbook_versions.diff)
app.command(epilog="Example: afterhours playbook rollback 3 --inbox support --stack afterhours")(
    playbook_versions.rollback
)
app.command(epilog="Example: afterhours playbook unmatched --inbox support --stack afterhours")(
    playbook_unmatched.unmatched
)


def _now(at: str, playbook: "Playbook") -> datetime:
    return moments.parse("--at", at, playbook.zone) if at else datetime.now(UTC)


def _in_words(counted: dict[str, Any]) -> str:
    holiday = counted["next_holiday"]
    parts = [
        _number(len(counted["languages"]), "language"),
        _number(counted["own_texts"], "own text"),
        _number(counted["faq"], "FAQ entry", "FAQ entries"),
        f"opens {counted['hours_a_week']:g} h a week",
        f"next holiday {holiday['date']} {holiday['name']}".rstrip() if holiday else "no holidays",
    ]
    return ", ".join(parts)


def _number(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def _one_line(line: "Line", zone: str) -> str:
    decided = line.disposition
    reply = " ".join(decided.reply_text.split()) if decided.reply_text else "(no reply)"
    at = line.at.astimezone(ZoneInfo(zone))
    return f"  {at:%a %d %b %H:%M}  “{line.text}”  {decided.rule} ({decided.reason}): {reply}"


def _played(line: "Line", zone: str) -> dict[str, Any]:
    decided = line.disposition
    return {
        "situation": line.situation,
        "at": moments.local(line.at, zone),
        "text": line.text,
        "rule": decided.rule,
        "reason": decided.reason,
        "reply": decided.reply_text,
        "handoff": list(decided.handoff),
    }
