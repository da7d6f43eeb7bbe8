"""What Graph tells of an account to whoever has its token: which apps hear of it, and a number's name.

Written from the contract, platforms/meta.md, sections 2.1 and 4. Every account is subscribed until it is lost.
"""

import json
import re
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import parse_qs

from afterhours_local.platforms import faults
from afterhours_local.platforms.faults import Reply
from afterhours_local.platforms.graph_requests import GraphError

SUBSCRIBED = re.compile(r"/v[1-9][0-9]\.0/([0-9]+|me)/subscribed_apps(?:\?(.*))?")
NUMBER = re.compile(r"/v[1-9][0-9]\.0/([0-9]+)\?fields=id,verified_name")
PAGE_FIELDS = {"messages", "messaging_postbacks", "message_deliveries", "message_reads", "message_echoes"}
PAGE_FIELDS |= {"message_reactions", "message_edits", "messaging_referrals", "messaging_optins", "standby", "feed"}
INSTAGRAM_FIELDS = {"messages", "messaging_postbacks", "message_reactions", "messaging_seen", "messaging_referral"}
INSTAGRAM_FIELDS |= {"comments", "live_comments"}


class Opened(Protocol):
    """An account that the token opens."""

    @property
    def channel(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def node(self) -> str: ...
    @property
    def login(self) -> str: ...
    @property
    def app_id(self) -> str: ...


class SubscribedApps:
    def __init__(self) -> None:
        self._lost: set[str] = set()
        self._fields: dict[str, set[str]] = {}

    def lose(self, node: str) -> None:
        """As happens when somebody changes a password or takes the app away."""
        self._lost.add(node)

    def show(self, node: str, opened: Sequence[Opened]) -> Reply:
        account = _account(node, opened)
        fields = self._fields.get(account.node, PAGE_FIELDS | INSTAGRAM_FIELDS)
        app = {"id": account.app_id, "name": "Afterhours", "subscribed_fields": sorted(fields)}
        data = [] if account.node in self._lost else [app]
        return faults.as_json(200, json.dumps({"data": data}).encode())

    def subscribe(self, node: str, query: str | None, opened: Sequence[Opened]) -> Reply:
        account = _account(node, opened)
        wanted = set(",".join(parse_qs(query or "").get("subscribed_fields", [])).split(",")) - {""}
        known = INSTAGRAM_FIELDS if account.login == "instagram" else PAGE_FIELDS
        if not wanted or wanted - known:
            raise GraphError(100, f"Param subscribed_fields must be one of {sorted(known)}")
        self._lost.discard(account.node)
        self._fields[account.node] = wanted
        return faults.as_json(200, b'{"success":true}')


def number(node: str, opened: Sequence[Opened]) -> Reply:
    account = next((one for one in opened if one.channel == "whatsapp" and one.id == node), None)
    if account is None:
        raise GraphError(100, f"Unsupported get request. Object with ID '{node}' does not exist", subcode=33)
    return faults.as_json(200, json.dumps({"id": account.id, "verified_name": "Hotel Jadran"}).encode())


def _account(node: str, opened: Sequence[Opened]) -> Opened:
    found = next((one for one in opened if one.channel != "whatsapp" and node in (one.node, "me")), None)
    if found is None:
        raise GraphError(100, f"Unsupported get request. Object with ID '{node}' does not exist", subcode=33)
    return found
