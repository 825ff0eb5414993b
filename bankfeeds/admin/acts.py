"""Acts on rows that have no state machine of their own."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from audit.transitions import Button, TransitionAdmin


class RowActs(TransitionAdmin):
    """Mixin like TransitionAdmin, for rows nobody may change: seeing the row and the act's own right are enough."""

    def has_act_permission(self, request: HttpRequest, obj: Any, button: Button) -> bool:
        """Say whether this person may see this row and take this act."""
        may_see: bool = self.has_view_permission(request, obj)  # type: ignore[attr-defined]
        return may_see and request.user.has_perm(button.permission)
