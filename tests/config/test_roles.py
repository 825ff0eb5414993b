"""The three roles, right by right: a new right is given to somebody here or to nobody."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from config.roles import APPROVALS, APPROVER, AUDITOR, OPERATOR, OUR_APPS, lay_down_groups

pytestmark = pytest.mark.django_db

WORK = {
    "bankfeeds.add_connection",
    "bankfeeds.add_exportcomparison",
    "bankfeeds.add_linenote",
    "bankfeeds.backfill",
    "bankfeeds.change_connection",
    "bankfeeds.change_finding",
    "bankfeeds.change_pull",
    "bankfeeds.pause_connection",
    "bankfeeds.pull_now",
    "bankfeeds.reset_bankhost",
    "bankfeeds.resolve_finding",
    "bankfeeds.retry_pull",
    "bankfeeds.retry_rejectedline",
    "certificates.acknowledge_notice",
    "certificates.assign_keypair",
    "certificates.change_approval",
    "certificates.change_keypair",
    "certificates.change_notice",
    "certificates.change_noticemail",
    "certificates.compromise_keypair",
    "certificates.install_certificate",
    "certificates.prove_keypair",
    "certificates.reject_keypair",
    "certificates.request_approval",
    "certificates.request_keypair",
    "certificates.resend_noticemail",
    "certificates.retire_keypair",
    "certificates.submit_keypair",
    "onboarding.add_accountmanager",
    "onboarding.add_contact",
    "onboarding.add_customer",
    "onboarding.add_project",
    "onboarding.attach_connection",
    "onboarding.cancel_project",
    "onboarding.change_accountmanager",
    "onboarding.change_contact",
    "onboarding.change_customer",
    "onboarding.change_message",
    "onboarding.change_portallink",
    "onboarding.change_project",
    "onboarding.complete_step",
    "onboarding.hand_over_step",
    "onboarding.hold_project",
    "onboarding.issue_portallink",
    "onboarding.record_evidence",
    "onboarding.remove_contact",
    "onboarding.reopen_step",
    "onboarding.resend_message",
    "onboarding.reveal_contact",
    "onboarding.revoke_portallink",
}


def rights(group: str) -> set[str]:
    found = Permission.objects.filter(group__name=group).select_related("content_type")
    return {f"{right.content_type.app_label}.{right.codename}" for right in found}


def views() -> set[str]:
    found = Permission.objects.filter(content_type__app_label__in=OUR_APPS, codename__startswith="view_")
    return {
        f"{right.content_type.app_label}.{right.codename}" for right in found.select_related("content_type")
    }


def test_the_auditor_reads_everything_and_does_nothing() -> None:
    assert rights(AUDITOR) == views()


def test_the_operator_works() -> None:
    assert rights(OPERATOR) == WORK | views() - {"audit.view_auditentry"}


def test_the_approver_works_and_approves() -> None:
    assert rights(APPROVER) == rights(OPERATOR) | APPROVALS


def test_nobody_but_the_administrator_holds_rights_over_people_roles_sessions_or_the_queue() -> None:
    apps = Permission.objects.filter(group__isnull=False).values_list("content_type__app_label", flat=True)
    assert {*apps} == {*OUR_APPS}


def test_no_row_of_ours_can_be_deleted_by_a_right() -> None:
    found = Permission.objects.filter(content_type__app_label__in=OUR_APPS, codename__startswith="delete_")
    assert list(found) == []


def test_sealed_rows_and_codes_have_no_rights_at_all() -> None:
    hidden = ("keyenvelope", "kekcanary", "contactdetails", "portalcode", "chainhead", "monitorrun")
    assert list(Permission.objects.filter(content_type__model__in=hidden)) == []


def test_a_right_given_by_hand_to_a_role_does_not_outlast_a_migration() -> None:
    extra = Permission.objects.get(codename="waive_step")
    Group.objects.get(name=OPERATOR).permissions.add(extra, Permission.objects.get(codename="change_user"))
    call_command("migrate", verbosity=0)
    assert rights(OPERATOR) & {"onboarding.waive_step", "auth.change_user"} == set()


def test_an_approval_that_names_no_right_stops_the_laying_down(monkeypatch: Any) -> None:
    monkeypatch.setattr("config.roles.APPROVALS", APPROVALS | {"onboarding.renamed"})
    with pytest.raises(LookupError, match=r"onboarding\.renamed"):
        lay_down_groups()


def test_members_stay_members_when_the_roles_are_laid_down_again(people: dict[str, Any]) -> None:
    lay_down_groups()
    assert [*people["operator"].groups.values_list("name", flat=True)] == [OPERATOR]
