"""The CSR checker: a request made by another tool, judged by the rules ours follow. Nothing is stored."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables

from certificates import csr, profiles, queries, x509
from certificates.admin.forms import CheckForm
from certificates.admin.request_forms import key_words
from certificates.models import Environment

TEMPLATE = "admin/certificates/acts/check.html"


@sensitive_variables()
def check_page(admin: Any, request: HttpRequest) -> HttpResponse:
    """Show the form (GET), or what the bank would say (POST); what was pasted never comes back."""
    if not admin.has_view_permission(request):
        raise PermissionDenied
    posted = request.method == "POST"
    form = CheckForm(request.POST if posted else None, request.FILES if posted else None)
    found = _examined(form) if posted and form.is_valid() else None
    context = {
        **admin.admin_site.each_context(request),
        "title": "CSR checker",
        "opts": admin.model._meta,
        "form": form,
        "list_url": reverse("admin:certificates_keypair_changelist"),
        **(_shown(found, form.cleaned_data["environment"]) if found else {}),
    }
    return TemplateResponse(request, TEMPLATE, context, status=400 if posted and form.errors else 200)


@sensitive_variables()
def _examined(form: CheckForm) -> csr.Examined:
    environment = form.cleaned_data["environment"]
    return csr.examine(
        form.cleaned_data["material"],
        profiles.profile(environment),
        taken_elsewhere=queries.common_names_elsewhere(environment=environment),
    )


def _shown(found: csr.Examined, environment: str) -> dict[str, Any]:
    requested = found.requested
    extensions = []
    if requested.key_usage is not None:
        extensions.append(f"Key usage: {', '.join(requested.key_usage) or 'nothing'}")
    if requested.extended_key_usage is not None:
        extensions.append(f"Extended key usage: {', '.join(requested.extended_key_usage) or 'nothing'}")
    if requested.alternative_names:
        extensions.append(f"Alternative names: {', '.join(requested.alternative_names)}")
    if requested.authority:
        extensions.append("Basic constraints: an authority")
    return {
        "found": found,
        "judged_for": Environment(environment).label,
        "private_key": any(problem.code == x509.PRIVATE_KEY.code for problem in found.problems),
        "key_words": key_words(found.algorithm) if found.algorithm in x509.ALGORITHMS else found.algorithm,
        "extensions": extensions,
    }
