"""A new signing request in three steps: whose key, what it says, a look before it is made."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from cryptography import x509 as pyca
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from audit.recording import Actor
from audit.workflow import OperationRefused
from certificates import holders, operations, profiles, queries, x509
from certificates.admin.request_forms import SubjectForm, WhichKeyForm, key_words
from certificates.models import Environment, KeyPair, KeyUse

MAY_REQUEST = "certificates.request_keypair"
TEMPLATE = "admin/certificates/acts/request.html"
OF_A_REQUEST = ("C", "ST", "L", "O", "OU", "CN", "key", "hash")
"""The rules a request itself keeps; the others are about the certificate that comes back."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """For whom and what a request is to be made; ``renews`` is the key it is to replace."""

    scope: str
    use: str
    environment: str
    renews: KeyPair | None

    @property
    def query(self) -> str:
        """Return the query string that leads back here."""
        values = {"scope": self.scope, "use": self.use, "environment": self.environment}
        return urlencode(values | ({"renews": str(self.renews.pk)} if self.renews else {}))

    def initial(self) -> dict[str, str]:
        """Return the subject of the key to replace, or the installation's own with a name proposed for this key."""
        profile = profiles.profile(self.environment)
        if self.renews is None:
            subject = operations.default_subject(scope=self.scope, use=self.use, environment=self.environment)
            algorithm = profile.algorithm
        else:
            request = pyca.load_pem_x509_csr(self.renews.csr_pem.encode())
            subject, algorithm = x509.Subject.from_name(request.subject), self.renews.algorithm
        named = {name: getattr(subject, name) for name in x509.FIELDS}
        return named | {"algorithm": algorithm if algorithm in profile.algorithms else profile.algorithm}


def request_page(admin: Any, request: HttpRequest) -> HttpResponse:
    """Ask what is wanted, show what would be made, and make it on the last POST only."""
    if not admin.has_view_permission(request) or not request.user.has_perm(MAY_REQUEST):
        raise PermissionDenied
    renews = _renewed(request)
    which = _which(request, renews)
    if not which.is_bound or not which.is_valid():
        return _page(admin, request, "which", which=which)
    wanted = Wanted(**which.cleaned_data, renews=renews)
    under_way = queries.open_request(scope=wanted.scope, use=wanted.use, environment=wanted.environment)
    if under_way is not None:
        return _page(admin, request, "under_way", wanted=wanted, under_way=under_way)
    form = _subject_form(request, wanted)
    step = request.POST.get("step") if request.method == "POST" else None
    if step in ("look", "make") and form.is_valid():
        made = _made(request, wanted, form) if step == "make" else None
        if made is not None:
            return HttpResponseRedirect(reverse("admin:certificates_keypair_change", args=[made.pk]))
        if not form.errors:
            return _page(admin, request, "look", wanted=wanted, form=form, **_look(wanted, form))
    return _page(admin, request, "subject", wanted=wanted, form=form, **_about(wanted))


def _which(request: HttpRequest, renews: KeyPair | None) -> WhichKeyForm:
    asked = request.GET.dict()
    if renews is not None:
        asked |= {"scope": renews.scope, "use": renews.use, "environment": renews.environment}
    named = asked.get("scope", "")
    known = queries.owners()
    if named and named not in known and holders.whereabouts(named) is not None:
        known = sorted([*known, named])
    scopes = [(scope, owner_words(scope)) for scope in known]
    complete = {"scope", "use", "environment"} <= asked.keys()
    return WhichKeyForm(asked if complete else None, scopes=scopes, initial=asked)


def _renewed(request: HttpRequest) -> KeyPair | None:
    asked = request.GET.get("renews", "")
    try:
        return KeyPair.objects.filter(pk=uuid.UUID(asked)).first() if asked else None
    except ValueError:
        return None


def _subject_form(request: HttpRequest, wanted: Wanted) -> SubjectForm:
    return SubjectForm(
        request.POST if request.method == "POST" else None,
        initial=wanted.initial(),
        profile=profiles.profile(wanted.environment),
        elsewhere=queries.common_names_elsewhere(environment=wanted.environment),
    )


def _made(request: HttpRequest, wanted: Wanted, form: SubjectForm) -> KeyPair | None:
    now = timezone.now()
    try:
        key = operations.generate_csr(
            scope=wanted.scope,
            use=wanted.use,
            environment=wanted.environment,
            subject=form.subject,
            algorithm=form.cleaned_data["algorithm"],
            actor=Actor.user(request.user),
            now=now,
        )
    except OperationRefused as refusal:
        form.add_error(None, refusal.sentence)
        return None
    if key.created_at == now:
        messages.success(request, "The key is made and sealed. Next: hand its request to the bank.")
    else:
        messages.info(request, "Somebody asked for the same just now: this is their request.")
    return key


def _look(wanted: Wanted, form: SubjectForm) -> dict[str, Any]:
    profile, subject = form.profile, form.subject
    algorithm = form.cleaned_data["algorithm"]
    live = queries.live_under(common_name=subject.common_name, now=timezone.now()).count()
    extensions = ["Key usage: digital signature"]
    if profile.client_auth(wanted.use):
        extensions.append("Extended key usage: client authentication")
    return {
        "subject": subject.fields(),
        "subject_line": subject.name().rfc4514_string(),
        "key_words": key_words(algorithm),
        "hash": profile.request_hash_said,
        "extensions": extensions,
        "checked": [rule for rule in profile.rules() if rule.field in OF_A_REQUEST],
        "too_many_live": live >= profile.live_per_common_name,
        **_about(wanted),
    }


def _about(wanted: Wanted) -> dict[str, Any]:
    profile = profiles.profile(wanted.environment)
    return {
        "owner": owner_words(wanted.scope),
        "use": KeyUse(wanted.use).label,
        "place": Environment(wanted.environment).label,
        "later_rules": [rule.sentence for rule in profile.rules() if rule.field not in OF_A_REQUEST],
        "profile": profile,
    }


def owner_words(scope: str) -> str:
    """Return an owner as people write it: “connection harbor”."""
    kind, _, label = scope.partition(":")
    return f"{kind} {label}" if label else scope


def _page(admin: Any, request: HttpRequest, stage: str, **more: Any) -> HttpResponse:
    form = more.get("form")
    wrong = request.method == "POST" and form is not None and form.errors
    context = {
        **admin.admin_site.each_context(request),
        "title": "Request a certificate",
        "opts": admin.model._meta,
        "stage": stage,
        "list_url": reverse("admin:certificates_keypair_changelist"),
        **more,
    }
    status = 200 if form is None or not wrong else 409 if form.non_field_errors() else 400
    return TemplateResponse(request, TEMPLATE, context, status=status)
