"""A fake of Meta whose deliveries are kept, for others to read."""

from afterhours_local.platforms.graph import FakeAccount, FakeGraph


def kept_in(posted: list[bytes], at_ms: int, *accounts: FakeAccount) -> FakeGraph:
    """With these accounts, at this time; the bodies go into `posted`."""

    def deliver(url: str, secret: str, body: bytes) -> int:
        posted.append(body)
        return 200

    fake = FakeGraph(lambda: at_ms, post=deliver)
    for account in accounts:
        fake.register(account)
    return fake
