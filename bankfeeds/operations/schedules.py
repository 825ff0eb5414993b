"""When the schedule reads a connection."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from audit.recording import Actor, record
from audit.workflow import OperationRefused, PermissionMissing
from bankfeeds import timetable
from bankfeeds.models import Account, Connection
from bankfeeds.operations.dispatch import next_time
from bankfeeds.timetable import Timetable

RIGHT = "bankfeeds.change_connection"


def set_schedule(
    *,
    pk: int,
    time_zone: str,
    pull_times: Sequence[str],
    on_holidays: str,
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> Connection:
    """Read the connection at these times of day (``HH:MM``, in the customer's ``time_zone``) from now on.

    Each account's next time follows; one that is due already stays due. The same schedule once more changes nothing.
    Raises OperationRefused with every problem at once.
    """
    if actor.account is not None and not actor.account.has_perm(RIGHT):
        raise PermissionMissing(f"You may not do this: it needs the right “{RIGHT}”.")
    wanted = Timetable(zone=time_zone, times=timetable.tidy(pull_times), on_holidays=on_holidays)
    if missing := timetable.problems(wanted):
        raise OperationRefused("This is no schedule.", missing=missing)
    with transaction.atomic():
        # The accounts before their connection, in one order: as whoever books for one of them.
        accounts = list(Account.objects.select_for_update().filter(connection_id=pk).order_by("pk"))
        connection = Connection.objects.select_for_update().get(pk=pk)
        if connection.state == "closed":
            raise OperationRefused(f"{connection.label} is closed: nothing is read any more.")
        before = connection.timetable
        if before == wanted:
            return connection
        connection.time_zone, connection.on_holidays = time_zone, on_holidays
        connection.pull_times = list(wanted.times)
        connection.save(update_fields=["time_zone", "pull_times", "on_holidays"])
        waiting = [one for one in accounts if one.next_pull_at is not None and one.next_pull_at > now]
        for account in waiting:
            account.connection = connection
            account.next_pull_at = next_time(account, now=now)
        Account.objects.bulk_update(waiting, ["next_pull_at"])
        data = {"from": _told(before), "to": _told(wanted)}
        record(
            verb="bankfeeds.schedule_set", actor=actor, subject=connection, now=now, reason=reason, data=data
        )
    return connection


def _told(table: Timetable) -> dict[str, object]:
    return {"time_zone": table.zone, "pull_times": list(table.times), "on_holidays": table.on_holidays}
