"""Reads that answer a question about onboarding."""

from onboarding.queries.board import (
    BoardStep,
    Glance,
    ItemLine,
    ProjectPage,
    Reopening,
    customer_name,
    glance,
    project_page,
    reopening,
)
from onboarding.queries.history import Event
from onboarding.queries.need import NeedsMe
from onboarding.queries.needs import is_undecided, undecided_mails, what_needs_me_now
from onboarding.queries.status import (
    Action,
    PortalStatus,
    StepLine,
    status_for,
    status_of,
)

__all__ = [
    "Action",
    "BoardStep",
    "Event",
    "Glance",
    "ItemLine",
    "NeedsMe",
    "PortalStatus",
    "ProjectPage",
    "Reopening",
    "StepLine",
    "customer_name",
    "glance",
    "is_undecided",
    "project_page",
    "reopening",
    "status_for",
    "status_of",
    "undecided_mails",
    "what_needs_me_now",
]
