"""``make bench``: every benchmark in one run, as ratios, on a throw-away database (SQLite, or DATABASE_URL)."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")


def main() -> int:
    """Run all benchmarks against a database of their own and print one table."""
    arguments = _arguments()
    import django
    from django.db import connection

    django.setup()
    from benchmarks import booking, rewrap, size, tls_context

    if connection.vendor == "sqlite":
        # A file: a database in memory would count as ours.
        connection.settings_dict["TEST"]["NAME"] = os.path.join(tempfile.mkdtemp(), "bench.sqlite3")
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        print(
            f"Python {platform.python_version()}, {connection.vendor}, {os.cpu_count()} cores, {arguments.lines} lines"
        )
        if arguments.size:
            for row in size.run_all(lines=arguments.size, per_day=arguments.per_day):
                _show(row)
            return 0
        for row in booking.run(lines=arguments.lines, rounds=arguments.rounds):
            _show(row)
        # Before anything else is sealed: its keyrings open its own rows only.
        for row in rewrap.run(keys=arguments.keys, many=arguments.many_keys, rounds=arguments.rounds):
            _show(row)
        for row in tls_context.run(turns=arguments.contexts):
            print(f"{row['what']:<62} {row['milliseconds']:>9.2f} ms        {row['ratio']:>5.2f} x")
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--contexts", type=int, default=200)
    parser.add_argument("--keys", type=int, default=1_000)
    parser.add_argument("--many-keys", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=0, help="only: memory and rate up to so many lines")
    parser.add_argument("--per-day", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def _show(row: dict[str, Any]) -> None:
    print(f"{row['what']:<62} {row['rate']:>9,.0f} {row.get('unit', 'lines/s'):<8} {row['ratio']:>5.2f} x")


if __name__ == "__main__":
    sys.exit(main())
