"""What the admin pages of this app share: a result shown once, and refusals of a form as messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from audit.transitions import Button, TransitionAdmin
from audit.workflow import OperationRefused


class ShowsOnce(TransitionAdmin):
    """Shows what some acts return on the answer to their POST, and nowhere else: act's name to template."""

    shown_once: Mapping[str, str] = {}

    def transition_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """As the base; an act in ``shown_once`` is answered by its template instead of a redirect."""
        response = super().transition_view(request, object_id, name)
        result = request.__dict__.pop("_result", None)
        if result is None:
            return response
        obj = self.get_object(request, object_id)  # type: ignore[attr-defined]
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "title": next(button.label for button in self.buttons if button.name == name),
            "opts": obj._meta,
            "original": obj,
            "result": result,
            "back_url": self._object_url(obj),
        }
        shown = TemplateResponse(request, self.shown_once[name], context)
        shown["Cache-Control"] = "no-store, private"
        return shown

    def _act(
        self, request: HttpRequest, obj: Any, button: Button, form: forms.Form
    ) -> OperationRefused | None:
        if button.name not in self.shown_once:
            return super()._act(request, obj, button, form)
        results: list[object] = []
        kept = replace(button, operation=lambda **values: results.append(button.operation(**values)))
        problem = super()._act(request, obj, kept, form)
        if problem is None:
            request.__dict__["_result"] = results[0]
        return problem


class RefusalsAsMessages:
    """A ModelAdmin whose ``save_model`` calls an operation: what that refuses is told, and nothing is saved."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """As the base; a refusal becomes a message on the form's page."""
        try:
            response: HttpResponse = super().changeform_view(request, *args, **kwargs)  # type: ignore[misc]
        except OperationRefused as refusal:
            lacking = f" Missing: {'; '.join(refusal.missing)}." if refusal.missing else ""
            messages.error(request, f"{refusal.sentence}{lacking}")
            return HttpResponseRedirect(request.get_full_path())
        return response


def become(obj: models.Model, saved: models.Model) -> None:
    """Let the object the admin holds be the row the operation saved."""
    obj.__dict__.update(saved.__dict__)
