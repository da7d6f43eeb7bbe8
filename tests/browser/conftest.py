"""The agents' page in Debian's Chromium, against the whole local stack, served. Nothing else is reached."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sends
from afterhours import settings
from afterhours.stores import config, secrets
from afterhours_local import resources, sandbox
from afterhours_local.stack import LocalStack
from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright
from world import ANA, OPEN, PASSWORD, World

ARTEFACTS = Path(__file__).with_name("artefacts")
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
# Tells of what the policy stopped where a test can read it: the console.
TELL_OF_REPORTS = """addEventListener("securitypolicyviolation", (event) =>
    console.error("CSP report", event.violatedDirective, event.blockedURI, event.sample))"""


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[LocalStack, sandbox.Sandbox, list[dict[str, object]]]]:
    with LocalStack(sandbox.TEMPLATE, clock=OPEN) as stack:
        stack.clients.dynamodb.update_time_to_live(  # the engine deletes by the real clock what lives under this one
            TableName=stack.environment["THREADS_TABLE"],
            TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": False},
        )
        with sandbox.playing(stack, sandbox.SAMPLES / "afterhours.yaml", sandbox.sample_environment()) as playing:
            items = stack.clients.dynamodb.scan(TableName=stack.environment["CONFIG_TABLE"])["Items"]
            yield stack, playing, items


@pytest.fixture
def world(served: tuple[LocalStack, sandbox.Sandbox, list[dict[str, object]]]) -> World:
    stack, playing, configured = served
    stack.clock.set_to(OPEN)
    resources.empty(stack.template, stack.clients, stack.made)
    puts = [{"PutRequest": {"Item": item}} for item in configured]
    stack.clients.dynamodb.batch_write_item(RequestItems={stack.environment["CONFIG_TABLE"]: puts})
    settings.load.cache_clear()
    config.clear()
    secrets.clear()
    sends.breaker.cache_clear()
    playing.graph.forget()
    return World(playing)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    found = os.environ.get("AFTERHOURS_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "no chromium here: install Debian's, or say where it is with AFTERHOURS_CHROMIUM"
    root = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=root)
        yield browser
        browser.close()


@dataclass
class Window:
    """An agent's browser, and everything that should not have happened in it."""

    page: Page
    world: World
    dialogs: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        self.page.on(
            "console", lambda said: self.errors.append(said.text) if said.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.context.on("request", lambda request: self.requests.append(request.url))

    @property
    def foreign(self) -> list[str]:
        ours = {urlsplit(url).netloc for url in (self.world.stack.url, self.world.stack.engine.url)}
        return [url for url in self.requests if urlsplit(url).scheme != "blob" and urlsplit(url).netloc not in ours]

    @property
    def troubles(self) -> list[str]:
        """Dialogs, reports of the policy and of Trusted Types, script errors, requests to elsewhere; not a refusal of
        the API, which the browser notes as well."""
        said = [each for each in self.errors if not each.startswith("Failed to load resource")]
        return [*self.dialogs, *said, *self.foreign]

    def find(self, role: str, name: str) -> Locator:
        return self.page.get_by_role(role, name=name, exact=True)  # type: ignore[arg-type]

    def press(self, name: str) -> None:
        self.find("button", name).click()

    def sees(self, text: str) -> None:
        """Waits until it is there."""
        self.page.get_by_text(text).first.wait_for()

    def visit(self) -> None:
        self.page.goto(f"{self.world.stack.url}/inbox")

    def at_the_hosted_page(self, email: str) -> None:
        self.page.fill("input[name=username]", email)
        self.page.click("button[type=submit]")
        self.page.fill("input[name=password]", PASSWORD)
        self.page.click("button[type=submit]")

    def sign_in(self, email: str = ANA) -> None:
        self.visit()
        self.press("Sign in")
        self.at_the_hosted_page(email)
        self.find("button", "Pull next").wait_for()

    def pull(self) -> None:
        self.press("Pull next")
        self.page.locator(".timeline .entry").first.wait_for()

    def write(self, text: str) -> None:
        self.page.get_by_label("Reply to").fill(text)

    def composes(self, text: str) -> None:
        """Waits until this stands in the box, and nothing else."""
        self.page.wait_for_function("text => document.querySelector('#text').value === text", arg=text)

    def keep(self, name: str) -> None:
        """A picture to look at."""
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTEFACTS / f"{name}.png")


Open = Callable[..., Window]


@pytest.fixture
def open_window(world: World, chromium: Browser) -> Iterator[Open]:
    contexts: list[BrowserContext] = []

    def opened(email: str | None = ANA, *, size: dict[str, int] = DESK, dark: bool = False) -> Window:
        context = chromium.new_context(
            viewport={"width": size["width"], "height": size["height"]},
            color_scheme="dark" if dark else "light",
            locale="en-GB",
            timezone_id="Europe/Zagreb",
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        context.clock.install(time=world.stack.clock.now())
        context.add_init_script(TELL_OF_REPORTS)
        window = Window(context.new_page(), world)
        if email:
            world.stack.user_pool.add_user(email, PASSWORD)
            window.sign_in(email)
        return window

    yield opened
    for context in contexts:
        context.close()
