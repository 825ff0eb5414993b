"""Evidence or nothing: no step closes without its evidence, and a refusal leaves no trace."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.urls import reverse

from audit.models import AuditEntry
from onboarding import operations
from onboarding.models import Evidence, HandOver, Message, Project, Step
from tests.onboarding.stages import ACTOR, bring_to

MISSING = {
    1: [
        "the customer's answer that they use J.P. Morgan Access",
        "the customer's J.P. Morgan representative on record",
        "a person with signing authority on record",
    ],
    2: ["the date on which the kickoff meeting was held", "the project in J.P. Morgan's developer portal"],
    3: [
        "the certificate signing request submitted to J.P. Morgan",
        "API access for transaction details requested",
        "API access for account balances requested",
    ],
    4: [
        "a security administrator at the customer",
        "a stand-in for the customer's security administrator, or a recorded waiver",
        "a security administrator on our side",
        "a stand-in for our security administrator, or a recorded waiver",
    ],
    5: [
        "J.P. Morgan's approval on record",
        "the certificate from J.P. Morgan installed and in use",
        "the connection configured and in testing or active",
        "the first data booked for every account",
    ],
    6: [
        "every bank day proven by the bank's balances",
        "no finding open",
        "no line booked twice",
        "the customer's confirmation that the data is right",
    ],
}


def project_at(number: int, now: datetime) -> Project:
    project = bring_to("requested", now=now).project
    for earlier in range(1, number):
        if not (number == 4 and earlier == 3):
            operations.waive_step(
                pk=project.pk, number=earlier, actor=ACTOR, now=now, reason="Settled elsewhere."
            )
    return project


def everything() -> dict[str, Any]:
    """Return whatever a completion would touch: states, clocks, evidence, mails, audit."""
    return {
        "project": list(Project.objects.values()),
        "steps": list(Step.objects.order_by("pk").values()),
        "hand-overs": list(HandOver.objects.order_by("pk").values()),
        "evidence": list(Evidence.objects.order_by("pk").values()),
        "mails": list(Message.objects.order_by("pk").values()),
        "audit": AuditEntry.objects.count(),
    }


@pytest.mark.django_db
@pytest.mark.parametrize("number", range(1, 7))
def test_the_operation_refuses_and_names_what_is_missing(number: int, now: datetime) -> None:
    project = project_at(number, now)
    before = everything()
    with pytest.raises(operations.EvidenceMissing) as refusal:
        operations.complete_step(pk=project.pk, number=number, actor=ACTOR, now=now)
    assert refusal.value.missing == MISSING[number]
    assert everything() == before


@pytest.mark.django_db
@pytest.mark.parametrize("number", range(1, 7))
def test_the_console_refuses_and_names_what_is_missing(number: int, now: datetime, as_: Any) -> None:
    project = project_at(number, now)
    before = everything()
    address = reverse("admin:onboarding_project_do", args=[project.pk, f"complete-{number}"])
    answer = as_("operator").post(address)
    page = answer.content.decode().replace("&#x27;", "'")
    assert answer.status_code == 409
    assert [item for item in MISSING[number] if item not in page] == []
    assert everything() == before
