"""manage.py check_demo: one line per promise of the demonstration; exit 1 if one is broken."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from config.demonstration.promises import Promises


class Command(BaseCommand):
    help = "Check what the demonstration promises, against the running console and the simulated bank."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", required=True, help="where the console runs")

    def handle(self, *args: Any, **options: Any) -> None:
        summary = Path(os.environ.get("DEMO_HOME", settings.VAR_DIR)) / "summary.json"
        broken = 0
        for outcome in Promises(json.loads(summary.read_text()), options["url"]).check():
            self.stdout.write(f"{'kept  ' if outcome.kept else 'BROKEN'} {outcome.promise}: {outcome.detail}")
            broken += not outcome.kept
        sys.exit(1 if broken else 0)
