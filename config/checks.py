"""Deployment checks: a production setting that is missing or unsafe fails with a sentence."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

_DEFAULT_ORGANISATION = "Example Vendor Inc"


def register_checks() -> None:
    """Register the checks of this module for ``manage.py check --deploy``."""
    register(check_deployment, Tags.security, deploy=True)


def require_working_keys() -> None:
    """Raise ImproperlyConfigured, naming the version, where the keyring does not open what was sealed.

    For servers: only commands run the system checks by themselves. Without a database nothing is known to be
    sealed, and the process starts; it cannot seal or open anything before the database answers.
    """
    try:
        found = [message for message in run_checks(tags=["certificates"]) if message.is_serious()]
    finally:
        connections.close_all()  # a server may fork from here, and its children must not share a socket
    if found:
        raise ImproperlyConfigured(" ".join(message.msg for message in found))


def check_deployment(**_: Any) -> list[CheckMessage]:
    """Return what stands between this configuration and production."""
    return [*_addresses(), *_mail(), *_storage(), *_identity()]


def _addresses() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if settings.DEBUG:
        found.append(
            Error("DEBUG is on: error pages would show internals. Unset DEBUG.", id="lockkeeper.E001")
        )
    if not settings.PUBLIC_URL.startswith("https://"):
        found.append(
            Error(
                "PUBLIC_URL is not an https:// address: links and cookies would travel in the clear.",
                id="lockkeeper.E002",
            )
        )
    if "*" in settings.ALLOWED_HOSTS or set(settings.ALLOWED_HOSTS) <= {"localhost", "127.0.0.1", "[::1]"}:
        found.append(Error("ALLOWED_HOSTS does not name this installation's host.", id="lockkeeper.E003"))
    if not settings.SECRET_KEY_IS_SET:
        found.append(Error("SECRET_KEY is not set. Set SECRET_KEY or SECRET_KEY_FILE.", id="lockkeeper.E009"))
    elif len(settings.SECRET_KEY) < 40:
        found.append(Error("SECRET_KEY is shorter than 40 characters.", id="lockkeeper.E004"))
    return found


def _mail() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    nowhere = str(settings.EMAIL_CONFIG.get("EMAIL_HOST")).endswith(".invalid")
    if nowhere or not settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        found.append(
            Error(
                "EMAIL_URL does not name a mail server: customers would hear nothing.", id="lockkeeper.E005"
            )
        )
    elif not (settings.EMAIL_CONFIG.get("EMAIL_USE_TLS") or settings.EMAIL_CONFIG.get("EMAIL_USE_SSL")):
        found.append(
            Warning("EMAIL_URL does not ask for TLS (smtp+tls:// or smtp+ssl://).", id="lockkeeper.W001")
        )
    if not settings.OPS_EMAIL:
        found.append(
            Error("OPS_EMAIL is not set: nobody would hear of an expiring certificate.", id="lockkeeper.E006")
        )
    if settings.DEFAULT_FROM_EMAIL.endswith("@localhost>"):
        found.append(Error("DEFAULT_FROM_EMAIL is not set.", id="lockkeeper.E007"))
    return found


def _storage() -> list[CheckMessage]:
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        return [
            Warning(
                "DATABASE_URL names SQLite: one host only, no point-in-time recovery.", id="lockkeeper.W002"
            )
        ]
    return []


def _identity() -> list[CheckMessage]:
    if settings.CSR_SUBJECT.get("O") == _DEFAULT_ORGANISATION:
        return [
            Error(
                "CSR_SUBJECT is still the example: certificates would carry another firm's name. "
                "Set it like CSR_SUBJECT=C=US,ST=New York,L=New York,O=Your Firm Inc,OU=Integrations",
                id="lockkeeper.E008",
            )
        ]
    return []
