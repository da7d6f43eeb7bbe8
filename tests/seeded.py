"""A thread on which every verb of the agents' API has something to do, and the tables set back to it."""

import base64
import zlib
from dataclasses import dataclass, field
from struct import pack
from typing import Any
from urllib.parse import quote

from afterhours.models import ThreadHead
from afterhours.stores import config
from afterhours.stores.claims import LEASE_MS, Claims
from afterhours.stores.dynamo import from_item, to_item
from afterhours.stores.threads import outbound_key, thread_name
from afterhours.timeline import ticket_number
from afterhours_local.platforms.graph_files import File
from world import PETRA, Ulid, World

COLLEAGUE = "00000000-0000-4000-8000-00000000000c"  # wrote the reply that waits for approval
UNKNOWN_TID = base64.b32encode(bytes(17))[:26].decode().lower()
CANNED = [{"id": "draft", "approved": False, "text": {"en": "We are looking into it."}}]
PICTURE = b"\x89PNG\r\n\x1a\n" + pack(">I4sII5B", 13, b"IHDR", 1, 1, 8, 2, 0, 0, 0) + pack(">I", zlib.crc32(b""))


@dataclass
class Seeded:
    """`set_back` gives the thread to somebody and undoes what was done before."""

    world: World
    held: str  # the key of a reply that waits for approval
    pk: str = ""
    picture: str = ""  # its path below the thread
    _items: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def plant(cls, world: World, ulid: Ulid) -> "Seeded":
        """A customer asked for a person and sent a picture; a colleague's reply is held; there is a second inbox."""
        seeded = cls(world, held=ulid())
        assert (
            world.sandbox.graph.say("whatsapp", "106540352242922", PETRA, "", file=File("image", PICTURE)).status == 200
        )
        world.say("I want a person")
        playbook = world.sandbox.config.playbooks["hotel"]
        world.play_by(playbook.model_validate({**playbook.model_dump(mode="json"), "canned": CANNED}))
        support = config.inbox("support")
        assert support
        seeded.configure("INBOX", "sales", playbook=support.playbook, queue_url=support.queue_url)
        seeded.pk, claims = world.pk(), Claims(world.threads)
        head = claims.claim(seeded.pk, "support", COLLEAGUE, world.now_ms)
        assert head
        claims.compose(
            seeded.pk, COLLEAGUE, head.fence, seeded.held, ["Held."], head.last_inbound, world.now_ms, held=True
        )  # fmt: skip
        [event] = [item["sk"] for item in world.events() if item.get("attachments")]
        seeded.picture = f"attachments/{quote(event, safe='')}/0"
        seeded._items = seeded._stored()
        return seeded

    def configure(self, kind: str, name: str, **values: Any) -> None:
        table = self.world.stack.environment["CONFIG_TABLE"]
        item = to_item({"pk": kind, "sk": name, **({"id": name} if kind == "INBOX" else {}), **values})
        self.world.stack.clients.dynamodb.put_item(TableName=table, Item=item)
        config.clear()

    def permit(self, sub: str, **inboxes: str) -> None:
        self.configure("AGENT", sub, email=f"{sub}@example.org", inboxes=inboxes)

    @property
    def thread(self) -> str:
        return thread_name(self.pk)

    @property
    def number(self) -> str:
        return ticket_number(self.pk.rpartition("#")[2], self.head().episode)

    def head(self) -> ThreadHead:
        found = self.world.threads.head(self.pk)
        assert found
        return found

    def set_back(self, owner: str | None, status: str = "open", *, held: bool = True) -> None:
        """All as planted, but the thread is this agent's, or nobody's; on demand without the reply that is held."""
        dynamodb, table = self.world.stack.clients.dynamodb, self.world.threads.table
        head = (self.pk, "#")
        planted = {**self._items, head: self._given_to(owner, status, self._items[head])}
        if not held:
            del planted[(self.pk, outbound_key(self.held))]
            planted[head].pop("last_outbound")
        stored = self._stored()
        for key in stored.keys() - planted.keys():
            dynamodb.delete_item(TableName=table, Key=to_item(dict(zip(("pk", "sk"), key, strict=True))))
        for key, item in planted.items():
            if stored.get(key) != item:
                dynamodb.put_item(TableName=table, Item=item)

    def _given_to(self, owner: str | None, status: str, head: dict[str, Any]) -> dict[str, Any]:
        plain = {name: value for name, value in from_item(head).items() if name not in ("owner", "kept_for")}
        if status == "resolved":
            plain = {name: value for name, value in plain.items() if name not in ("work_pk", "work_sk")}
        claim = {"owner": owner, "lease_until": self.world.now_ms + LEASE_MS} if owner else {}
        return to_item({**plain, **claim, "status": status})

    def _stored(self) -> dict[tuple[str, str], dict[str, Any]]:
        found = self.world.stack.clients.dynamodb.scan(TableName=self.world.threads.table)["Items"]
        return {(str(item["pk"]["S"]), str(item["sk"]["S"])): dict(item) for item in found}
