"""manage.py load_demo: fill an empty database with customers at every stage, through real operations and a bank."""

from __future__ import annotations

import json
import os
import stat
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from bankfeeds.simulator import scenarios, server
from config.demonstration import people, stories
from config.demonstration.bank import BankDesk
from config.demonstration.road import Scene
from onboarding.models import Customer


class Command(BaseCommand):
    help = "Load the demonstration: customers from requested to live, against the simulated bank."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--control", metavar="URL", help="a running simulator's control address; one is started if absent"
        )
        parser.add_argument(
            "--summary", type=Path, metavar="FILE", help="where logins and links are written (mode 0600)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if Customer.objects.exists():
            raise CommandError(
                "There are customers here already: the demonstration needs a database of its own.",
                returncode=2,
            )
        if options["control"]:
            summary = self._play(BankDesk(options["control"]))
        else:
            with server.BankServer(scenarios.build("plain", today=timezone.now().date())) as running:
                summary = self._play(BankDesk(running.control_url))
        self._write(options["summary"] or _default_place(), summary)

    def _play(self, desk: BankDesk) -> dict[str, Any]:
        now, state = timezone.now(), desk.state()
        scene = Scene(
            staff=people.hire(now=now),
            bank=desk,
            now=now,
            today=date.fromisoformat(state["today"]),
            api_host=state["urls"]["oauth"],
            token_url=state["urls"]["token"],
        )
        told = stories.play(scene, lambda words: self.stdout.write(f"          {words}"))
        return {
            "logins": scene.staff.logins,
            "control": state["urls"]["control"],
            "main": {"label": told[0][0].label, "accounts": told[0][0].accounts, "token": told[0][0].token},
            "today": state["today"],
            "portals": [
                {
                    "customer": story.name,
                    "stage": stage,
                    "url": f"{settings.PUBLIC_URL}/status/{story.token}/",
                }
                for story, stage in told
            ],
        }

    def _write(self, place: Path, summary: dict[str, Any]) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch(mode=stat.S_IRUSR | stat.S_IWUSR)
        place.write_text(json.dumps(summary, indent=1))
        self.stderr.write(f"Logins and links: {place}")


def _default_place() -> Path:
    return Path(os.environ.get("DEMO_HOME", settings.VAR_DIR)) / "summary.json"
