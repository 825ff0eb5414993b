"""What both lists share: where keys are used, asked once per page, and the filter on the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from certificates import holders, queries
from certificates.models import KeyPair

HORIZONS = (30, 60, 90)
ENDED = "ended"


class WithWhereabouts(ChangeList):
    """A list whose rows know where their keys are used; the admin's ``list_unread`` columns stay in the database."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        return found.defer(*self.model_admin.list_unread)

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        known = holders.whereabouts_of({_key(row).scope for row in rows})
        for row in rows:
            _key(row).whereabouts = known.get(_key(row).scope)


class EndsWithin(admin.SimpleListFilter):
    """Certificates in use that end soon, or that have ended and are still in use."""

    title = "end of those in use"
    parameter_name = "ends"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(ENDED, "Ended, still in use"), *((str(n), f"Within {n} days") for n in HORIZONS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value == ENDED:
            return queryset.filter(queries.in_use_ending(now=timezone.now(), days=0))
        if value in {str(n) for n in HORIZONS}:
            return queryset.filter(queries.in_use_ending(now=timezone.now(), days=int(value)))
        return queryset


def used_by(key: KeyPair) -> SafeString:
    """Return a link to where the key is used, or the owner's own name where nobody answers for the list."""
    found: holders.Whereabouts | None = getattr(key, "whereabouts", None)
    if found is None:
        return format_html('<span class="lk-soft">{}</span>', key.scope.partition(":")[2] or key.scope)
    return format_html('<a class="lk-link" href="{}">{}</a>', found.url, found.name)


def _key(row: Any) -> Any:
    return row if isinstance(row, KeyPair) else row.key
