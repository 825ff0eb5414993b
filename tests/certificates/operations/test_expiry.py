"""Each threshold is told once to each who should hear; nobody's silence goes unnoticed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import transaction

from audit.models import AuditEntry
from audit.recording import Actor
from audit.workflow import PermissionMissing
from certificates import operations
from certificates.models import Approval, Certificate, KeyPair, MonitorRun, Notice, NoticeMail
from tests.certificates.two_people import activate

Install = Callable[..., Certificate]
Run = Callable[[datetime], list[int]]
MONTH = {"ends": datetime.fromisoformat("2026-07-03T12:00:00+00:00")}  # 30 days after the tests' now
OPS, OWNER, BOSS = "ops@vendor.example", "owner@vendor.example", "boss@vendor.example"


def run(at: datetime) -> list[int]:
    """Run the monitor; return the thresholds it told."""
    return [notice.threshold for notice in operations.watch_expiry(now=at).new]


def mails(*, to: str = "", digests: bool = False) -> list[tuple[str, str]]:
    """Return (address, subject) of what was sent, digests left out."""
    found = [(message.to[0], message.subject) for message in mail.outbox]
    return [
        item for item in found if to in item[0] and (digests or not item[1].startswith("Certificates, week"))
    ]


@pytest.fixture
def ending(install: Install, people: Any) -> Certificate:
    """A certificate with an owner and 30 days left."""
    certificate = install(signing=MONTH)
    people["operator"].email = OWNER
    people["operator"].save()
    KeyPair.objects.filter(pk=certificate.key_id).update(owner=people["operator"])
    return certificate


def test_every_threshold_is_told_once_however_often_the_job_runs(ending: Certificate, now: datetime) -> None:
    told = [run(now + timedelta(hours=hours)) for hours in range(0, 32 * 24, 6)]
    assert [item for items in told for item in items] == [30, 14, 7, 1, 0]
    plain = [to for to, subject in mails() if not subject.startswith("[Escalation]")]
    assert sorted(plain) == [OPS] * 5 + [OWNER] * 5


def test_the_mail_says_which_certificate_ends_when_and_what_to_do(ending: Certificate, now: datetime) -> None:
    run(now)
    name = ending.key.common_name
    subject = f"Certificate ends on 2026-07-03: {name} (OAuth assertion, test)"
    assert mails() == [(OPS, subject), (OWNER, subject)]
    bodies = {message.body for message in mail.outbox if message.subject.startswith("Certificate ends")}
    assert bodies == {
        "A certificate ends soon, and nothing replaces it yet.\n\n"
        f"Common name: {name}\nUse: OAuth assertion\nEnvironment: test\nEnds: 2026-07-03 12:00 UTC\n\n"
        "What to do: Request a new certificate; it gets a key of its own.\n\n"
        f"http://localhost/admin/certificates/keypair/{ending.key_id}/renewal/\n"
    }


def test_a_pressing_mail_asks_for_an_answer(ending: Certificate, now: datetime, settings: Any) -> None:
    settings.ESCALATION_EMAIL = BOSS
    run(now + timedelta(days=31))
    told, pressing = (
        next(message.body for message in mail.outbox if message.to == [to]) for to in (OWNER, BOSS)
    )
    facts = (
        f"Common name: {ending.key.common_name}\nUse: OAuth assertion\nEnvironment: test\n"
        "Ended: 2026-07-03 12:00 UTC\n\n"
        "What to do: The certificate has ended, and the bank takes renewals only before the end. Call the bank, say "
        "that it has ended, then request a new certificate and submit it as a first one.\n\n"
        f"http://localhost/admin/certificates/keypair/{ending.key_id}/renewal/\n\n"
    )
    page = f"http://localhost/admin/certificates/notice/{Notice.objects.get(threshold=0).pk}/change/\n"
    assert told == (
        f"A certificate has ended: the bank does not let us in with it any more.\n\n{facts}"
        f"Say that you take care of it, or this is escalated:\n{page}"
    )
    assert pressing == (
        f"A certificate has ended, and nobody has said that they take care of it.\n\n{facts}"
        f"Say that somebody takes care of it:\n{page}"
    )


def test_a_name_with_a_line_break_or_an_ampersand_is_written_as_it_is(
    install: Install, now: datetime
) -> None:
    certificate = install(signing=MONTH)
    KeyPair.objects.filter(pk=certificate.key_id).update(common_name="harbor & kettle\nBcc: x@example.com")
    run(now)
    assert mails() == [
        (OPS, "Certificate ends on 2026-07-03: harbor & kettle Bcc: x@example.com (OAuth assertion, test)")
    ]


def test_ninety_days_before_nothing_is_to_be_done_yet(install: Install, now: datetime) -> None:
    install(signing={"ends": now + timedelta(days=90)})
    run(now)
    assert "What to do: nothing yet. Its renewal begins on 2026-07-03.\n" in mail.outbox[0].body


@pytest.mark.parametrize("fault", [{"email": ""}, {"is_active": False}])
def test_an_owner_who_cannot_be_mailed_leaves_it_to_operations(
    ending: Certificate, people: Any, now: datetime, fault: dict[str, Any]
) -> None:
    type(people["operator"]).objects.filter(pk=people["operator"].pk).update(**fault)
    run(now)
    assert [to for to, _ in mails()] == [OPS]


def test_an_owner_who_leaves_while_the_mail_waits_is_not_mailed(
    ending: Certificate, people: Any, now: datetime, settings: Any
) -> None:
    with silent_mail_server(settings):
        run(now)
    type(people["operator"]).objects.filter(pk=people["operator"].pk).update(is_active=False)
    run(now + timedelta(hours=1))
    dropped = NoticeMail.objects.get(role="owner")
    assert (mails(to=OWNER), dropped.state, dropped.problem) == (
        [], "dropped", "The owner has no address any more.",
    )  # fmt: skip


def test_without_an_address_the_ledger_is_kept_and_the_mail_waits(
    install: Install, now: datetime, settings: Any
) -> None:
    settings.OPS_EMAIL = ""
    install(signing=MONTH)
    assert (run(now), mail.outbox) == ([30], [])
    settings.OPS_EMAIL = OPS
    assert (run(now), len(mails(to=OPS))) == ([], 1)


def test_a_threshold_the_schedule_slept_over_is_written_as_superseded_by_the_nearer_one(
    ending: Certificate, now: datetime
) -> None:
    assert (run(now), run(now + timedelta(days=24))) == ([30], [7])
    rows = Notice.objects.order_by("-threshold").values_list("threshold", "superseded_by__threshold")
    assert list(rows) == [(30, None), (14, 7), (7, None)]
    assert len(mails(to=OWNER)) == 2
    entry = AuditEntry.objects.filter(verb="certificates.expiry_noticed").latest("number")
    assert (entry.subject_key, entry.actor_key, entry.data) == (
        str(ending.pk), "warn_expiring_certificates",
        '{"superseded":[14],"threshold":7,"to":["ops","owner"]}',
    )  # fmt: skip


def test_a_certificate_that_arrives_late_gets_the_notice_that_fits_and_no_others(
    install: Install, now: datetime
) -> None:
    install(signing={"ends": now + timedelta(days=20)})
    assert (run(now), Notice.objects.count(), len(mails())) == ([30], 1, 1)


def test_only_a_successor_that_is_active_and_proven_silences(
    install: Install, now: datetime, people: Any, actor: Actor
) -> None:
    operator = Actor.user(people["operator"])
    old = install(environment="production", by=operator, signing=MONTH)
    activate(old.key, people, now=now)
    new = install(environment="production", by=operator)
    told = [run(now)]
    operations.record_proof(pk=new.key.pk, proven="It let us in.", actor=actor, now=now)
    told.append(run(now + timedelta(days=17)))  # proven, but not active
    activate(new.key, people, now=now)
    KeyPair.objects.filter(pk=new.key.pk).update(proven_at=None)
    told.append(run(now + timedelta(days=24)))  # active, but not proven
    operations.record_proof(pk=new.key.pk, proven="It let us in.", actor=actor, now=now)
    told += [run(now + timedelta(days=days)) for days in (29, 30, 31)]
    assert told == [[30], [14], [7], [], [], []]


@pytest.mark.parametrize("other", [{"use": "transport"}, {"scope": "connection:kettle"}])
def test_a_proven_key_of_another_use_or_owner_silences_nothing(
    install: Install, now: datetime, actor: Actor, other: dict[str, str]
) -> None:
    install(signing=MONTH)
    stranger = install(other.pop("scope", "connection:harbor"), **other)
    operations.record_proof(pk=stranger.key.pk, proven="It let us in.", actor=actor, now=now)
    assert run(now) == [30]


@pytest.mark.parametrize("end", ["retire_key", "mark_compromised"])
def test_keys_out_of_use_are_not_spoken_of(install: Install, now: datetime, actor: Actor, end: str) -> None:
    getattr(operations, end)(pk=install(signing=MONTH).key.pk, actor=actor, now=now)
    assert run(now) == []


def test_an_unanswered_notice_is_escalated_once_and_the_sooner_the_nearer_the_end(
    ending: Certificate, now: datetime, settings: Any
) -> None:
    settings.ESCALATION_EMAIL = BOSS
    pressed = {}
    for hour in range(0, 32 * 24, 6):
        found = operations.watch_expiry(now=now + timedelta(hours=hour)).escalated
        pressed |= {notice.threshold: hour / 24 for notice in found}
    # 14 days before, and three days of silence; 7 days before, and one; when it ended, at once. The notice of the
    # last day was due for escalation when the certificate ended: the nearer one speaks for it.
    assert pressed == {14: 16 + 3, 7: 23 + 1, 0: 30}
    ends, ended = "ends on 2026-07-03", "has ended"
    assert [(to, subject.partition(":")[0]) for to, subject in mails(to=BOSS)] == [
        (BOSS, f"[Escalation] Certificate {words}") for words in (ends, ends, ended)
    ]


def test_without_an_escalation_address_operations_hear_of_it(ending: Certificate, now: datetime) -> None:
    run(now + timedelta(days=31))
    found = [subject.partition(":")[0] for _, subject in mails(to=OPS)]
    assert found == ["Certificate has ended", "[Escalation] Certificate has ended"]


def test_an_acknowledged_notice_is_not_escalated_but_a_nearer_one_asks_again(
    ending: Certificate, now: datetime, people: Any
) -> None:
    person = Actor.user(people["operator"])
    run(now + timedelta(days=16))
    notice = Notice.objects.get(threshold=14)
    operations.acknowledge_notice(pk=notice.pk, actor=person, now=now, reason="The request is with the bank.")
    notice.refresh_from_db()
    assert (notice.acknowledged_at, notice.acknowledged_by) == (now, f"user:{people['operator'].pk}")
    found = [operations.watch_expiry(now=now + timedelta(days=day)).escalated for day in (20, 23, 24)]
    assert [[item.threshold for item in items] for items in found] == [[], [], [7]]


def test_acknowledging_a_notice_answers_the_earlier_ones_too(
    ending: Certificate, now: datetime, people: Any
) -> None:
    for days in (16, 23):
        run(now + timedelta(days=days))
    nearest = Notice.objects.get(threshold=7)
    operations.acknowledge_notice(pk=nearest.pk, actor=Actor.user(people["operator"]), now=now)
    assert Notice.objects.filter(acknowledged_at=None).count() == 0
    assert operations.watch_expiry(now=now + timedelta(days=25)).escalated == []
    entry = AuditEntry.objects.filter(verb="certificates.expiry_acknowledged").get()
    assert (entry.actor_key, entry.data) == (str(people["operator"].pk), '{"threshold":7}')


def test_a_notice_is_acknowledged_by_a_person_with_the_right_and_once(
    ending: Certificate, now: datetime, people: Any
) -> None:
    run(now + timedelta(days=24))
    notice, superseded = Notice.objects.get(threshold=7), Notice.objects.get(threshold=14)
    for who in (Actor.task("x"), Actor.command("x"), Actor.user(people["auditor"])):
        with pytest.raises(PermissionMissing):
            operations.acknowledge_notice(pk=notice.pk, actor=who, now=now)
    person = Actor.user(people["operator"])
    with pytest.raises(operations.NoticeSettled, match="nearer notice"):
        operations.acknowledge_notice(pk=superseded.pk, actor=person, now=now)
    operations.acknowledge_notice(pk=notice.pk, actor=person, now=now)
    with pytest.raises(operations.NoticeSettled, match="already"):
        operations.acknowledge_notice(pk=notice.pk, actor=person, now=now)


def test_each_week_has_one_digest_whenever_the_job_runs_in_it(db: None, now: datetime) -> None:
    monday = datetime.fromisoformat("2026-06-08T00:10:00+00:00")
    sent = []
    for at in (
        now,
        now + timedelta(days=1),
        monday,
        monday + timedelta(hours=9),
        monday + timedelta(days=10),
    ):
        operations.watch_expiry(now=at)
        sent.append([subject for _, subject in mails(digests=True)][-1])
    assert sent == [
        f"Certificates, week 2026-W{week}: nothing ends within 90 days" for week in (23, 23, 24, 24, 25)
    ]
    assert len(mails(digests=True)) == 3


def test_the_digest_of_a_quiet_week_says_that_nothing_ends(db: None, now: datetime) -> None:
    operations.watch_expiry(now=now)
    (message,) = mail.outbox
    assert message.to == [OPS]
    assert message.body == (
        "Ending within 90 days, without a successor that is active and proven\nNothing ends.\n\n"
        "Keys without an owner who can be mailed\nNone.\n\n"
        "Keys never proven at the bank\nNone.\n\n"
        "Keys on standby that retire within a week\nNone.\n\n"
        "Acts that wait for a person\nNone.\n\n"
        "This comes every week, also when nothing is wrong. If it does not come, the monitor has stopped.\n"
        "http://localhost/admin/\n"
    )


def test_the_digest_lists_all_that_waits(
    install: Install, request_key: Any, now: datetime, actor: Actor, ending: Certificate
) -> None:
    new = install()  # replaces the one that ends, for 14 days
    KeyPair.objects.filter(pk=new.key.pk).update(proven_at=None)  # as active keys of old have it
    far = install("connection:kettle", signing={"ends": now + timedelta(days=80)})
    operations.record_proof(pk=far.key.pk, proven="It let us in.", actor=actor, now=now)
    Approval.objects.create(
        act="destroy", key=far.key, target="x", seen="0" * 64, requested_by="user:1", requested_at=now,
        expires_at=now + timedelta(days=9), reason="Not needed.",
    )  # fmt: skip
    NoticeMail.objects.create(
        topic="digest:x", role="ops", state="failed", subject="x", text="x", queued_at=now
    )
    operations.watch_expiry(now=now + timedelta(days=8))
    digest = next(m.body for m in mail.outbox if m.subject.startswith("Certificates, week"))
    old, replacing, other = (key.common_name for key in (ending.key, new.key, far.key))
    kind = "(OAuth assertion, test)"
    assert digest.startswith(
        "Ending within 90 days, without a successor that is active and proven\n"
        f"- {old} {kind}: ends 2026-07-03. Prove it at the bank.\n"
        f"- {other} {kind}: ends 2026-08-22. The renewal begins 60 days before.\n\n"
        "Keys without an owner who can be mailed\n"
        + "".join(f"- {name} {kind}: no owner\n" for name in sorted([replacing, other]))
        + "\nKeys never proven at the bank\n"
        + "".join(f"- {name} {kind}\n" for name in sorted([old, replacing]))
        + f"\nKeys on standby that retire within a week\n- {old} {kind}: 2026-06-17\n\n"
        f"Acts that wait for a person\n- destroy a private key: {other} (waiting for another person)\n\n"
        "1 mail about certificates did not get out: decide in the console.\n"
    )


def test_a_run_leaves_its_heartbeat_and_a_run_that_broke_off_leaves_none(
    ending: Certificate, now: datetime, monkeypatch: Any
) -> None:
    run(now)
    run(later := now + timedelta(hours=1))
    assert MonitorRun.objects.values_list("at", "watched", "noticed", "sent").get() == (later, 1, 0, 0)

    def break_off(**_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("certificates.operations.outbox.send_pending_mails", break_off)
    with pytest.raises(KeyboardInterrupt):
        run(now + timedelta(hours=2))
    assert MonitorRun.objects.get().at == later


def test_operations_are_alarmed_once_a_day_while_the_monitor_stands_still(
    ending: Certificate, now: datetime
) -> None:
    run(now)
    mail.outbox.clear()
    alarmed = [
        (operations.alarm_if_monitor_stopped(now=now + timedelta(hours=hours)), len(mail.outbox))
        for hours in (1, 26, 27, 28, 36, 40)
    ]
    assert alarmed == [(False, 0), (False, 0), (True, 1), (True, 1), (True, 2), (True, 2)]
    first = mail.outbox[0]
    assert (first.to, first.subject) == ([OPS], "The certificate monitor has stopped")
    assert first.body.startswith(
        "The monitor that warns of ending certificates has not run since 2026-06-03 12:00 UTC."
    )
    run(now + timedelta(hours=41))
    assert operations.alarm_if_monitor_stopped(now=now + timedelta(hours=42)) is False


def test_before_its_first_run_the_monitor_has_26_hours_from_the_first_certificate(
    request_key: Any, install: Install, now: datetime
) -> None:
    request_key()
    assert operations.alarm_if_monitor_stopped(now=now + timedelta(days=900)) is False
    install()
    alarmed = [operations.alarm_if_monitor_stopped(now=now + timedelta(hours=hours)) for hours in (26, 27)]
    assert alarmed == [False, True]


def test_nothing_is_mailed_inside_somebody_else_s_transaction(transactional_db: None, now: datetime) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        operations.watch_expiry(now=now)
    assert mail.outbox == []


def test_a_run_with_nothing_due_costs_a_few_queries_however_many_certificates(
    install: Install, now: datetime, django_assert_max_num_queries: Any
) -> None:
    for number in range(4):
        install(f"connection:harbor-{number}", signing={"ends": now + timedelta(days=10)})
    run(now)
    with django_assert_max_num_queries(12):
        assert run(now + timedelta(hours=1)) == []


class silent_mail_server:  # noqa: N801 - read as words
    """While this lasts, nothing listens where the mail server should be."""

    def __init__(self, settings: Any) -> None:
        self.settings, self.before = settings, settings.EMAIL_BACKEND

    def __enter__(self) -> None:
        self.settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        self.settings.EMAIL_HOST, self.settings.EMAIL_PORT = "127.0.0.1", 1

    def __exit__(self, *_: object) -> None:
        self.settings.EMAIL_BACKEND = self.before
