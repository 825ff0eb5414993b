"""The validation pack of a connection: page, print view, CSV, and the comparison with the customer's own export."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from audit.recording import Actor
from bankfeeds import operations, validation
from bankfeeds.admin.validation_forms import CompareForm, InMemory
from bankfeeds.models import Connection
from bankfeeds.operations.validation import RIGHT
from bankfeeds.validation import tables

READS = ("GET", "HEAD")
MAY_SEE = "bankfeeds.view_line"
"""Beside the right to the connection: the pack names lines."""
_NAME = "bankfeeds_connection_validation"


class ValidationPages:
    """Mixin for the admin of connections."""

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site  # type: ignore[attr-defined]

        def own(tail: str, view: Callable[..., HttpResponseBase], name: str) -> URLPattern:
            found: URLPattern = path(
                f"<int:pk>/validation/{tail}", site.admin_view(view), name=f"{_NAME}{name}"
            )
            return found

        def uploading(request: HttpRequest, pk: int) -> HttpResponseBase:
            # The body is read by the check against forged forms, inside: what takes the file is chosen before.
            if request.user.has_perm(RIGHT):
                request.upload_handlers = [InMemory(request)]
            answer: HttpResponseBase = site.admin_view(self.compare_view)(request, pk)
            return answer

        compare = path("<int:pk>/validation/compare/", csrf_exempt(uploading), name=f"{_NAME}_compare")
        return [
            own("", self.pack_view, ""),
            own("print/", self.print_view, "_print"),
            own("pack.csv", self.csv_view, "_csv"),
            own("look-alikes.csv", self.look_alikes_view, "_look_alikes"),
            compare,
            *super().get_urls(),  # type: ignore[misc]
        ]

    def pack_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Show the pack as things stand (GET); put on record that it was made for the customer (POST)."""
        connection = self._connection(request, pk)
        if request.method == "POST":
            if not request.user.has_perm(RIGHT):
                raise PermissionDenied
            operations.record_validation_pack(pk=pk, actor=Actor.user(request.user), now=timezone.now())
            return HttpResponseRedirect(reverse(f"admin:{_NAME}_print", args=[pk]))
        if request.method not in READS:
            return HttpResponseNotAllowed((*READS, "POST"))
        return TemplateResponse(
            request,
            "admin/bankfeeds/validation/page.html",
            {
                **self._context(request, connection),
                "title": "Validation pack",
                "pack": validation.make_pack(connection, now=timezone.now()),
                "made": validation.last_made(connection),
                "may_make": request.user.has_perm(RIGHT),
                "links": True,
            },
        )

    def print_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Show the pack alone, to be printed."""
        connection = self._reading(request, pk)
        context = {
            "pack": validation.make_pack(connection, now=timezone.now()),
            "made": validation.last_made(connection),
            "by": request.user.get_username(),
            "back_url": reverse(f"admin:{_NAME}", args=[pk]),
        }
        return TemplateResponse(request, "admin/bankfeeds/validation/print.html", context)

    def csv_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Answer with the pack as CSV."""
        connection = self._reading(request, pk)
        pack = validation.make_pack(connection, now=timezone.now())
        return _file(tables.pack_csv(pack), f"{connection.label}-validation-{pack.at:%Y-%m-%d}.csv")

    def look_alikes_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Answer with the look-alikes as CSV."""
        connection = self._reading(request, pk)
        found = validation.look_alikes(connection)
        return _file(tables.look_alikes_csv(found), f"{connection.label}-look-alikes.csv")

    @method_decorator(sensitive_post_parameters())
    @sensitive_variables()
    def compare_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Ask for the customer's export (GET), show how it is understood, and compare it (POST)."""
        connection = self._connection(request, pk)
        if not request.user.has_perm(RIGHT):
            raise PermissionDenied
        posted = request.method == "POST"
        form = CompareForm(
            request.POST if posted else None, request.FILES if posted else None, connection=connection
        )
        more = _answer(form, request) if posted and form.is_valid() else {}
        context = {**self._context(request, connection), "title": "Compare with the customer's own export"}
        return TemplateResponse(
            request,
            "admin/bankfeeds/validation/compare.html",
            {**context, "form": form, **more},
            status=400 if posted and form.errors else 200,
        )

    def _reading(self, request: HttpRequest, pk: int) -> Connection:
        connection = self._connection(request, pk)
        if request.method not in READS:
            raise PermissionDenied
        return connection

    def _connection(self, request: HttpRequest, pk: int) -> Connection:
        if not self.has_view_permission(request) or not request.user.has_perm(MAY_SEE):  # type: ignore[attr-defined]
            raise PermissionDenied  # before the row is looked for
        connection = Connection.objects.filter(pk=pk).first()
        if connection is None:
            raise Http404
        return connection

    def _context(self, request: HttpRequest, connection: Connection) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "subtitle": connection.label,
            "opts": Connection._meta,
            "original": connection,
            "back_url": reverse("admin:bankfeeds_connection_change", args=[connection.pk]),
            "pack_url": reverse(f"admin:{_NAME}", args=[connection.pk]),
        }


@sensitive_variables()
def _answer(form: CompareForm, request: HttpRequest) -> dict[str, Any]:
    """Return what the page shows of a file: the comparison, or how it is understood; a refusal goes to the form."""
    content = form.content
    try:
        if request.POST.get("step") == "compare":
            if form.is_the_file_looked_at():
                return {"compared": _compared(form, request)}
            raise validation.NotUnderstood("This is not the file you looked at. Look at it first.", "file")
        export = validation.read_export(content, form.choices)
    except validation.NotUnderstood as problem:
        form.add_error(problem.field or None, problem.sentence)
        return {"carried": form.carry(content) if problem.field != "file" else False}
    return {"export": export, "first_rows": validation.first_rows(export), "carried": form.carry(content)}


def _compared(form: CompareForm, request: HttpRequest) -> operations.Compared:
    return operations.compare_export(
        pk=form.cleaned_data["account"].pk,
        content=form.content,
        choices=form.choices,
        actor=Actor.user(request.user),
        now=timezone.now(),
    )


def _file(rows: Iterator[str], name: str) -> HttpResponse:
    # A label has lower-case letters, digits and hyphens only: it is safe in the header.
    return HttpResponse(
        "\ufeff" + "".join(rows),  # the mark tells spreadsheets that it is UTF-8
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store, private",
            "X-Content-Type-Options": "nosniff",
        },
    )
