"""What agents do with the thread that they hold: from pull to resolve."""

import re
import sys
import time
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from afterhours_local import output, session, thread_lines
from afterhours_local.agent_api_client import Api, Trouble, new_ulid
from afterhours_local.agent_look import show_thread
from afterhours_local.agent_verbs import (
    FenceOption,
    InboxOption,
    LastOption,
    NamedThread,
    ThreadArgument,
    fence_of,
    last_inbound_of,
    verb,
)

app = typer.Typer()

_DURATION = re.compile(r"(?=.)(?:(\d{1,3})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?")
KeyOption = Annotated[str, typer.Option("--key", help="The key of a text that got no answer, to ask again.")]


@verb(app, "pull", example="pull --inbox support")
def pull(
    api: Api,
    inbox: InboxOption = "",
    wait: Annotated[int, typer.Option("--wait", min=0, max=5, help="Seconds to wait for one.")] = 0,
) -> None:
    """Claim the most urgent thread of an inbox and show it."""
    inbox = api.inbox(inbox)
    answer = api.post("inboxes", inbox, "pull", body={"wait_s": wait})
    if answer:
        show_thread(api, answer)
    elif api.as_json:
        output.emit(None)
    else:
        output.say(f"Nothing waits in {inbox}.")


@verb(app, "claim", example="claim MFRGGZDF-2")
def claim(api: Api, thread: ThreadArgument = "last") -> None:
    """Take a thread, or take it again, and show it."""
    thread = api.thread(thread)
    api.post("threads", thread, "claim", body={})
    show_thread(api, api.get("threads", thread))


@verb(app, "heartbeat", example="heartbeat")
def heartbeat(api: Api, thread: ThreadArgument = "last", fence: FenceOption = None) -> None:
    """Keep a claim for two more minutes."""
    thread = api.thread(thread)
    answer = api.post("threads", thread, "heartbeat", body={"fence": fence_of(api, thread, fence)})
    if api.as_json:
        output.emit(answer)
    else:
        output.say(f"Yours until {thread_lines.local_time(answer['lease_until'], seconds=True)}.")


