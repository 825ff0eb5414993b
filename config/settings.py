"""Every setting, from the environment. One file; secrets come from a variable or from the file its ``…_FILE`` names."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config.console import UNFOLD  # noqa: F401 - the theme reads it from here
from config.logs import logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = environ.Env()
if env.bool("DJANGO_READ_DOT_ENV", default=True):
    environ.Env.read_env(BASE_DIR / ".env")


def secret(name: str, default: str = "") -> str:
    """Return a secret from the file named by ``<name>_FILE`` (preferred) or from the variable ``<name>``."""
    path = os.environ.get(f"{name}_FILE", "")
    if not path:
        # Not through environ: it would take a value that begins with "$" for the name of another variable.
        return os.environ.get(name, default)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as problem:
        raise ImproperlyConfigured(f"{name}_FILE cannot be read: {problem.strerror}") from None
    except ValueError:
        raise ImproperlyConfigured(f"{name}_FILE cannot be read: it is not text.") from None


def secret_url(name: str, read: Callable[[str], dict[str, Any]], *, default: str) -> dict[str, Any]:
    """Return the settings in a URL that may hold a password, given like any secret; a refusal does not repeat it."""
    try:
        return read(secret(name) or default)
    except (ValueError, KeyError):
        raise ImproperlyConfigured(
            f"{name} is not a URL that can be read: write special characters of its password as %23 and the like."
        ) from None


DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = secret("SECRET_KEY")
SECRET_KEY_IS_SET = bool(SECRET_KEY)
if (
    not SECRET_KEY
    and len(sys.argv) > 1
    and sys.argv[1] in {"makemigrations", "check", "collectstatic", "help"}
):
    # These commands neither sign nor seal; a key made for this process alone lets them run on a fresh machine.
    SECRET_KEY = base64.b64encode(os.urandom(48)).decode()
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. Set SECRET_KEY or SECRET_KEY_FILE; make one with: "
        'python -c "import secrets; print(secrets.token_urlsafe(50))"'
    )

# Who seals private keys: env | aws-kms | vault (docs/key-providers.md). No key is derived from SECRET_KEY.
KEK_PROVIDER = env.str("KEK_PROVIDER", default="env")
KEK_KEYRING = secret("KEK_KEYRING")  # <version>:<base64 of 32 bytes>[,…]
KEK_ACTIVE = env.str("KEK_ACTIVE", default="")
KEK_OPTIONS: dict[str, str] = {
    "aws_key": env.str("KEK_AWS_KEY", default=""),
    "aws_older_keys": env.str("KEK_AWS_OLDER_KEYS", default=""),
    "aws_region": env.str("KEK_AWS_REGION", default=""),
    "aws_endpoint": env.str("KEK_AWS_ENDPOINT", default=""),
    "vault_addr": env.str("VAULT_ADDR", default=""),
    "vault_namespace": env.str("VAULT_NAMESPACE", default=""),
    "vault_ca": env.str("VAULT_CACERT", default=""),
    "vault_mount": env.str("KEK_VAULT_MOUNT", default="transit"),
    "vault_key": env.str("KEK_VAULT_KEY", default=""),
    # The file's name, not its content: a Vault agent writes it anew whenever the token is renewed.
    "vault_token_file": os.environ.get("VAULT_TOKEN_FILE", ""),
    "vault_token": "" if os.environ.get("VAULT_TOKEN_FILE") else secret("VAULT_TOKEN"),
}
# Whether a private key may leave as PKCS#12 at all; each export takes two people even then.
ALLOW_KEY_EXPORT = env.bool("ALLOW_KEY_EXPORT", default=False)
# The public half (PEM) of a key kept elsewhere: with its private half everything opens when the keyring is lost.
RECOVERY_PUBLIC_KEY = secret("RECOVERY_PUBLIC_KEY")

PUBLIC_URL = env.str("PUBLIC_URL", default="http://localhost:8000").rstrip("/")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = [PUBLIC_URL] if PUBLIC_URL.startswith("https://") else []

# Who operates this installation: the subject of certificate signing requests, and where alarms go.
CSR_SUBJECT: dict[str, str] = env.dict(
    "CSR_SUBJECT",
    default={
        "C": "US",
        "ST": "New York",
        "L": "New York",
        "O": "Example Vendor Inc",
        "OU": "Bank Integrations",
    },
)
VENDOR_NAME = env.str("VENDOR_NAME", default="Example Vendor")
OPS_EMAIL = env.str("OPS_EMAIL", default="")
ESCALATION_EMAIL = env.str("ESCALATION_EMAIL", default="")  # without it, escalations go to OPS_EMAIL
# Whoever reads /metrics shows this token; without one the page does not exist.
METRICS_TOKEN = secret("METRICS_TOKEN")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Lockkeeper <lockkeeper@localhost>")

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "csp",
    "django_q",
    "audit",
    "certificates",
    "bankfeeds",
    "onboarding",
    "config",
]

MIDDLEWARE = [
    "config.middleware.PortalHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.middleware.ConsolePolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before the apps' own: unfold must precede django.contrib.admin, so only this folder can override both.
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES: dict[str, dict[str, Any]] = {
    "default": secret_url(
        "DATABASE_URL", environ.Env.db_url_config, default=f"sqlite:///{VAR_DIR / 'lockkeeper.sqlite3'}"
    )
}
DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    VAR_DIR.mkdir(exist_ok=True)
    # IMMEDIATE: a writer waits its turn instead of failing with "database is locked" on its first write.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
        " PRAGMA temp_store=MEMORY; PRAGMA mmap_size=134217728; PRAGMA journal_size_limit=67108864;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = secret("REDIS_URL")
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": VAR_DIR / "cache"}
}

# How long raw answers of the bank are kept that changed nothing; all others are kept for ever.
RAW_PAGE_DAYS = env.int("RAW_PAGE_DAYS", default=35)

# How many pulls a minute's tick queues and calls workers for at most, and how many calls may be waiting at once.
PULLS_PER_TICK = env.int("PULLS_PER_TICK", default=200)
# How often all workers together call one host of the bank: a rate, and how many calls may come at once. 0: no limit.
BANK_CALLS_PER_SECOND = env.float("BANK_CALLS_PER_SECOND", default=50.0)
BANK_CALL_BURST = env.int("BANK_CALL_BURST", default=100)
# How long after the expected time a feed may lack its proven day before it is called late.
LATE_AFTER = timedelta(hours=env.int("LATE_AFTER_HOURS", default=4))

QUEUE_BROKER = env.str("QUEUE_BROKER", default="orm")  # orm | redis; the rows decide what is due, either way
Q_CLUSTER: dict[str, Any] = {
    "name": "lockkeeper",
    "workers": env.int("QUEUE_WORKERS", default=2),
    "bulk": 1,
    # Equal to the workers: a task waiting in a prefetch queue counts against ``retry`` and would run twice.
    "queue_limit": env.int("QUEUE_WORKERS", default=2),
    "timeout": env.int("QUEUE_TIMEOUT", default=300),
    "retry": env.int("QUEUE_TIMEOUT", default=300) * 4,
    "ack_failures": True,
    "max_attempts": 1,
    "catch_up": False,
    "save_limit": 0,
    "recycle": 500,
    "poll": 1,
    "guard_cycle": 0.5,
    "label": "Queue",
}
Q_CLUSTER |= {"redis": REDIS_URL} if QUEUE_BROKER == "redis" else {"orm": "default"}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/admin/login/"
LOGIN_REDIRECT_URL = "/admin/"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
FORMAT_MODULE_PATH = "config.formats"  # dates without a format of their own: day first, 24 hours, UTC said
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
# Uploads stay in memory and go with their request: one may turn out to hold a private key.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True

# Never to the console by default: mails carry links and codes. A host that is not there fails them visibly instead.
EMAIL_CONFIG = secret_url(
    "EMAIL_URL",
    environ.Env.email_url_config,
    default=f"filemail://{VAR_DIR / 'mail'}" if DEBUG else "smtp://mail-server-not-set.invalid",
)
if EMAIL_CONFIG.get("EMAIL_FILE_PATH"):
    # The library drops the slash an absolute path begins with: mails would land below the working folder.
    EMAIL_CONFIG["EMAIL_FILE_PATH"] = "/" + EMAIL_CONFIG["EMAIL_FILE_PATH"].lstrip("/")
vars().update(EMAIL_CONFIG)

_https = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
SECURE_SSL_REDIRECT = _https and env.bool("SSL_REDIRECT", default=True)
SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds()) if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _https
SECURE_HSTS_PRELOAD = False
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
)
SECURE_CONTENT_TYPE_NOSNIFF = True
# Not no-referrer: with that, browsers post forms with "Origin: null" and the CSRF check refuses every login.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = ["security.W021"]  # preload is the domain owner's decision, not this program's

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "script-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

DEFAULT_EXCEPTION_REPORTER_FILTER = "config.errors.AlwaysCutting"
LOGGING = logging_settings(level=env.str("LOG_LEVEL", default="INFO"), debug=DEBUG)
LOGGING_CONFIG = "logging.config.dictConfig"
