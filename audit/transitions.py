"""The admin's view for transitions: buttons on the object's page, a confirmation page, and one operation on POST.

The packaged admin mixin of django-fsm-2 runs transitions for users without permission, so this one asks twice: for
the object (Django's ``change`` permission of its model) and for the act itself. GET changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from audit.recording import Actor
from audit.workflow import OperationRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """One act a person may take on an object's page.

    ``operation`` is called as ``operation(pk=…, actor=…, now=…, reason=…, **form.cleaned_data)``; it raises
    OperationRefused where it will not. ``when`` says whether to show the button for this object now. ``done`` says
    that it was done, or makes that sentence out of what the operation returned. ``page`` makes the whole response
    where a plain confirmation is not enough: ``page(admin, request, obj, button)``, asked once the permissions are
    checked; it changes nothing on GET either.
    """

    name: str
    label: str
    operation: Callable[..., object]
    permission: str
    reason: bool = False
    form: type[forms.Form] | None = None
    when: Callable[[Any], bool] = lambda obj: True
    warning: str = ""
    style: str = "primary"
    done: str | Callable[[Any], str] = ""
    page: Callable[[Any, HttpRequest, Any, Button], HttpResponse] | None = None


class TransitionAdmin:
    """Mixin for a ModelAdmin: set ``buttons``; everything else is read-only unless the admin says otherwise."""

    buttons: Sequence[Button] = ()
    change_form_outer_before_template = "admin/transition_buttons.html"

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<path:object_id>/do/<slug:name>/",
            self.admin_site.admin_view(self.transition_view),  # type: ignore[attr-defined]
            name=f"{self._url_base()}_do",
        )
        return [own, *super().get_urls()]  # type: ignore[misc]

    def has_act_permission(self, request: HttpRequest, obj: Any, button: Button) -> bool:
        """Say whether this person may act on this object and take this act."""
        codename = get_permission_codename("change", obj._meta)
        may_touch = request.user.has_perm(f"{obj._meta.app_label}.{codename}")
        may_see: bool = self.has_view_permission(request, obj)  # type: ignore[attr-defined]
        return may_see and may_touch and request.user.has_perm(button.permission)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        obj = self.get_object(request, object_id)  # type: ignore[attr-defined]
        offered = [] if obj is None else [b for b in self.buttons if self._offered(request, obj, b)]
        context = {
            **(extra_context or {}),
            "transition_buttons": [{"button": b, "url": self._act_url(obj, b)} for b in offered],
        }
        response: HttpResponse = super().change_view(request, object_id, form_url, context)  # type: ignore[misc]
        return response

    def transition_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Show the confirmation (GET) or act once (POST)."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied  # before the row is looked for: whether it exists is not theirs to know
        button = next((b for b in self.buttons if b.name == name), None)
        obj = self.get_object(request, object_id)  # type: ignore[attr-defined]
        if button is None or obj is None:
            raise Http404
        if not self.has_act_permission(request, obj, button):
            raise PermissionDenied
        if button.page is not None:
            return button.page(self, request, obj, button)
        form = form_of(button, request)
        if self.acted(request, obj, button, form):
            return HttpResponseRedirect(self._object_url(obj))
        return self._confirmation(request, obj, button, form)

    def acted(self, request: HttpRequest, obj: Any, button: Button, form: forms.Form) -> bool:
        """Act once on a valid POST and say whether that succeeded; where it was refused, the form says why."""
        if request.method != "POST" or not form.is_valid():
            return False
        problem = self._act(request, obj, button, form)
        if problem is None:
            return True
        form.add_error(None, problem.sentence)
        for item in problem.missing:
            form.add_error(None, f"Missing: {item}")
        return False

    @sensitive_variables()
    def _act(
        self, request: HttpRequest, obj: Any, button: Button, form: forms.Form
    ) -> OperationRefused | None:
        values = dict(form.cleaned_data)
        reason = values.pop("reason", "")
        try:
            outcome = button.operation(
                pk=obj.pk, actor=Actor.user(request.user), now=timezone.now(), reason=reason, **values
            )
        except OperationRefused as refusal:
            return refusal
        told = button.done(outcome) if callable(button.done) else button.done
        messages.success(request, told or f"Done: {button.label}.")
        return None

    def _confirmation(self, request: HttpRequest, obj: Any, button: Button, form: forms.Form) -> HttpResponse:
        return self.act_page(request, obj, button, form)

    def act_page(
        self,
        request: HttpRequest,
        obj: Any,
        button: Button,
        form: forms.Form,
        template: str = "admin/transition_confirm.html",
        **more: Any,
    ) -> HttpResponse:
        """Return the page that asks for this act; ``more`` goes to its template."""
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "title": button.label,
            "subtitle": str(obj),
            "opts": obj._meta,
            "original": obj,
            "button": button,
            "form": form,
            "back_url": self._object_url(obj),
            **more,
        }
        status = (
            200 if request.method == "GET" or not form.errors else 409 if form.non_field_errors() else 400
        )
        return TemplateResponse(request, template, context, status=status)

    def _offered(self, request: HttpRequest, obj: Any, button: Button) -> bool:
        return button.when(obj) and self.has_act_permission(request, obj, button)

    def _url_base(self) -> str:
        meta = self.model._meta  # type: ignore[attr-defined]
        return f"{meta.app_label}_{meta.model_name}"

    def _act_url(self, obj: Any, button: Button) -> str:
        return reverse(f"admin:{self._url_base()}_do", args=[obj.pk, button.name])

    def _object_url(self, obj: Any) -> str:
        return reverse(f"admin:{self._url_base()}_change", args=[obj.pk])


class ReadOnlyAdmin:
    """Mixin for a ModelAdmin that shows rows and never writes one."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def form_of(button: Button, request: HttpRequest) -> forms.Form:
    """Return the act's form, filled in with what was posted."""
    posted = request.method == "POST"
    return _form_class(button)(request.POST if posted else None, request.FILES if posted else None)


def _form_class(button: Button) -> type[forms.Form]:
    from unfold.widgets import UnfoldAdminTextareaWidget  # the theme's widgets need loaded apps

    base = button.form or forms.Form
    if not button.reason:
        return base
    reason = forms.CharField(
        label="Reason", widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), max_length=2000, strip=True,
        help_text="Kept in the audit record. Write no personal data and no secrets.",
    )  # fmt: skip
    return type("ActForm", (base,), {"reason": reason})
