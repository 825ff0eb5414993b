"""What the commands share: their exit codes, and how they refuse."""

from __future__ import annotations

from django.core.management.base import CommandError

from audit.workflow import OperationRefused
from bankfeeds.models import Connection

DONE, FINDINGS, WRONG_CALL, BANK_REFUSED = 0, 1, 2, 3


def connection_named(label: str) -> Connection:
    """Return the connection. Raises CommandError (exit code 2) when there is none of this label."""
    found = Connection.objects.filter(label=label).first()
    if found is None:
        raise CommandError(f"There is no connection {label}.", returncode=WRONG_CALL)
    return found


def refusal(problem: OperationRefused, *, code: int = WRONG_CALL) -> CommandError:
    """Return the refusal as a command's error with this exit code, and everything that is missing."""
    lines = [problem.sentence, *(f"  missing: {item}" for item in problem.missing)]
    return CommandError("\n".join(lines), returncode=code)
