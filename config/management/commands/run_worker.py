"""manage.py run_worker: run the django-q2 cluster under a supervisor that believes only executed heartbeats."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser, SystemCheckError

from config.worker import Supervisor


class Command(BaseCommand):
    help = "Run the queue's cluster in its own process group; replace it when its heartbeat stops."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--stale-after",
            type=float,
            default=180.0,
            metavar="SECONDS",
            help="heartbeat age that condemns the cluster",
        )
        parser.add_argument(
            "--grace",
            type=float,
            default=20.0,
            metavar="SECONDS",
            help="time to finish the task at hand when stopping",
        )

    def check(self, *args: Any, **options: Any) -> None:
        try:
            super().check(*args, **options)
        except SystemCheckError as refusal:
            refusal.returncode = 2  # a wrong configuration, not findings
            raise

    def handle(self, *args: Any, **options: Any) -> None:
        Supervisor(stale_after=options["stale_after"], grace=options["grace"]).run()
