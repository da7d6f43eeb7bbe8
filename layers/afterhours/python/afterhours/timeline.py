"""A thread as agents and the demo see it: its head, and stored items turned into entries, oldest first. Pure."""

from collections.abc import Iterable
from typing import Any

from afterhours.models import Kind, SendState, ThreadHead

Item = dict[str, Any]

LINKS = {"location", "contacts", "fallback", "template", "link"}  # nothing that lies on the platform
SHOWN_LINKS = {"location", "link"}  # to a place, and what a channel has found fit to be opened
SLA = ("in_time", "warned", "overdue", "escalated")


def ticket_number(tid: str, episode: int) -> str:
    """What people call a ticket by: a short form of the thread's id, and which handoff of the thread it is."""
    return f"{tid[:8].upper()}-{episode}"


def shown(name: str, head: ThreadHead, *, reply: dict[str, Any] | None = None) -> dict[str, Any]:
    """The thread itself; `number` is what people call it by, `reply` on which terms one may answer."""
    channel, _, rest = name.partition(".")
    account, _, tid = rest.rpartition(".")
    return {
        "id": name,
        "number": ticket_number(tid, head.episode),
        "inbox": head.inbox,
        "channel": channel,
        "account": account,
        "status": head.status,
        "contact": {"name": head.contact_name, "language": head.language, "opted_out": bool(head.opted_out_at)},
        "owner": head.owner,
        "lease_until": head.lease_until,
        "kept_for": head.kept_for,
        "kept_until": head.kept_until,
        "fence": head.fence,
        "version": head.version,
        "episode": head.episode,
        "last_inbound": head.last_inbound,
        "last_in_at": head.last_in_at,
        "window_until": head.window_until,
        "due_at": head.due_at,
        "opened_at": head.opened_at,
        "snoozed_until": head.snoozed_until,
        "resolved_at": head.resolved_at,
        "tags": list(head.tags),
        "handoff": list(head.handoff_reasons),
        "sla": SLA[min(head.sla_stage, 3)],
        "reply": reply,
    }


def entries(items: Iterable[Item], head: ThreadHead | None = None) -> list[dict[str, Any]]:
    """One entry for what was said, one for what was answered automatically; times are epoch ms.

    `direction` in|out; `by` contact|auto|agent|app (a person in the platform's own app); `state` of an outgoing
    text is its send state, or `delivered`, `read`, `failed` where a receipt says so.
    """
    found = []
    for item in items:
        if item["type"] == "outbound":
            found.append(_outgoing(item, head, by=item["via"], at=item["at"]))
            continue
        ours = item["kind"] == Kind.ECHO
        found.append(
            {
                "id": item["sk"],
                "at": item["at"],
                "direction": "out" if ours else "in",
                "by": ("app" if item.get("reason") == "human_in_app" else "auto") if ours else "contact",
                "kind": item["kind"],
                "text": item.get("text"),
                "attachments": [_attached(each) for each in item.get("attachments", [])],
                "target_id": item.get("target_id"),
                "deleted_at": item.get("deleted_at"),
                "rule": item.get("rule"),
                "reason": item.get("reason"),
                "handoff": item.get("handoff", []),
            }
        )
        if item["reply"] != SendState.NONE:
            found.append(
                _outgoing(item, head, by="auto", at=item["reply_at"] if "reply_at" in item else item["decided_at"])
            )
    return sorted(found, key=lambda entry: (entry["at"], entry["direction"], entry["id"]))


def _attached(attachment: Item) -> Item:
    """`available`: its bytes may be asked for, by its place in the list. The platform's address opens the file for
    whoever has it and stays here; only links are shown that were made to be opened."""
    url = str(attachment.get("url", ""))
    is_link = attachment["type"] in LINKS
    found = {name: attachment.get(name) for name in ("type", "name", "mime_type", "size")}
    found["available"] = not is_link and ("id" in attachment or url.startswith("https://"))
    return {**found, "url": url} if attachment["type"] in SHOWN_LINKS and url.startswith("https://") else found


def noted(item: Item) -> dict[str, Any]:
    """A note of an agent, for agents only."""
    return {"id": item["sk"], "at": item["at"], "by": item["by"], "text": item["text"]}


def done(item: Item) -> dict[str, Any]:
    """What somebody did to the thread."""
    return {
        "id": item["sk"], "at": item["at"], "by": item["by"], "verb": item["verb"], "detail": item.get("detail", {})
    }  # fmt: skip


def _outgoing(item: Item, head: ThreadHead | None, *, by: str, at: int) -> dict[str, Any]:
    return {
        "id": f"{item['sk']}#reply" if by == "auto" else item["sk"],
        "at": at,
        "direction": "out",
        "by": by,
        "kind": "message",
        "text": item.get("reply_text"),
        "attachments": [],
        "state": _state(item, head),
        "rule": item.get("rule"),
        "reason": item.get("reply_reason") or None,
        "platform_id": item.get("platform_id") or None,
        "agent": item.get("owner"),
    }


def _state(item: Item, head: ThreadHead | None) -> str:
    rank = item.get("delivery", 0)
    if item["reply"] == SendState.SENT and head:
        sent_at = item.get("reply_at", 0)
        rank = max(rank, 3 if head.read_until >= sent_at else 0, 2 if head.delivered_until >= sent_at else 0)
    return {2: "delivered", 3: "read", 9: "failed"}.get(rank, str(item["reply"]))
