"""The project's settings with an environment of the tests' own: nothing of the developer's reaches a test."""

import atexit
import base64
import os
import shutil
import tempfile

os.environ |= {
    "SECRET_KEY": "obviously-a-test-key-and-nothing-else-0123456789",
    "KEK_KEYRING": "test1:" + base64.b64encode(bytes(range(32))).decode(),
    "KEK_ACTIVE": "test1",
    "DEBUG": "false",
    "PUBLIC_URL": "http://localhost",
    "EMAIL_URL": "memorymail://",
    "BANK_CALLS_PER_SECOND": "0",
    "OPS_EMAIL": "ops@vendor.example",
    "DJANGO_READ_DOT_ENV": "false",
}
os.environ.setdefault("LOG_LEVEL", "WARNING")
# Playwright's synchronous interface keeps an event loop in the test's thread.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

from config.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file, as in production: SQLite's shared in-memory database locks whole tables between threads.
    _folder = tempfile.mkdtemp(prefix="lockkeeper-tests-")
    atexit.register(shutil.rmtree, _folder, ignore_errors=True)
    DATABASES["default"]["TEST"] = {"NAME": f"{_folder}/test.sqlite3"}  # noqa: F405
