"""What a day lacks to be proven, on its page: the difference, and the lines that would explain it."""

from __future__ import annotations

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bankfeeds.freshness import FACTS, why
from bankfeeds.models import Day, Finding, Line
from bankfeeds.models.finding import FindingKind


def lacks(day: Day) -> SafeString:
    """Return why the day is not proven, with links to the open finding and to the lines under suspicion."""
    if day.state == "proven":
        return format_html("{}", "nothing: it is proven")
    said = why(Day.objects.values(*FACTS).get(pk=day.pk))
    finding = Finding.objects.filter(
        account=day.account_id, as_of_date=day.as_of_date, kind=FindingKind.BROKEN_DAY, state="open"
    ).first()
    if finding is None:
        return format_html("{}.", said)
    url = reverse("admin:bankfeeds_finding_change", args=[finding.pk])
    told = format_html('{}. <a class="lk-link" href="{}">The finding</a>', said, url)
    ids = finding.data.get("suspects", [])
    lines = Line.objects.filter(account=day.account_id, transaction_id__in=ids).order_by("transaction_id")
    if not lines:
        return told
    links = [(reverse("admin:bankfeeds_line_change", args=[line.pk]), line.transaction_id) for line in lines]
    suspects = format_html_join(", ", '<a class="lk-link" href="{}">{}</a>', links)
    return format_html("{}<br>Its amount, double or half is that of {}", told, suspects)
