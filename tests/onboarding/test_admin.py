"""The console: each act through its button, by whom it may be done, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditEntry
from onboarding import queries
from onboarding.models import Contact, Customer, Message, PortalLink, Project
from tests.onboarding.roads import Road, begin


def page(row: Any) -> str:
    return reverse(f"admin:onboarding_{row._meta.model_name}_change", args=[row.pk])


def act(row: Any, name: str) -> str:
    return reverse(f"admin:onboarding_{row._meta.model_name}_do", args=[row.pk, name])


@pytest.fixture
def road(db: Any) -> Road:
    return begin(timezone.now() - timedelta(days=2))


PERSON = {"name": "Pat Person", "email": "pat@kettle.example", "phone": ""}


def test_an_operator_takes_steps_1_and_2_by_buttons(as_: Any, road: Road) -> None:
    client = as_("operator")
    today = timezone.now().date().isoformat()
    for name, data in (
        ("platform", {"platform": "jpm_access"}),
        ("bank-rep", PERSON),
        ("signer", PERSON),
        ("complete-1", {}),
        ("kickoff", {"held_on": today}),
        ("portal-project", {"reference": "CC-900001-PORTAL"}),
        ("complete-2", {}),
    ):
        answer = client.post(act(road.project, name), data)
        assert (name, answer.status_code) == (name, 302)
    assert (road.fresh().state, road.states()) == (
        "technical_setup",
        ["done", "done", "ready", "ready", "not_ready", "not_ready"],
    )


def test_a_refused_completion_names_what_is_missing_and_changes_nothing(as_: Any, road: Road) -> None:
    entries = AuditEntry.objects.count()
    answer = as_("operator").post(act(road.project, "complete-1"))
    assert answer.status_code == 409
    html = answer.content.decode()
    assert "Missing: the customer&#x27;s answer that they use J.P. Morgan Access" in html
    assert "Missing: a person with signing authority on record" in html
    assert (road.states()[0], AuditEntry.objects.count()) == ("ready", entries)


def test_the_project_page_shows_steps_holder_age_and_next_action(as_: Any, road: Road) -> None:
    html = as_("operator").get(page(road.project)).content.decode()
    assert html.count('class="lk-step lk-step-') == 6
    assert "Customer: the customer&#x27;s answer that they use J.P. Morgan Access" in html
    assert "With us" in html
    assert "Record the bank platform" in html
    assert "olive@kettle.example" not in html
    assert "o•••@kettle.example" in html


def test_an_approvers_act_is_not_offered_to_and_not_taken_from_an_operator(as_: Any, road: Road) -> None:
    client = as_("operator")
    assert "Waive a step" not in client.get(page(road.project)).content.decode()
    answer = client.post(act(road.project, "waive"), {"number": 1, "reason": "I say so"})
    assert (answer.status_code, road.states()[0]) == (403, "ready")
    answer = as_("approver").post(act(road.project, "waive"), {"number": 1, "reason": "Checked before."})
    assert (answer.status_code, road.states()[0]) == (302, "waived")


@pytest.mark.parametrize("who", ["auditor", "outsider"])
def test_who_may_not_act_gets_no_button_and_no_answer(as_: Any, road: Road, who: str) -> None:
    client = as_(who)
    for name in ("platform", "complete-1", "hold", "cancel", "issue-link"):
        assert client.post(act(road.project, name), {}).status_code == 403
    if who == "auditor":
        assert "lk-act-success" not in client.get(page(road.project)).content.decode()
    else:
        assert client.get(page(road.project)).status_code == 403


def test_anonymous_access_goes_to_the_login(client: Any, road: Road) -> None:
    assert client.get(page(road.project)).status_code == 302
    assert client.post(act(road.project, "complete-1")).status_code == 302
    assert road.states()[0] == "ready"


def test_a_get_changes_nothing(as_: Any, road: Road) -> None:
    client = as_("operator")
    entries = AuditEntry.objects.count()
    for name in ("platform", "complete-1", "hold", "cancel", "issue-link"):
        assert client.get(act(road.project, name)).status_code == 200
    assert (road.fresh().state, AuditEntry.objects.count()) == ("requested", entries)


def test_the_reopening_shows_what_falls_before_it_is_confirmed(as_: Any, road: Road) -> None:
    road.to_setup(timezone.now())
    html = as_("operator").get(act(road.project, "reopen-2")).content.decode()
    assert "Must be done again: step 3, step 4. Kept: step 1." in html


def test_an_issued_link_is_shown_once(as_: Any, road: Road) -> None:
    client = as_("operator")
    answer = client.post(act(road.project, "issue-link"), {"contact_id": road.operator.pk})
    html = answer.content.decode()
    token = html.split("/status/")[1].split("/")[0]
    assert queries.status_for(token, now=timezone.now()) is not None
    assert "no-store" in answer["Cache-Control"]
    assert token not in client.get(page(road.project)).content.decode()


def test_a_customer_a_contact_and_a_project_are_added_by_operations(as_: Any, people: Any) -> None:
    client = as_("operator")
    client.post(
        reverse("admin:onboarding_customer_add"), {"name": "TEAPOT LANE LTD", "time_zone": "America/Chicago"}
    )
    customer = Customer.objects.get()
    given = {"customer": customer.pk, "role": "operator", "gets_mail": "on", **PERSON}
    assert client.post(reverse("admin:onboarding_contact_add"), given).status_code == 302
    answer = client.post(
        reverse("admin:onboarding_project_add"), {"customer": customer.pk, "title": "Main accounts"}
    )
    assert answer.status_code == 302
    assert Project.objects.get().steps.count() == 6
    assert Message.objects.get().milestone == "requested"
    assert set(AuditEntry.objects.values_list("verb", flat=True)) >= {
        "onboarding.customer_created",
        "onboarding.contact_added",
        "onboarding.project_requested",
    }


def test_a_refused_form_is_a_message_and_not_an_error(as_: Any, road: Road) -> None:
    given = {"customer": road.customer.pk, "title": road.project.title}
    answer = as_("operator").post(reverse("admin:onboarding_project_add"), given, follow=True)
    assert answer.status_code == 200
    assert Project.objects.count() == 1


def test_contacts_are_masked_until_a_purpose_is_given(as_: Any, road: Road) -> None:
    client = as_("operator")
    lists = client.get(reverse("admin:onboarding_contact_changelist")).content.decode()
    form = client.get(page(road.operator)).content.decode()
    for html in (lists, form):
        assert "Olive" not in html
        assert "olive@" not in html
    assert client.post(act(road.operator, "reveal"), {"reason": ""}).status_code == 400
    shown = client.post(act(road.operator, "reveal"), {"reason": "Call about the meeting"})
    assert "olive@kettle.example" in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    assert AuditEntry.objects.filter(verb="onboarding.contact_revealed").count() == 1


def test_a_contact_is_changed_without_being_shown(as_: Any, road: Road) -> None:
    given = {"role": "sponsor", "gets_mail": "on", "name": "", "email": "new@kettle.example", "phone": ""}
    assert as_("operator").post(page(road.operator), given).status_code == 302
    changed = Contact.objects.get(pk=road.operator.pk)
    assert (changed.role, changed.masked_email, changed.masked_name) == (
        "sponsor",
        "n•••@kettle.example",
        "O. O.",
    )


def test_a_link_is_revoked_with_a_reason(as_: Any, road: Road) -> None:
    link = PortalLink.objects.get()
    as_("operator").post(act(link, "revoke"), {"reason": "Left the firm."})
    assert PortalLink.objects.get().revoked_at is not None


def test_the_list_of_projects_asks_the_database_no_more_for_more_rows(
    as_: Any, road: Road, django_assert_max_num_queries: Any
) -> None:
    client = as_("operator")
    for number in range(8):
        begin(timezone.now(), f"HARBOR KETTLE {number}")
    client.get(reverse("admin:onboarding_project_changelist"))
    with django_assert_max_num_queries(16):
        html = client.get(reverse("admin:onboarding_project_changelist")).content.decode()
    assert html.count("Check the eligibility") == 9


def test_a_failed_mail_is_decided_by_a_person(as_: Any, road: Road) -> None:
    Message.objects.update(state="failed")
    message = Message.objects.get()
    client = as_("operator")
    assert "Send again" in client.get(page(message)).content.decode()
    client.post(act(message, "resend"), {"reason": "The mailbox is back."})
    assert Message.objects.get().state == "queued"
