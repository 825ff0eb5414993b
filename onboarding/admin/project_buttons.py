"""The acts on a project: those of a step stand with the step, the others at the top."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from audit.transitions import Button
from onboarding import links, operations
from onboarding.admin import forms
from onboarding.models import Project
from onboarding.models.step import CLOSED, OPEN


def issue_link(**values: Any) -> dict[str, str]:
    """Issue a link and return its address, to be shown once."""
    return {"address": links.address(operations.issue_portal_link(**values))}


def _states(project: Project) -> dict[int, str]:
    return {step.number: step.state for step in project.steps.all()}


def _open(number: int) -> Callable[[Project], bool]:
    return lambda project: project.under_way and _states(project)[number] in OPEN


def _closed(number: int) -> Callable[[Project], bool]:
    return lambda project: (
        (project.under_way or project.state == "live") and _states(project)[number] in CLOSED
    )


def _answerable(project: Project) -> bool:
    return project.state in ("requested", "ineligible")


def _evidence(name: str, label: str, operation: Callable[..., object], number: int, **more: Any) -> Button:
    given = {"permission": "onboarding.record_evidence", "when": _open(number), "style": "secondary", **more}
    return Button(name=name, label=label, operation=operation, **given)


def _ends(number: int) -> tuple[Button, ...]:
    return (
        Button(
            name=f"complete-{number}",
            label=f"Complete step {number}",
            operation=partial(operations.complete_step, number=number),
            permission="onboarding.complete_step",
            when=_open(number),
            style="success",
        ),
        Button(
            name=f"reopen-{number}",
            label=f"Reopen step {number}",
            operation=partial(operations.reopen_step, number=number),
            permission="onboarding.reopen_step",
            reason=True,
            when=_closed(number),
            style="danger",
        ),
    )


STEP_BUTTONS: dict[int, tuple[Button, ...]] = {
    1: (
        _evidence("platform", "Record the bank platform", operations.confirm_platform, 1, form=forms.PlatformForm,
                  when=_answerable),
        _evidence("bank-rep", "Name the J.P. Morgan representative", operations.name_bank_rep, 1,
                  form=forms.PersonForm),
        _evidence("signer", "Name the signing authority", operations.name_signer, 1, form=forms.PersonForm),
        *_ends(1),
    ),
    2: (
        _evidence("kickoff", "Record the meeting", operations.record_kickoff, 2, form=forms.KickoffForm),
        _evidence("portal-project", "Record the developer-portal project", operations.record_portal_project, 2,
                  form=forms.PortalProjectForm),
        *_ends(2),
    ),
    3: (
        _evidence("connection", "Attach the connection", operations.attach_connection, 3, form=forms.ConnectionForm,
                  permission="onboarding.attach_connection", when=lambda project: project.under_way),
        _evidence("api-access", "Record the request for API access", operations.request_api_access, 3),
        *_ends(3),
    ),
    4: (
        _evidence("administrator", "Name a security administrator", operations.name_security_admin, 4,
                  form=forms.AdministratorForm),
        _evidence("waiver", "Waive a stand-in", operations.record_waiver, 4, form=forms.WaiverForm, reason=True,
                  permission="onboarding.waive_item"),
        *_ends(4),
    ),
    5: (
        _evidence("approval", "Record J.P. Morgan's approval", operations.record_bank_approval, 5,
                  form=forms.ApprovalForm, permission="onboarding.record_bank_approval"),
        *_ends(5),
    ),
    6: (
        _evidence("ask", "Ask the customer to confirm", operations.ask_for_confirmation, 6,
                  permission="onboarding.hand_over_step"),
        _evidence("confirmation", "Record the customer's confirmation", operations.record_confirmation, 6,
                  form=forms.HeardForm, warning="It is marked as heard by you, not given on the status page."),
        *_ends(6),
    ),
}  # fmt: skip

PROJECT_BUTTONS: tuple[Button, ...] = (
    Button(name="issue-link", label="Issue a status link", operation=issue_link, form=forms.ContactNumberForm,
           permission="onboarding.issue_portallink", style="secondary",
           when=lambda project: project.state != "cancelled",
           warning="The contact's link before stops working."),
    Button(name="hand-over", label="Hand a step over", operation=operations.hand_over, form=forms.HandOverForm,
           permission="onboarding.hand_over_step", reason=True, style="secondary",
           when=lambda project: project.under_way),
    Button(name="return", label="Return a step to the customer", operation=operations.return_step,
           form=forms.StepForm, permission="onboarding.hand_over_step", reason=True,
           when=lambda project: project.under_way, style="secondary", warning="The customer reads the reason."),
    Button(name="waive", label="Waive a step", operation=operations.waive_step, form=forms.StepForm,
           permission="onboarding.waive_step", reason=True, when=lambda project: project.under_way, style="danger"),
    Button(name="hold", label="Hold", operation=operations.hold_project, form=forms.HoldForm, reason=True,
           permission="onboarding.hold_project", when=lambda project: project.under_way, style="warning",
           warning="Every clock stops. The customer reads the reason."),
    Button(name="resume", label="Resume", operation=operations.resume_project, permission="onboarding.hold_project",
           when=lambda project: project.state == "on_hold"),
    Button(name="cancel", label="Cancel the project", operation=operations.cancel_project, reason=True,
           permission="onboarding.cancel_project", style="danger",
           when=lambda project: project.under_way or project.state in ("on_hold", "ineligible"),
           warning="Status links die and mails not yet sent are dropped. It can be undone for 30 days."),
    Button(name="reinstate", label="Undo the cancellation", operation=operations.reinstate_project,
           permission="onboarding.cancel_project", when=lambda project: project.state == "cancelled"),
)  # fmt: skip
