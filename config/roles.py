"""Who may do what: the three groups of the console, kept as data and laid down after every migration."""

from __future__ import annotations

from typing import Any

from django.apps import apps as django_apps
from django.contrib.auth.models import Group, Permission

OPERATOR, APPROVER, AUDITOR = "operator", "approver", "auditor"

OUR_APPS = ("audit", "certificates", "bankfeeds", "onboarding")

APPROVALS = frozenset(
    {
        "bankfeeds.activate_connection",
        "bankfeeds.answer_held_pull",
        "bankfeeds.close_connection",
        "bankfeeds.set_legal_hold",
        "bankfeeds.undo_pull",
        "certificates.activate_keypair",
        "certificates.change_keyring",
        "certificates.decide_approval",
        "certificates.destroy_keypair",
        "certificates.export_keypair",
        "onboarding.record_bank_approval",
        "onboarding.waive_item",
        "onboarding.waive_step",
    }
)
"""Acts that need a second pair of eyes: the approver's, never the operator's."""


def lay_down_groups(**_: Any) -> None:
    """Create or refresh the groups: the auditor reads, the operator works, the approver also approves.

    Idempotent. Unknown rights raise, so that a renamed permission cannot silently leave a role.
    """
    ours = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.filter(content_type__app_label__in=OUR_APPS).select_related(
            "content_type"
        )
    }
    absent = APPROVALS - ours.keys()
    if absent:
        raise LookupError(f"unknown rights in config/roles.py: {', '.join(sorted(absent))}")
    reading = {name for name in ours if name.split(".")[1].startswith("view_")}
    working = ours.keys() - APPROVALS - _auditor_only(ours.keys())
    approving = working | APPROVALS
    for group_name, names in ((AUDITOR, reading), (OPERATOR, working), (APPROVER, approving)):
        group, _created = Group.objects.get_or_create(name=group_name)
        group.permissions.set(ours[name] for name in names)


def _auditor_only(names: Any) -> set[str]:
    return {name for name in names if name.startswith("audit.")}


def ready_after_migrations() -> None:
    """Connect the laying down of groups to the end of a migration."""
    from django.db.models.signals import post_migrate

    post_migrate.connect(lay_down_groups, sender=django_apps.get_app_config("config"))
