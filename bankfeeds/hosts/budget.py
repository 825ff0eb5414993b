"""How often a host is called, by all workers together: a rate with a burst (GCRA), kept in one column of its row.

``next_call_at`` is where the budget is used up to. A call that finds it at most a burst ahead of now goes at once and
moves it on by one interval; another one waits. Whoever moves it does so by compare-and-set, so no place is given twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from bankfeeds.models import BankHost

MOST_RACES = 1000


def take_place(host: BankHost, *, longest: timedelta, now: datetime) -> tuple[timedelta, bool]:
    """Take a place among the calls to the host: return how long to wait for it, and whether it was taken.

    A place further off than ``longest`` is not taken. Without a rate (0) every call goes at once.
    """
    rate = float(settings.BANK_CALLS_PER_SECOND)
    if rate <= 0:
        return timedelta(), True
    interval = timedelta(seconds=1 / rate)
    ahead = interval * (max(1, int(settings.BANK_CALL_BURST)) - 1)
    used_up_to = host.next_call_at
    for _ in range(MOST_RACES):
        start = max(used_up_to or now, now)
        wait = max(start - ahead - now, timedelta())
        if wait > longest:
            return wait, False
        row = BankHost.objects.filter(pk=host.pk)
        if row.filter(next_call_at=used_up_to).update(next_call_at=start + interval):
            return wait, True
        used_up_to = row.values_list("next_call_at", flat=True).get()
    return longest, False