@verb(app, "reply", example="reply last 'Good morning, yes.'")
def reply(
    api: Api,
    thread: NamedThread,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to send; - reads standard input.")] = "",
    answer: Annotated[str, typer.Option("--answer", help="A prepared answer's shortcut; see answers.")] = "",
    way: Annotated[int, typer.Option("--way", min=0, help="Another way to reach us, by number; see answers.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="Send the text that was not taken; it is kept.")] = False,
    key: KeyOption = "",
    fence: FenceOption = None,
    last_inbound: LastOption = None,
) -> None:
    """Answer the customer: TEXT, a prepared answer and another way, one below the other. Each key is sent once."""
    thread = api.thread(thread)
    fence, last_inbound = fence_of(api, thread, fence), last_inbound_of(api, thread, last_inbound)
    draft = _kept(api, thread) if again else _composed(api, thread, text, answer, way)
    key = key or draft.key or new_ulid()
    body = {"key": key, "text": draft.text, "fence": fence, "last_inbound": last_inbound}
    if draft.answer:
        body["answer"] = draft.answer
    try:
        taken = api.post("threads", thread, "reply", body=body)
    except Trouble as trouble:
        _keep(api, thread, draft, key if trouble.is_unclear else "", trouble)
        raise
    session.forget_draft(api.url, thread)
    if api.as_json:
        output.emit(taken)
        return
    leaves = f", in {taken['parts']} messages" if taken["parts"] > 1 else ""
    output.say(f"Accepted as {taken['key']}: {taken['state']}{leaves}.")
    if taken["state"] == "held":
        output.say("A lead must approve it before it is sent.")


@verb(app, "note", example="note last 'Third call this week.'")
def note(
    api: Api,
    thread: NamedThread,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What colleagues should know; - reads standard input.")],
    key: KeyOption = "",
) -> None:
    """Leave a remark for colleagues; no customer ever reads it."""
    thread, key = api.thread(thread), key or new_ulid()
    text = sys.stdin.read() if text == "-" else text
    try:
        answer = api.post("threads", thread, "note", body={"key": key, "text": text})
    except Trouble as trouble:
        if trouble.is_unclear:
            trouble.hint = f"{trouble.hint}\nask again with --key {key}; it is kept once".strip()
        raise
    if api.as_json:
        output.emit(answer)
    else:
        output.say("Noted, for colleagues only.")


@verb(app, "release", example="release")
def release(api: Api, thread: ThreadArgument = "last", fence: FenceOption = None) -> None:
    """Give a thread back to its inbox."""
    thread = api.thread(thread)
    _done(api, api.post("threads", thread, "release", body={"fence": fence_of(api, thread, fence)}))


@verb(app, "snooze", example="snooze last --until '2026-11-23 08:00'")
def snooze(
    api: Api,
    thread: ThreadArgument = "last",
    until: Annotated[str, typer.Option("--until", help="A time, in the zone of this machine.")] = "",
    for_: Annotated[str, typer.Option("--for", help="How long: 45m, 2h, 1d (24 hours), 1h30m.")] = "",
    next_opening: Annotated[bool, typer.Option("--next-opening", help="Until the inbox opens next.")] = False,
    fence: FenceOption = None,
    last_inbound: LastOption = None,
) -> None:
    """Put a thread aside for a while; it comes back by itself, sooner if the customer writes."""
    waking = waking_of(until, for_, next_opening=next_opening, now_ms=time.time_ns() // 1_000_000)
    thread = api.thread(thread)
    body = {"fence": fence_of(api, thread, fence), "last_inbound": last_inbound_of(api, thread, last_inbound)}
    answer = api.post("threads", thread, "snooze", body={**body, "until": waking})
    if api.as_json:
        output.emit(answer)
        return
    wakes = datetime.fromtimestamp(answer["thread"]["snoozed_until"] / 1000).astimezone()
    output.say(f"{thread} is snoozed until {wakes:%a %d %b %Y %H:%M %Z} (the zone of this machine).")


@verb(app, "resolve", example="resolve")
def resolve(
    api: Api, thread: ThreadArgument = "last", fence: FenceOption = None, last_inbound: LastOption = None
) -> None:
    """Close a thread; refused if the customer has written since you last looked."""
    thread = api.thread(thread)
    body = {"fence": fence_of(api, thread, fence), "last_inbound": last_inbound_of(api, thread, last_inbound)}
    _done(api, api.post("threads", thread, "resolve", body=body))


@verb(app, "reopen", example="reopen MFRGGZDF-2")
def reopen(api: Api, thread: ThreadArgument = "last") -> None:
    """Take a resolved thread up again; for an hour it is kept for you, claim it then."""
    _done(api, api.post("threads", api.thread(thread), "reopen", body={}))


def _done(api: Api, answer: Any) -> None:
    """Say what has become of the thread."""
    if api.as_json:
        output.emit(answer)
    else:
        output.say(output.plain(f"{answer['thread']['id']} is {answer['thread']['status']}."))


def waking_of(until: str, for_: str, *, next_opening: bool, now_ms: int) -> int | str:
    """When a thread shall come back, as the API takes it. Raises Trouble."""
    if (bool(until), bool(for_), next_opening).count(True) != 1:
        raise Trouble("say until when: one of --until, --for and --next-opening", code=2)
    if until:
        try:
            return int(datetime.fromisoformat(until).astimezone().timestamp() * 1000)
        except (ValueError, OverflowError) as error:
            wrong = f"--until {output.plain(until[:40])}: is not a time; write for example '2026-11-23 08:00'"
            raise Trouble(wrong, code=2) from error
    if for_:
        found = _DURATION.fullmatch(for_.replace(" ", ""))
        if found is None:
            raise Trouble(f"--for {output.plain(for_[:40])}: write for example 45m, 2h or 1d", code=2)
        days, hours, minutes = (int(number or 0) for number in found.groups())
        return now_ms + timedelta(days=days, hours=hours, minutes=minutes) // timedelta(milliseconds=1)
    return "next_opening"


def _composed(api: Api, thread: str, text: str, answer: str, way: int) -> session.Draft:
    """What is to be sent, put together. Raises Trouble."""
    parts = [sys.stdin.read() if text == "-" else text]
    if answer or way:
        prepared = {each["id"]: each["text"] for each in api.get("threads", thread, "answers")["answers"]}
        for name in filter(None, (answer, f"way-{way}" if way else "")):
            if name not in prepared:
                raise Trouble(
                    f"there is no {output.plain(name)} here", f"see what there is: afterhours agent answers {thread}"
                )
            parts.append(prepared[name])
    if not any(parts):
        raise Trouble("say what to send: TEXT, --answer, --way or --again", code=2)
    return session.Draft("\n".join(filter(None, parts)), answer or None)


def _kept(api: Api, thread: str) -> session.Draft:
    found = session.draft(api.url, thread)
    if found is None:
        raise Trouble("no text is kept for this thread; everything that you wrote was taken", code=2)
    return found


def _keep(api: Api, thread: str, draft: session.Draft, key: str, trouble: Trouble) -> None:
    """Lose nothing: the text stays on this machine, is shown, and can be sent as it is."""
    session.remember_draft(api.url, thread, session.Draft(draft.text, draft.answer, key))
    once = f"; or ask again with --key {key}; it is sent once" if key else ""
    kept = f"Your text is kept: afterhours agent reply {thread} --again{once}"
    trouble.hint = f"{trouble.hint}\n{kept}\n\n{output.plain(draft.text)}".strip()
