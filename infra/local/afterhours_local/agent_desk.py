"""What agents do to a thread beside answering it: sort it, give it away, let held replies go."""

from typing import Annotated, Any

import typer

from afterhours_local import output
from afterhours_local.agent_api_client import Api, Trouble
from afterhours_local.agent_verbs import FenceOption, NamedThread, verb

app = typer.Typer()

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="The held reply's key, as show prints it.")]


@verb(app, "tag", example="tag last +vip -noise", context_settings={"ignore_unknown_options": True})
def tag(
    api: Api,
    thread: NamedThread,
    tags: Annotated[list[str] | None, typer.Argument(metavar="+TAG|-TAG", help="To add and to take off.")] = None,
    add: Annotated[list[str] | None, typer.Option("--add", help="A tag to add.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="A tag to take off.")] = None,
) -> None:
    """Add tags and take tags off."""
    adding, removing = list(add or ()), list(remove or ())
    for word in tags or ():
        if word[:1] not in ("+", "-") or word.startswith("--"):
            raise Trouble(f"{output.plain(word[:60])}: write +TAG to add it and -TAG to take it off", code=2)
        (adding if word[0] == "+" else removing).append(word[1:])
    if not adding and not removing:
        raise Trouble("say which: +TAG, -TAG, --add TAG or --remove TAG", code=2)
    answer = api.post("threads", api.thread(thread), "tag", body={"add": adding, "remove": removing})
    if api.as_json:
        output.emit(answer)
    else:
        output.say(output.plain(f"Tags: {', '.join(answer['thread']['tags']) or 'none'}."))


@verb(app, "assign", example="assign last ivo@example.org")
def assign(
    api: Api,
    thread: NamedThread,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="A colleague of the thread's inbox.")],
    fence: FenceOption = None,
) -> None:
    """Give a thread to a colleague; who does not hold it must lead the inbox."""
    thread = api.thread(thread)
    head = api.get("threads", thread)["thread"]
    agents = api.get("inboxes", head["inbox"], "colleagues")["agents"]
    found = next((each["id"] for each in agents if each["email"].casefold() == email.casefold()), None)
    if found is None:
        emails = output.plain(", ".join(each["email"] for each in agents))
        raise Trouble(f"{output.plain(email)} does not work in {head['inbox']}; who does: {emails}")
    answer = api.post("threads", thread, "assign", body={"agent": found, **_held_under(api, head, fence)})
    if api.as_json:
        output.emit(answer)
    else:
        output.say(f"{thread} is kept for {output.plain(email)}.")


@verb(app, "transfer", example="transfer last sales")
def transfer(
    api: Api,
    thread: NamedThread,
    inbox: Annotated[str, typer.Argument(metavar="INBOX", help="The other inbox.")],
    fence: FenceOption = None,
) -> None:
    """Give a thread to another inbox; who does not hold it must lead its inbox."""
    thread = api.thread(thread)
    head = api.get("threads", thread)["thread"]
    answer = api.post("threads", thread, "transfer", body={"inbox": inbox, **_held_under(api, head, fence)})
    if api.as_json:
        output.emit(answer)
    else:
        output.say(output.plain(f"{thread} is in {answer['thread']['inbox']} now."))


@verb(app, "approve", example="approve last 01KACVZ7M0EXAMPLEEXAMPLE00")
def approve(api: Api, thread: NamedThread, key: KeyArgument) -> None:
    """Let a colleague's reply go that waits for a second person."""
    _decided(api, api.post("threads", api.thread(thread), "approve", body={"key": key}))


@verb(app, "reject", example="reject last 01KACVZ7M0EXAMPLEEXAMPLE00 'We do not promise that.'")
def reject(
    api: Api,
    thread: NamedThread,
    key: KeyArgument,
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why; its author reads it as a note.")],
) -> None:
    """Do not let a colleague's held reply go, and say why."""
    _decided(api, api.post("threads", api.thread(thread), "reject", body={"key": key, "reason": reason}))


def _decided(api: Api, answer: Any) -> None:
    if api.as_json:
        output.emit(answer)
    else:
        output.say(output.plain(f"{answer['key']} is {answer['state']}."))


def _held_under(api: Api, head: Any, given: int | None) -> dict[str, int]:
    """The fence, where it is this agent who has the thread; a lead gives none."""
    if given is not None:
        return {"fence": given}
    return {"fence": head["fence"]} if head.get("owner") == api.get("me")["agent"] else {}
