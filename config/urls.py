"""Addresses: the console, the customers' portal and the two health probes."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from config import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("admin/", admin.site.urls),
    path("status/", include("onboarding.urls")),
    path("", RedirectView.as_view(url="/admin/"), name="root"),
]
