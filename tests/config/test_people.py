"""Rights and passwords that somebody gives are on record: they could make one person two."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.models import Group, Permission, User

from audit.models import AuditEntry

PASSWORD = "obviously a test password 77"


def test_a_password_set_for_somebody_else_is_on_record(as_: Any, people: dict[str, Any]) -> None:
    url = f"/admin/auth/user/{people['approver'].pk}/password/"
    form = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    assert as_("admin").post(url, form).status_code == 302
    assert User.objects.get(pk=people["approver"].pk).check_password(PASSWORD)
    entry = AuditEntry.objects.get(verb="config.password_set")
    assert (entry.actor_key, entry.subject_key, entry.data) == (
        str(people["admin"].pk),
        str(people["approver"].pk),
        "{}",
    )


def test_rights_given_to_a_role_are_on_record(as_: Any, people: dict[str, Any]) -> None:
    role = Group.objects.get(name="operator")
    right = Permission.objects.get(codename="decide_approval")
    url = f"/admin/auth/group/{role.pk}/change/"
    assert as_("admin").post(url, {"name": role.name, "permissions": [right.pk]}).status_code == 302
    entry = AuditEntry.objects.get(verb="config.role_changed")
    assert (entry.actor_key, json.loads(entry.data)) == (
        str(people["admin"].pk),
        {"name": "operator", "rights": ["decide_approval"]},
    )
