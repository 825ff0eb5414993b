"""Addresses: the console, the customers' portal, the two health probes and the metrics."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from config import health, metrics

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("admin/", admin.site.urls),
    path("status/", include("onboarding.urls")),
    path("", RedirectView.as_view(url="/admin/"), name="root"),
]
