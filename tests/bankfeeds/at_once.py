"""Several callers at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from django.db import connection


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls at the same moment, each in a thread with a database connection of its own."""
    start, found = threading.Barrier(len(calls)), [None] * len(calls)

    def one(number: int) -> None:
        try:
            start.wait(10)
            found[number] = calls[number]()
        except BaseException as problem:
            found[number] = problem  # type: ignore[call-overload]
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found
