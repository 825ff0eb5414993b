"""Metrics: right numbers for who shows the token, nothing at all for anybody else."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audit.recording import Actor
from bankfeeds import queries as feeds
from bankfeeds.models import BankHost, Heartbeat, Outage
from certificates import operations
from certificates.models import Approval, MonitorRun, NoticeMail
from config import metrics
from tests.bankfeeds.test_lateness import DUE, LATE, feed
from tests.certificates.conftest import install, issuing, request_key, root

__all__ = ["install", "issuing", "request_key", "root"]

TOKEN = "obviously-a-test-token-0123456789"
LINE = re.compile(r'(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="(\\.|[^"\\\n])*",?)*\})? -?\d+)\Z')


def test_every_figure(install: Any, now: datetime, actor: Actor) -> None:
    operations.watch_expiry(now=now)
    certificate = install(signing={"ends": now + timedelta(days=30)})
    key = certificate.key
    operations.record_proof(pk=key.pk, proven="It let us in.", actor=actor, now=now)
    Heartbeat.objects.create(name=feeds.WORKER, at=now - timedelta(minutes=1))
    shut = BankHost.objects.create(name="api.bank.example:443", state="open")
    BankHost.objects.create(name="login.bank.example:443")
    Outage.objects.create(host=shut, began_at=now - timedelta(minutes=1), sentence="Not reached.")
    for number, state in enumerate(["queued", "queued", "failed", "dropped"]):
        NoticeMail.objects.create(
            topic=f"notice:{number}", role="ops", state=state, subject="x", text="x", queued_at=now
        )
    Approval.objects.create(
        act="destroy", key=key, target="x", seen="0" * 64, requested_by="user:1", requested_at=now,
        expires_at=now + timedelta(days=1), reason="Not needed.",
    )  # fmt: skip
    found = [line for line in "".join(metrics.expose(now=now)).splitlines() if not line.startswith("#")]
    at = int(now.timestamp())
    labels = f'{{key="{key.pk}",use="oauth",environment="test",state="active"}}'
    assert found == [
        f"lockkeeper_certificate_end_timestamp_seconds{labels} {at + 30 * 86400}",
        f"lockkeeper_key_proven_timestamp_seconds{labels} {at}",
        f"lockkeeper_certificate_monitor_run_timestamp_seconds {at}",
        'lockkeeper_certificate_mails{state="queued"} 2',
        'lockkeeper_certificate_mails{state="sending"} 0',
        'lockkeeper_certificate_mails{state="failed"} 1',
        'lockkeeper_sealed_keys{provider="env",version="test1"} 1',
        "lockkeeper_approvals_waiting 1",
        'lockkeeper_bank_host_shut{host="api.bank.example:443"} 1',
        'lockkeeper_bank_host_shut{host="login.bank.example:443"} 0',
        f'lockkeeper_bank_outage_begin_timestamp_seconds{{host="api.bank.example:443"}} {at - 60}',
        'lockkeeper_bank_outage_feeds_waiting{host="api.bank.example:443"} 0',
        f"lockkeeper_worker_heartbeat_timestamp_seconds {at - 60}",
        "lockkeeper_feed_accounts_late 0",
        "lockkeeper_feed_late_oldest_proven_timestamp_seconds 0",
    ]
    later = "".join(metrics.expose(now=now + timedelta(days=1)))
    assert "lockkeeper_approvals_waiting 0\n" in later


def test_late_feeds_are_counted_with_the_one_furthest_behind(db: None) -> None:
    feed("pppp", last=DUE - timedelta(days=1))
    feed("pppp", last=DUE - timedelta(days=4))
    feed("pppp")
    text = "".join(metrics.expose(now=LATE))
    furthest = int(datetime(2026, 5, 29, tzinfo=UTC).timestamp())
    assert "lockkeeper_feed_accounts_late 2\n" in text
    assert f"lockkeeper_feed_late_oldest_proven_timestamp_seconds {furthest}\n" in text


def test_what_never_was_is_zero(install: Any, now: datetime) -> None:
    install()
    text = "".join(metrics.expose(now=now))
    assert (" 0\n" in text.partition("key_proven_timestamp_seconds{")[2], "harbor" in text) == (True, False)
    for name in ("certificate_monitor_run_timestamp_seconds", "worker_heartbeat_timestamp_seconds"):
        assert f"lockkeeper_{name} 0\n" in text
    assert MonitorRun.objects.count() == 0


def test_every_line_is_one_a_scraper_understands(install: Any, now: datetime, monkeypatch: Any) -> None:
    install()
    odd = {("aws", 'a"b\\c\nd'): 3}
    monkeypatch.setattr("certificates.queries.envelopes_per_version", lambda: odd)
    text = "".join(metrics.expose(now=now))
    assert 'lockkeeper_sealed_keys{provider="aws",version="a\\"b\\\\c\\nd"} 3\n' in text
    assert [line for line in text.splitlines() if not LINE.match(line)] == []
    assert text.endswith("\n")


def test_who_shows_the_token_reads_and_nothing_keeps_a_copy(client: Any, db: None, settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    response = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert (response.status_code, response["Content-Type"]) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
    )
    assert "no-store" in response["Cache-Control"]
    assert response.content.startswith(b"# HELP lockkeeper_certificate_end_timestamp_seconds ")
    assert client.post("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 405


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("", None), ("", "Bearer "), ("", f"Bearer {TOKEN}"), (TOKEN, None), (TOKEN, "Bearer "), (TOKEN, TOKEN),
        (TOKEN, f"Basic {TOKEN}"), (TOKEN, f"Bearer {TOKEN}x"), (TOKEN, f"Bearer {TOKEN[:-1]}"), (TOKEN, "Bearer é"),
    ],
)  # fmt: skip
def test_for_anybody_else_the_page_does_not_exist(
    client: Any, db: None, settings: Any, token: str, shown: str | None
) -> None:
    settings.METRICS_TOKEN = token
    response = client.get("/metrics", headers={"authorization": shown} if shown is not None else {})
    nowhere = client.get(f"/{uuid.uuid4()}")
    assert (response.status_code, "no-store" in response["Cache-Control"]) == (404, True)
    assert response.content == nowhere.content
