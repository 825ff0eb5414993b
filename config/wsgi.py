"""The WSGI application. It does not start where the sealed keys could not be opened."""

import os

from django.core.wsgi import get_wsgi_application

from config.processes import withhold_core_dumps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
withhold_core_dumps()
application = get_wsgi_application()

from config.checks import require_working_keys  # noqa: E402 - models can be imported from here on

require_working_keys()
