"""Projects and links in the console."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import display

from audit.recording import Actor
from audit.transitions import Button, ReadOnlyAdmin, TransitionAdmin
from bankfeeds.validation import last_made
from onboarding import operations, queries
from onboarding.admin.acts import RefusalsAsMessages, ShowsOnce, become
from onboarding.admin.project_buttons import PROJECT_BUTTONS, STEP_BUTTONS
from onboarding.models import PortalLink, Project


@admin.register(Project)
class ProjectAdmin(RefusalsAsMessages, ShowsOnce, ReadOnlyAdmin, ModelAdmin):
    list_display = ("title", "customer", "shown_state", "turn", "age", "at_step", "next_action")
    list_filter = ("state",)
    search_fields = ("title", "customer__name")
    list_select_related = ("customer",)
    actions = None
    fieldsets = (
        (None, {"fields": ("customer", "connection", "contacts_on_record", "requested_at", "live_at")}),
    )
    add_fieldsets = ((None, {"fields": ("customer", "title")}),)
    change_form_after_template = "admin/onboarding/project/steps.html"
    buttons = (*PROJECT_BUTTONS, *(button for own in STEP_BUTTONS.values() for button in own))
    shown_once = {"issue-link": "admin/onboarding/project/link_issued.html"}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        found: QuerySet[Project] = super().get_queryset(request)
        return found.prefetch_related("steps__hand_overs")

    @display(  # type: ignore[untyped-decorator]  # unfold gives its decorators no types
        description="state",
        ordering="state",
        label={"Live": "success", "On hold": "warning", "Cancelled": "danger", "Not eligible": "danger"},
    )
    def shown_state(self, project: Project) -> str:
        return str(project.get_state_display())

    @admin.display(description="turn")
    def turn(self, project: Project) -> str:
        return self._glance(project).holder_words or "–"

    @admin.display(description="age")
    def age(self, project: Project) -> str:
        seen = self._glance(project)
        return f"{seen.age} business day{'' if seen.age == 1 else 's'}" if seen.holder else "–"

    @admin.display(description="step")
    def at_step(self, project: Project) -> str:
        return self._glance(project).step or "–"

    @admin.display(description="next action")
    def next_action(self, project: Project) -> str:
        return self._glance(project).next_action or "–"

    @admin.display(description="contacts")
    def contacts_on_record(self, project: Project) -> str:
        people = project.customer.contacts.filter(removed_at=None)
        return "; ".join(f"{person}, {person.masked_email}" for person in people) or "none"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("onboarding.add_project")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets if obj else self.add_fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("contacts_on_record", "requested_at", "live_at") if obj else ()

    def save_model(self, request: HttpRequest, obj: Project, form: Any, change: bool) -> None:
        facts: dict[str, Any] = {
            "customer": obj.customer,
            "title": obj.title,
            "actor": Actor.user(request.user),
            "now": timezone.now(),
        }
        become(obj, operations.request_project(**facts))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        project = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if project is not None:
            page = queries.project_page(project, now=timezone.now())
            context["page"] = page
            context["board"] = [
                {"step": step, "acts": self._links(request, project, STEP_BUTTONS.get(step.number, ()))}
                for step in page.steps
            ]
            context["transition_buttons"] = self._links(request, project, PROJECT_BUTTONS)
            context |= _pack(request, project)
        response: HttpResponse = super(TransitionAdmin, self).change_view(
            request, object_id, form_url, context
        )
        return response

    def _links(self, request: HttpRequest, project: Project, buttons: Any) -> list[dict[str, Any]]:
        return [
            {"button": button, "url": self._act_url(project, button)}
            for button in buttons
            if self._offered(request, project, button)
        ]

    def _confirmation(self, request: HttpRequest, obj: Any, button: Button, form: forms.Form) -> HttpResponse:
        if button.name.startswith("reopen-"):
            button = replace(button, warning=_falls(obj, int(button.name[-1])))
        return super()._confirmation(request, obj, button, form)

    def _glance(self, project: Project) -> queries.Glance:
        if "_glance" not in project.__dict__:
            project.__dict__["_glance"] = queries.glance(project, now=timezone.now())
        seen: queries.Glance = project.__dict__["_glance"]
        return seen


@admin.register(PortalLink)
class PortalLinkAdmin(TransitionAdmin, ReadOnlyAdmin, ModelAdmin):
    list_display = ("project", "contact", "created_at", "revoked_at")
    list_select_related = ("project", "contact")
    fields = ("project", "contact", "created_at", "revoked_at")
    actions = None
    buttons = (
        Button(
            name="revoke",
            label="Revoke",
            operation=operations.revoke_portal_link,
            permission="onboarding.revoke_portallink",
            reason=True,
            style="danger",
            when=lambda link: link.revoked_at is None,
            warning="The page behind it is gone at once. The next mail brings a new link.",
        ),
    )


def _pack(request: HttpRequest, project: Project) -> dict[str, Any]:
    """Return where the validation pack of the project's feed is, and who last made it."""
    if project.connection is None or not request.user.has_perm("bankfeeds.view_connection"):
        return {}
    address = reverse("admin:bankfeeds_connection_validation", args=[project.connection.pk])
    return {"pack_url": address, "pack_made": last_made(project.connection)}


def _falls(project: Project, number: int) -> str:
    falls = queries.reopening(project.steps.get(number=number))
    invalid = ", ".join(f"step {n}" for n in falls.invalid) or "nothing"
    kept = ", ".join(f"step {n}" for n in falls.kept) or "nothing"
    return f"Must be done again: {invalid}. Kept: {kept}. One correction mail goes out, and it gives your reason."
