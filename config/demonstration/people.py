"""The demonstration's staff: an operator, an approver and an auditor with passwords made for this run."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group, User

from audit.recording import Actor
from config.roles import APPROVER, AUDITOR, OPERATOR
from onboarding import operations

ROLES = {
    OPERATOR: "works the projects and the feeds",
    APPROVER: "also approves what needs a second person",
    AUDITOR: "reads everything, changes nothing",
}


@dataclass(frozen=True, slots=True)
class Staff:
    """Who acts in the demonstration, and how the reader signs in."""

    operator: Actor
    approver: Actor
    manager: Any
    logins: list[dict[str, str]]


def hire(*, now: datetime) -> Staff:
    """Create the three people and the account manager whom customers see."""
    logins = []
    users = {}
    for name, does in ROLES.items():
        password = f"demo-{secrets.token_hex(3)}-{secrets.token_hex(3)}"
        user, _ = User.objects.get_or_create(username=name, defaults={"is_staff": True})
        user.set_password(password)
        user.save()
        user.groups.set([Group.objects.get(name=name)])
        users[name] = user
        logins.append({"name": name, "password": password, "role": does})
    operator = Actor.user(users[OPERATOR])
    manager = operations.set_account_manager(
        user=users[OPERATOR], name="Robin Example", email="robin.example@vendor.example", phone="+1 555 0100 200",
        actor=operator, now=now,
    )  # fmt: skip
    return Staff(operator, Actor.user(users[APPROVER]), manager, logins)
