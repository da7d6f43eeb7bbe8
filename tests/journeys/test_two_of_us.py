"""Two Afterhours wired to each other: what one sends is what the other receives, and after a few messages both stop."""

import itertools
from datetime import timedelta

from afterhours.stores import config, secrets
from afterhours.stores.dynamo import to_item
from afterhours_local import config as configuration
from afterhours_local import config_push
from afterhours_local.platforms.graph import FakeAccount
from afterhours_local.sandbox import SAMPLES
from afterhours_local.stack_config import Resources, StackConfig
from world import WHATSAPP, World

FILES = ("hotel", "shop", "bank", "municipality", "night-clinic")
PAIRS = [*itertools.combinations_with_replacement(FILES, 2)]
OTHER = "106540352242999"
NUMBERS = {WHATSAPP: "385911111111", OTHER: "385912222222"}  # the phone numbers of the two accounts
AT_MOST = 3


class Wire:
    """Two WhatsApp numbers of two teams, and nobody else: each is the other's only customer."""

    def __init__(self, world: World, ours: str, theirs: str) -> None:
        self.world = world
        stack = world.stack
        self.target = StackConfig(Resources.of(stack.stack_name, stack.outputs), stack.clients, dry_run=False)
        inbox, account = config.inbox("support"), config.account("whatsapp", WHATSAPP)
        assert inbox is not None
        assert account is not None
        queue = self.target.human_queue("others")[1]
        self.put("INBOX", "support", inbox.model_copy(update={"playbook": ours}).model_dump())
        others = inbox.model_copy(update={"id": "others", "playbook": theirs, "queue_url": queue})
        self.put("INBOX", "others", others.model_dump())
        other = account.model_copy(update={"id": OTHER, "inbox": "others"})
        self.put("ACCOUNT", f"whatsapp#{OTHER}", other.model_dump(exclude_none=True))
        for name in {ours, theirs}:
            book = configuration.load_playbook(SAMPLES / f"{name}.playbook.yaml")
            config_push.push_playbook(book, self.target, stack.clock.now().date())
        token = "local-fake-other-token"
        self.target.parameter(f"token/whatsapp/{OTHER}", f'{{"token": "{token}"}}')
        sandbox = world.sandbox
        url = f"{stack.url}/hook/meta/main"
        sandbox.graph.register(FakeAccount("whatsapp", OTHER, token, sandbox.app_secret("main"), url))
        config.clear()
        secrets.clear()

    def put(self, pk: str, sk: str, fields: dict[str, object]) -> None:
        table = self.world.stack.environment["CONFIG_TABLE"]
        self.world.stack.clients.dynamodb.put_item(TableName=table, Item=to_item({"pk": pk, "sk": sk, **fields}))

    def carries(self, text: str, to: str = WHATSAPP) -> list[str]:
        """One of the two begins, and every text goes to the other side until nothing more comes: all that was said."""
        graph, said = self.world.sandbox.graph, [text]
        self._deliver(to, text)
        heard = len(graph.sent) - self.new()
        while fresh := graph.sent[heard:]:
            heard += len(fresh)
            for sent in fresh:
                assert sent.failed is None
                said.append(sent.text)
                assert len(said) <= 20, "they talk for ever"
                self.world.stack.clock.advance(timedelta(seconds=2))
                self._deliver(next(one for one in NUMBERS if one != sent.account), sent.text)
        return said
