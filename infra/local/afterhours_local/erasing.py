"""`afterhours agent erase`, for admins; `afterhours restore`: a restored table forgets again what was erased."""

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from afterhours_local import moments, output
from afterhours_local.agent_api_client import Api, Refused
from afterhours_local.agent_verbs import NamedThread, verb
from afterhours_local.config_commands import Target, target_of

if TYPE_CHECKING:
    from afterhours.stores.erasure import Erasure, Replayed

app = typer.Typer()


@verb(app, "erase", example="erase MFRGGZDF-2")
def erase(
    api: Api, thread: NamedThread, yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether to.")] = False
) -> None:
    """Erase all that is kept of a customer in a thread, for good (admins). Asked again, it completes what broke off."""
    thread = api.thread(thread)
    if not yes:
        _make_sure(api, thread)
    answer = api.post("threads", thread, "erase", body={"confirm": thread})
    if api.as_json:
        output.emit(answer)
    else:
        output.say(f"Erased: {answer['items']} items of {thread}. If they write again, a new thread begins.")


def restore(
    stack: Annotated[str, typer.Option("--stack", help="The name of a deployed stack.")] = "",
    local: Annotated[bool, typer.Option("--local", help="The stack of the running `afterhours run`.")] = False,
    table: Annotated[str, typer.Option("--table", help="The restored threads table, before the stack uses it.")] = "",
    epoch: Annotated[str, typer.Option("--epoch", help="Since when the restored table is in use, UTC; else now.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Make a restored threads table fit for use: erase again what was erased, and send nothing from before now.

    Run it while no event is worked on, before the stack uses the table; it may be repeated.
    """
    now = datetime.now(UTC)
    since = moments.parse("--epoch", epoch, "UTC") if epoch else now
    with target_of(stack, local=local, as_json=as_json) as target:
        done = restored(target, table, epoch_ms=_ms(since), now_ms=_ms(now))
    from afterhours.stores.erasure import Replayed
    from afterhours.stores.threads import thread_name

    left = [thread_name(erasure.pk) for erasure, how in done.items() if how is Replayed.WRITTEN_SINCE]
    counts = Counter(str(how) for how in done.values())
    if as_json:
        output.emit({"epoch": _ms(since), "erasures": counts, "written_since": left})
    else:
        output.say(f"Nothing said or composed until {since.isoformat(timespec='seconds')} is answered automatically.")
        output.say(f"Erasures in the log: {counts.total()}.")
        for how, number in counts.items():
            output.say(f"  {number} {how}")
    if left:
        output.stop("erase them by hand (afterhours agent erase), or restore again: " + ", ".join(left), code=1)


def restored(target: Target, table: str, *, epoch_ms: int, now_ms: int) -> "dict[Erasure, Replayed]":
    """What became of each erasure of the log."""
    from afterhours.stores.erasure import Erasing

    from afterhours_local.stack_config import StackConfig

    resources = target.resources
    stored = StackConfig(resources, target.clients, dry_run=False)
    stored.item("epoch", "", "EPOCH", "CURRENT", {"at": epoch_ms})
    erasing = Erasing(
        target.clients.dynamodb,
        table or resources.threads_table,
        resources.config_table,
        [inbox["sk"] for inbox in stored.inboxes()],
        lambda key: target.clients.s3.delete_object(Bucket=resources.mail_bucket, Key=key),
    )
    return {erasure: erasing.replay(erasure, now_ms) for erasure in erasing.log()}


def _make_sure(api: Api, thread: str) -> None:
    """Ask, unless it was erased already. Raises Trouble."""
    try:
        found = api.get("threads", thread)["thread"]
    except Refused as refused:
        if refused.document.get("code") != "erased":
            raise
        return
    name = output.plain(found["contact"]["name"] or "no name")
    typer.confirm(f"Erase all of {found['number']} ({name}, {thread}) for good?", abort=True, err=True)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
