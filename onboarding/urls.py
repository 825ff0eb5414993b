"""Addresses of the status portal."""

from django.urls import path

from onboarding import portal

urlpatterns = [
    path("<str:token>/", portal.status, name="portal-status"),
    path("<str:token>/code/", portal.code, name="portal-code"),
    path("<str:token>/confirm/", portal.confirm, name="portal-confirm"),
]
