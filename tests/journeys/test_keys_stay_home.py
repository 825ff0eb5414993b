"""Keys stay home: the whole road at log level DEBUG, and then every place a key could have gone is searched for it."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from django.apps import apps
from django.contrib import admin
from django.core import mail
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test import RequestFactory
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.views.debug import ExceptionReporter

from audit.recording import Actor
from bankfeeds.simulator import scenarios, server
from certificates import custody, identity
from certificates.models import KeyPair
from config.demonstration import people as staff
from config.demonstration.bank import BankDesk
from config.demonstration.road import Scene, Story
from config.logs import logging_settings
from onboarding import operations
from tests.detector import leaks

pytestmark = pytest.mark.django_db(transaction=True)

ROAD = ("ask", "prove_eligibility", "meet", "set_up", "name_admins", "approve", "install_and_pull", "go_live")
ACTOR = Actor.command("test")


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """Everything every logger says at DEBUG, both raw and as our own formatter writes it."""
    sink = io.StringIO()
    formatter = logging_settings(level="DEBUG", debug=False)["formatters"]["json"]
    raw, ours = logging.StreamHandler(sink), logging.StreamHandler(sink)
    ours.setFormatter(
        formatter["()"](processors=formatter["processors"], foreign_pre_chain=formatter["foreign_pre_chain"])
    )
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    for handler in (raw, ours):
        root.addHandler(handler)
    yield sink
    for handler in (raw, ours):
        root.removeHandler(handler)
    root.setLevel(before)


def test_no_key_is_found_anywhere_after_the_whole_road(
    logs: io.StringIO, client: Any, settings: Any, monkeypatch: Any
) -> None:
    story = walk_the_road()
    keys = [private_half(key) for key in KeyPair.objects.all()]
    assert len(keys) == 1

    sinks = {
        "the database": database(),
        "dumpdata": dumpdata(),
        "the logs": logs.getvalue().encode(),
        "the mails": "\n".join(str(message.message()) for message in mail.outbox).encode(),
        "the responses": responses(client, story),
        "the cache": repr(getattr(cache, "_cache", {})).encode(),
        "the debug page": debug_page(story, settings, monkeypatch),
        "what the keys' rows say of themselves": repr([(k, vars(k)) for k in KeyPair.objects.all()]).encode(),
    }
    assert [name for name, sink in sinks.items() if len(sink) == 0 and name != "the cache"] == []
    assert {name: found for name, sink in sinks.items() for key in keys if (found := leaks(key, sink))} == {}


def walk_the_road() -> Story:
    now = timezone.now()
    with server.BankServer(scenarios.build("plain", today=now.date(), history_days=6)) as bank:
        desk = BankDesk(bank.control_url)
        scene = Scene(staff=staff.hire(now=now), bank=desk, now=now, today=now.date(), api_host=bank.oauth_url,
                      token_url=bank.token_url)  # fmt: skip
        story = Story(scene, name="HARBOR KETTLE CO", number=1)
        for act in ROAD:
            getattr(story, act)(now)
            operations.send_pending_messages(now=now)
    return story


def private_half(key: KeyPair) -> RSAPrivateKey:
    with custody.unseal(key=key, actor=ACTOR, purpose="search", now=timezone.now()) as private:
        assert isinstance(private, RSAPrivateKey)
        return private


def database() -> bytes:
    """Return every cell of every table, and on SQLite the file as it lies on the disk."""
    parts: list[bytes] = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                parts += [bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row]
    if connection.vendor == "sqlite":
        with open(connection.settings_dict["NAME"], "rb") as file:
            parts.append(file.read())
    return b"\n".join(parts)


def dumpdata() -> bytes:
    said = io.StringIO()
    call_command("dumpdata", stdout=said)
    return said.getvalue().encode()


def responses(client: Any, story: Story) -> bytes:
    """Return every list and first object of the console as its most powerful user sees them, and the portal's page."""
    from django.contrib.auth.models import User

    client.force_login(User.objects.create_superuser("root", password="obviously-a-test-password"))
    bodies = [client.get(f"/status/{story.token}/").content, client.get("/admin/").content]
    for model in apps.get_models():
        if not admin.site.is_registered(model):
            continue
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        bodies.append(client.get(reverse(f"{base}_changelist")).content)
        first = model._default_manager.first()
        try:
            bodies.append(client.get(reverse(f"{base}_change", args=[first.pk])).content if first else b"")
        except NoReverseMatch:
            continue
    return b"\n".join(bodies)


def debug_page(story: Story, settings: Any, monkeypatch: Any) -> bytes:
    """Return Django's technical error pages for a failure in the middle of using a key, in both of its uses."""

    def full_disk(*_: Any, **__: Any) -> NoReturn:
        raise OSError("no space left for the anonymous file")

    settings.DEBUG = True
    key = KeyPair.objects.get(state="active")
    use: dict[str, Any] = {"key": key, "actor": ACTOR, "purpose": "test", "now": timezone.now()}
    pages = ""
    with monkeypatch.context() as patched:
        patched.setattr(identity, "_nameless_file", full_disk)
        pages += page_of(OSError, lambda: identity.tls_context(roots_pem=story.connection.trust_roots, **use))
    pages += page_of(TypeError, lambda: identity.sign(message=object(), **use))  # type: ignore[arg-type]
    return pages.encode()


def page_of(expected: type[Exception], act: Callable[[], object]) -> str:
    try:
        act()
    except expected:
        # This test's own frames are left out: only what the product's frames hold is on trial.
        kind, error, trace = sys.exc_info()
        assert trace is not None
        reporter = ExceptionReporter(RequestFactory().get("/"), kind, error, trace.tb_next)
        return str(reporter.get_traceback_html()) + str(reporter.get_traceback_text())
    raise AssertionError("nothing failed")
