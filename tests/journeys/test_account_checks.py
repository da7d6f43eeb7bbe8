"""`account check` of a stack: every account of the sample configuration, asked at the platforms that play it."""

import pytest
from afterhours import channels
from afterhours_local import account_checks
from afterhours_local.account_checks import Known
from afterhours_local.stack_config import Resources, StackConfig
from world import World

ASKED = {name for name in channels.CHANNELS if hasattr(channels.channel(name), "health")} - {"wechat"}


@pytest.fixture
def known(world: World) -> dict[str, Known]:
    """By channel, when the sweeper has had the tokens that are renewed."""
    world.stack.tick()
    resources = Resources.of(world.stack.stack_name, world.stack.outputs)
    found = account_checks.of_stack(StackConfig(resources, world.stack.clients, dry_run=True))
    return {each.account.channel: each for each in found}


def test_every_account_that_was_pushed_is_found_well(world: World, known: dict[str, Known]) -> None:
    now_s = world.now_ms // 1000
    found = {
        name: {one.what: one.ok for one in account_checks._with_the_platform(each, world.stack.url, now_s)}
        for name, each in known.items()
    }
    assert set(found) == set(channels.CHANNELS)
    assert {
        name for name, told in found.items() if told
    } == ASKED  # the sample's WeChat answers at once and has no token
    assert {ok for told in found.values() for ok in told.values()} == {True}
    delivered_here = {"telegram", "line", "viber", "tiktok", "tiktok_comments", "linkedin"}
    assert {name for name in delivered_here if "subscription" in found[name]} == delivered_here
