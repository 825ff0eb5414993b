"""What needs a person now: the right rows, in order, for those who may see them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bankfeeds import operations as feeds
from bankfeeds.models import Connection, Finding, Pull
from certificates import operations as certificates
from certificates.models import Act, MonitorRun, NoticeMail
from onboarding import operations, queries
from onboarding.models import Message
from tests.certificates.authority import Authority, pem
from tests.certificates.two_people import ask
from tests.onboarding.roads import OPS, Road, begin, moment


def kinds(user: Any, now: datetime) -> list[tuple[str, str]]:
    return [(row.kind, row.subject) for row in queries.what_needs_me_now(user, now=now)]


def test_every_kind_of_row_in_order_of_consequence(people: dict[str, Any], connection: Connection) -> None:
    start = moment(6, 1)
    late = begin(start, "LATE KETTLE")
    bank = begin(start, "BANK KETTLE").to_bank(start, connection)
    silent = begin(start, "SILENT KETTLE").to_kickoff(start)
    held = begin(start, "HELD KETTLE")
    held.act("hold_project", start, reason="They move.", review_on=moment(6, 20).date())
    now = moment(7, 2)
    fresh = begin(now, "FRESH KETTLE")
    operations.send_pending_messages(now=now)
    Message.objects.filter(project=late.pk).update(state="failed")
    operations.remove_contact(pk=fresh.operator.pk, actor=OPS, now=now)
    Finding.objects.create(
        connection=connection, kind="broken_day", key="k", sentence="3 June does not foot.", opened_at=now
    )
    rows = queries.what_needs_me_now(people["operator"], now=now)
    assert [(row.kind, row.subject.split(":")[0]) for row in rows] == [
        ("Our turn, overdue", "LATE KETTLE"),
        ("Open finding", "harbor-kettle"),
        ("Our turn", "FRESH KETTLE"),
        ("Mail failed", "J.P. Morgan accounts of LATE KETTLE"),
        ("Bank beyond its usual time", "BANK KETTLE"),
        ("Customer silent", "SILENT KETTLE"),
        ("Hold to review", "J.P. Morgan accounts of HELD KETTLE"),
        ("Nobody gets mail", "J.P. Morgan accounts of FRESH KETTLE"),
    ]
    assert rows[4].reason == "With J.P. Morgan for 22 business days; usual are 5 to 20."
    assert (rows[4].action, rows[4].age, rows[4].holder) == (
        "Ask the customer to chase the bank",
        "22 business days",
        "bank",
    )
    assert silent.pk != bank.pk
    assert queries.what_needs_me_now(people["outsider"], now=now) == []


def test_whoever_may_decide_is_told_what_others_asked_for(people: dict[str, Any], now: datetime) -> None:
    key = certificates.generate_csr(scope="connection:x", use="oauth", environment="test", actor=OPS, now=now)
    certificates.reject_key(pk=key.pk, actor=OPS, now=now)
    asked = ask(Act.DESTROY, key, by=people["approver"], now=now, reason="Not needed any more.")
    later = now + timedelta(hours=2)
    rows = {name: queries.what_needs_me_now(person, now=later) for name, person in people.items()}
    assert {name: len(found) for name, found in rows.items() if found} == {"admin": 1}
    (row,) = rows["admin"]
    assert (row.kind, row.subject, row.url, row.reason, row.age, row.action) == (
        "Approval wanted",
        f"Destroy a private key: {key.common_name}",
        f"/admin/certificates/approval/{asked.pk}/change/",
        "Somebody asked: Not needed any more.",
        "70 hours left",
        "Allow or decline",
    )


def test_acting_removes_the_row(people: dict[str, Any], road: Road, now: datetime) -> None:
    assert [kind for kind, _ in kinds(people["operator"], now)] == ["Our turn"]
    road.act("hand_over", now, number=1, to="customer")
    assert kinds(people["operator"], now) == []


def test_a_mail_nobody_sends_is_shown(people: dict[str, Any], road: Road, now: datetime) -> None:
    later = now + timedelta(minutes=16)
    assert "Mail waiting" in [kind for kind, _ in kinds(people["operator"], later)]


def test_the_number_of_queries_does_not_grow_with_the_projects(
    people: dict[str, Any], road: Road, now: datetime, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        begin(now, f"HARBOR KETTLE {number}")
    with django_assert_max_num_queries(20):
        assert len(queries.what_needs_me_now(people["operator"], now=now)) == 7


def test_a_failing_feed_and_an_ending_certificate_are_rows(
    people: dict[str, Any], connection: Connection, now: datetime
) -> None:
    key = feeds.generate_csr(connection=connection, actor=OPS, now=now)
    root = Authority("Harbour Test Root (not a bank)")
    leaf = root.sign(key.csr_pem, ends=now + timedelta(days=12))
    feeds.install_certificate(connection=connection, material=pem(leaf, root.certificate), actor=OPS, now=now)
    Pull.objects.create(
        account=connection.accounts.get(),
        kind="requested",
        state="failed",
        reason="The bank refused the token.",
        today=now.date(),
        requested_by="test",
        requested_at=now,
    )
    Finding.objects.create(
        connection=connection, kind="bank_refused", key="k", sentence="The bank refused.", opened_at=now
    )
    rows = queries.what_needs_me_now(people["operator"], now=now)
    assert [(row.kind, row.reason) for row in rows] == [
        ("Feed failing", "The bank refused the token."),
        ("Certificate ending", "Ends on 15 Jun 2026; no successor is active and proven."),
    ]
    MonitorRun.objects.create(at=now + timedelta(days=6))
    urgent = queries.what_needs_me_now(people["operator"], now=now + timedelta(days=6))
    assert [row.kind for row in urgent] == ["Certificate ending", "Feed failing"]
    assert all(row.url.startswith("/admin/") and row.action and row.consequence for row in rows)


def test_the_button_of_an_ending_certificate_is_the_next_act_of_its_renewal(
    people: dict[str, Any], connection: Connection, now: datetime
) -> None:
    root = Authority("Harbour Test Root (not a bank)")

    def request() -> Any:
        return feeds.generate_csr(connection=connection, actor=OPS, now=now)

    def install(key: Any, days: int) -> None:
        leaf = root.sign(key.csr_pem, ends=now + timedelta(days=days))
        material = pem(leaf, root.certificate)
        fresh = Connection.objects.get(pk=connection.pk)
        feeds.install_certificate(connection=fresh, material=material, actor=OPS, now=now)

    def row() -> tuple[str, str]:
        found = [
            item for item in queries.what_needs_me_now(people["operator"], now=now) if "Cert" in item.kind
        ]
        return (found[0].action, found[0].holder) if found else ("", "")

    install(request(), 12)
    said = [row()]
    new = request()
    said.append(row())
    certificates.mark_submitted(pk=new.pk, actor=OPS, now=now)
    said.append(row())
    install(new, 300)
    said.append(row())
    certificates.record_proof(pk=new.pk, proven="It let us in.", actor=OPS, now=now)
    said.append(row())
    certificates.activate_key(pk=new.pk, actor=OPS, now=now)
    said.append(row())
    assert said == [
        ("Request a new certificate", "us"),
        ("Submit it to the bank", "us"),
        ("Wait for the bank, then install", "bank"),
        ("Prove it at the bank", "us"),
        ("Activate", "us"),
        ("", ""),
    ]


def test_a_monitor_that_stopped_stands_above_everything(
    people: dict[str, Any], road: Road, now: datetime
) -> None:
    MonitorRun.objects.create(at=now - timedelta(hours=27))
    rows = queries.what_needs_me_now(people["operator"], now=now)
    assert [(row.kind, row.rank) for row in rows] == [("Certificate monitor stopped", 0), ("Our turn", 4)]
    assert rows[0].reason == "It has not run since 2026-06-02 09:00 UTC."


def test_a_certificate_mail_that_did_not_get_out_is_a_row(people: dict[str, Any], now: datetime) -> None:
    MonitorRun.objects.create(at=now)
    for number, (state, hours) in enumerate(
        [("failed", 0), ("sending", 1), ("queued", 4), ("queued", 2), ("sent", 9)]
    ):
        before = now - timedelta(hours=hours)
        NoticeMail.objects.create(
            topic=f"digest:{number}", role="ops", state=state, subject=state, text="-", queued_at=before,
            sending_at=before, sent_at=before,
        )  # fmt: skip
    found = set(kinds(people["operator"], now))
    assert found == {("Mail failed", "failed"), ("Mail cut off", "sending"), ("Mail waiting", "queued")}
