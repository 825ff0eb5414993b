"""The audit record in the console: read, never written."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from audit.models import AuditEntry
from audit.transitions import ReadOnlyAdmin


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin, ModelAdmin):
    list_display = ("number", "at", "actor", "verb", "subject", "reason")
    list_filter = ("actor_kind",)
    search_fields = ("verb__startswith", "subject_key")
    ordering = ("-number",)
    show_full_result_count = False
    list_per_page = 50
    actions = None

    @admin.display(description="who")
    def actor(self, entry: AuditEntry) -> str:
        return f"{entry.actor_kind} {entry.actor_key}".strip()

    @admin.display(description="about")
    def subject(self, entry: AuditEntry) -> str:
        return f"{entry.subject_type} {entry.subject_key}"

    def has_view_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return request.user.has_perm("audit.view_auditentry")
