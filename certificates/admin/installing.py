"""Installing in two steps: what the file holds and everything that is wrong with it, then the confirmation.

Between the steps the certificates travel in the page, signed; they are public, and a file with a private key gets
no further than the first step.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from audit.transitions import Button
from certificates import operations
from certificates.admin.forms import ConfirmInstallForm, UploadForm, looked_at
from certificates.models import Certificate, KeyPair, KeyState
from certificates.x509 import PRIVATE_KEY

UPLOAD = "admin/certificates/acts/upload.html"
REVIEW = "admin/certificates/acts/review.html"
TICK = "Compare the subject above, then tick this, or have the certificate reissued."


@sensitive_variables()
def install_page(admin: Any, request: HttpRequest, key: KeyPair, button: Button) -> HttpResponse:
    """Ask for the file; then show what it holds; then install exactly that."""
    if request.method != "POST":
        return _upload(admin, request, key, button, UploadForm())
    if "found" in request.POST:
        return _confirmed(admin, request, key, button)
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _upload(admin, request, key, button, form)
    material, passphrase = form.cleaned_data["material"], form.cleaned_data["passphrase"]
    preview = _previewed(key, material, passphrase or None)
    if preview.problems:
        return _upload(admin, request, key, button, form, preview)
    carried = looked_at(key, preview.pem)
    return _review(
        admin, request, key, button, preview, ConfirmInstallForm(key=key, initial={"found": carried})
    )


def told(certificate: Certificate) -> str:
    """Return what the installation came to and what comes next."""
    key = certificate.key
    if key.proof_problem:
        return f"Installed, but the bank did not let us in with it yet: {key.proof_problem}"
    if key.state == KeyState.ACTIVE:
        return "Installed, and in use from now on."
    after = "let in, it takes over" if key.is_test else "then ask for its activation"
    return f"Installed. Next: prove it at the bank; {after}."


def _confirmed(admin: Any, request: HttpRequest, key: KeyPair, button: Button) -> HttpResponse:
    form = ConfirmInstallForm(request.POST, key=key)
    if not form.is_valid():
        return _upload(admin, request, key, button, form)
    preview = _previewed(key, form.cleaned_data["material"])
    if preview.drift and not key.is_test and not form.cleaned_data["confirmed_drift"]:
        form.add_error("confirmed_drift", TICK)
        return _review(admin, request, key, button, preview, form)
    if admin.acted(request, key, button, form):
        return HttpResponseRedirect(admin._object_url(key))
    return _upload(admin, request, key, button, form, preview)


@sensitive_variables()
def _previewed(key: KeyPair, material: bytes, passphrase: str | None = None) -> operations.Preview:
    return operations.preview_installation(
        scope=key.scope, material=material, now=timezone.now(), passphrase=passphrase
    )


def _upload(
    admin: Any,
    request: HttpRequest,
    key: KeyPair,
    button: Button,
    form: forms.Form,
    preview: operations.Preview | None = None,
) -> HttpResponse:
    shown = form if isinstance(form, UploadForm) else UploadForm()
    problems = preview.problems if preview else ()
    answer: HttpResponse = admin.act_page(
        request,
        key,
        button,
        shown,
        UPLOAD,
        problems=problems,
        refusals=() if problems else form.non_field_errors(),
        private_key=any(problem.code == PRIVATE_KEY.code for problem in problems),
    )
    if problems or (shown is not form and form.errors):
        answer.status_code = 409
    return answer


def _review(
    admin: Any,
    request: HttpRequest,
    key: KeyPair,
    button: Button,
    preview: operations.Preview,
    form: ConfirmInstallForm,
) -> HttpResponse:
    found = preview.key
    others = "" if found is None or found.pk == key.pk else found.common_name
    answer: HttpResponse = admin.act_page(
        request, key, button, form, REVIEW, preview=preview, another=others, must_tick=not key.is_test
    )
    return answer
