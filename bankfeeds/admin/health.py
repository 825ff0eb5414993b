"""The health pages of the feeds: one per connection, and the list of all."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bankfeeds import health
from bankfeeds.admin import health_looks as looks
from bankfeeds.models import Connection

ACCOUNTS_A_PAGE, FEEDS_A_PAGE = 8, 50


class FeedHealthPages:
    """Mixin for the admin of connections: adds the two pages, open to whoever may view connections."""

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site  # type: ignore[attr-defined]
        own = [
            path("health/", site.admin_view(self.feeds_view), name="bankfeeds_connection_feeds"),
            path(
                "<path:object_id>/health/",
                site.admin_view(self.health_view),
                name="bankfeeds_connection_health",
            ),
        ]
        return [*own, *super().get_urls()]  # type: ignore[misc]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        context = {**(extra_context or {}), "feeds_url": reverse("admin:bankfeeds_connection_feeds")}
        return super().changelist_view(request, context)  # type: ignore[misc]

    def feeds_view(self, request: HttpRequest) -> HttpResponse:
        """Show all feeds, those in trouble first."""
        self._check_may_view(request)
        now = timezone.now()
        everyone = health.standings(now=now)
        page = Paginator(everyone, FEEDS_A_PAGE).get_page(request.GET.get("page"))
        rows = [looks.feed_line(row) for row in health.feed_rows(list(page), now=now)]
        counts = looks.standing_counts(everyone)
        context = self._health_page(request, "Health of all feeds", page=page, rows=rows, counts=counts)
        return TemplateResponse(request, "admin/bankfeeds/health/feeds.html", context)

    def health_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show how one feed is, account by account."""
        self._check_may_view(request)
        connection: Connection | None = self.get_object(request, object_id)  # type: ignore[attr-defined]
        if connection is None:
            raise Http404
        now = timezone.now()
        accounts = connection.accounts.order_by("number")
        page = Paginator(accounts, ACCOUNTS_A_PAGE).get_page(request.GET.get("page"))
        found = health.account_healths(connection, list(page), now=now)
        views = [looks.account_view(connection, one, now=now) for one in found]
        context = self._health_page(
            request,
            f"Health of {connection.label}",
            connection=connection,
            accounts=views,
            page=page,
            headline=looks.headline(connection, found) if page.paginator.num_pages == 1 else "",
            feeds_url=reverse("admin:bankfeeds_connection_feeds"),
        )
        return TemplateResponse(request, "admin/bankfeeds/health/feed.html", context)

    def health_link(self, connection: Connection) -> SafeString:
        """Return the link to a connection's health page."""
        url = reverse("admin:bankfeeds_connection_health", args=[connection.pk])
        return format_html(
            '<a class="lk-link" href="{}">Health<span class="lk-unseen"> of {}</span></a>', url, connection
        )

    health_link.short_description = "health"  # type: ignore[attr-defined]

    def _check_may_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied

    def _health_page(self, request: HttpRequest, title: str, **more: Any) -> dict[str, Any]:
        site = self.admin_site  # type: ignore[attr-defined]
        return {**site.each_context(request), "title": title, "content_title": title, **more}
