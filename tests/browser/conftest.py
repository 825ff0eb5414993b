"""A real Chromium that may talk to the live server only; any breach of the content policy fails the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Route, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, NARROW = 1280, 320
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@dataclass
class Guard:
    """What pages did that they must not do: requests to other hosts, breaches of the policy, script errors."""

    origin: str
    strangers: list[str] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        context.route("**/*", self._let_through)
        context.on("console", self._read)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))

    def _let_through(self, route: Route, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"data", "blob"} or f"{address.scheme}://{address.netloc}" == self.origin:
            route.continue_()
        else:
            self.strangers.append(request.url)
            route.abort()

    def _read(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
            self.breaches.append(message.text)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.fail(
            f"{CHROMIUM} is missing: the browser tests need Debian's chromium package.", pytrace=False
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def guard(live_server: Any) -> Iterator[Guard]:
    watching = Guard(live_server.url)
    yield watching
    assert watching == Guard(live_server.url)


@pytest.fixture
def open_context(chromium: Browser, guard: Guard) -> Iterator[Callable[..., BrowserContext]]:
    """Return a function that opens a guarded browser context; keywords go to Playwright."""
    contexts: list[BrowserContext] = []

    def open_one(*, width: int = WIDE, **options: Any) -> BrowserContext:
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, reduced_motion="reduce", **options
        )
        context.set_default_timeout(10_000)
        guard.watch(context)
        contexts.append(context)
        return context

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_context: Callable[..., BrowserContext]) -> Page:
    return open_context().new_page()


@pytest.fixture
def sign_in(live_server: Any, people: dict[str, Any]) -> Callable[[BrowserContext, str], None]:
    """Return a function that gives a context the session of one of ``people``."""

    def give_session(context: BrowserContext, name: str) -> None:
        client = Client()
        client.force_login(people[name])
        value = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": live_server.url}])

    return give_session


def sideways(page: Page) -> int:
    """Return by how many pixels the page is wider than its window."""
    width: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return max(0, width)


def violations(page: Page) -> list[str]:
    """Return every WCAG 2.2 AA violation axe finds, as "impact rule: target"."""
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}}).response["violations"]
    return [f"{v['impact']} {v['id']}: {node['target']}" for v in found for node in v["nodes"]]


def serious(page: Page) -> list[str]:
    """Return the violations that keep a person out or in the dark."""
    return [line for line in violations(page) if line.startswith(("serious", "critical"))]
