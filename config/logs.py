"""Structured logs: one JSON object a line, constant messages, secrets and personal data cut, no local variables."""

from __future__ import annotations

import logging
import re
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer

_NAMES = "client_assertion|token|password|passphrase|secret|secret_key|keyring|sessionid"
_NAMED = re.compile(rf"(?i)({_NAMES}|authorization|cookie)$")

_CUTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S), "[key cut]"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), "[token cut]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 [cut]"),
    (re.compile(rf"(?i)({_NAMES})([\"'\\]*\s*[=:]\s*[\"'\\]*)[^\s&;\"',}}\\]+"), r"\1\2[cut]"),
    (re.compile(r"([\"'](?:d|p|q|dp|dq|qi)[\"']\s*:\s*[\"'])[A-Za-z0-9_-]{20,}"), r"\1[cut]"),
    (re.compile(r"(://[^\s/:@]{0,64}:)[^\s/@]{1,256}@"), r"\1[cut]@"),
    (re.compile(r"/status/[A-Za-z0-9_-]{16,}"), "/status/[cut]"),
    (re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@[\w-]{1,64}(\.[\w-]{1,64})+"), "[address cut]"),
    (re.compile(r"\b\d{5,}(\d{4})\b"), r"•••\1"),
)  # fmt: skip


def cut(text: str) -> str:
    """Return ``text`` without private keys, tokens, passwords, portal links, mail addresses and account numbers."""
    for pattern, replacement in _CUTS:
        text = pattern.sub(replacement, text)
    return text


def cut_event(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The structlog processor that cuts every string of an event, however deep."""
    return {key: _cut_named(key, value) for key, value in event.items()}


def logging_settings(*, level: str, debug: bool) -> dict[str, Any]:
    """Return Django's LOGGING: everything through one handler that cuts before it writes."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
        cut_event,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": shared,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            cut_event,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Without this line Django's own handlers stay: one prints as it is under DEBUG, one mails whole reports.
            "django": {"handlers": [], "level": "INFO"},
            # Statements carry parameters, and parameters carry what must not be logged.
            "django.db.backends": {"level": "INFO"},
            "django.server": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        },
    }


def _cut_named(name: Any, value: Any) -> Any:
    if isinstance(value, str | bytes) and _NAMED.search(str(name)):
        return "[cut]"
    return _cut_value(value)


def _cut_value(value: Any) -> Any:
    if isinstance(value, str):
        return cut(value)
    if isinstance(value, bytes):
        return cut(value.decode("utf-8", "replace"))
    if isinstance(value, dict):
        return {key: _cut_named(key, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cut_value(item) for item in value]
    if isinstance(value, BaseException):
        return cut(f"{type(value).__name__}: {value}")
    return (
        value if isinstance(value, int | float | bool | logging.LogRecord | type(None)) else cut(str(value))
    )
