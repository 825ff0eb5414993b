"""The pack as CSV for spreadsheets: no cell of it is read as a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from bankfeeds.validation.judgement import AccountFacts, Check, Pack, in_digits

PACK_COLUMNS = ("connection", "made_at", "account", "check", "verdict", "value", "currency", "words")
LOOK_ALIKE_COLUMNS = ("account", "day", "amount", "currency", "description", "lines", "transaction_ids")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def pack_csv(pack: Pack) -> Iterator[str]:
    """Yield one row for each account and figure, then one for each test."""
    yield _row(PACK_COLUMNS)
    head = (pack.label, pack.at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    for one in pack.accounts:
        for name, verdict, value, words in _figures(one):
            money = one.currency if isinstance(value, Decimal) else ""
            yield _row((*head, one.masked, name, verdict, _plain(value, one.currency), money, words))
    for check in (*pack.checks, pack.look_alikes):
        yield _row(
            (*head, "", check.name, check.verdict.words, check.found, "", f"{check.compared} {check.outcome}")
        )
    yield _row((*head, "", "Verdict", "Ready" if pack.ready else "Not ready", "", "", pack.sentence))


def look_alikes_csv(check: Check) -> Iterator[str]:
    """Yield the groups of a test as rows."""
    yield _row(LOOK_ALIKE_COLUMNS)
    for group in check.groups:
        idents = " ".join(one.ident for one in group.lines) + (
            f" and {group.more} more" if group.more else ""
        )
        yield _row(
            (
                group.account,
                group.day,
                in_digits(group.amount, group.currency),
                group.currency,
                group.text,
                group.count,
                idents,
            )
        )
    if check.more:
        yield _row(("", "", "", "", f"{check.more} more groups are not listed", "", ""))


def safe(cell: object) -> str:
    """Return a cell that no spreadsheet takes for a formula: numbers stay, other texts that begin like one do not."""
    text = format(cell, "f") if isinstance(cell, Decimal) else str(cell)
    if text.lstrip()[:1] in ("=", "+", "-", "@") or text[:1] in ("\t", "\r", "\n"):
        return text if _NUMBER.fullmatch(text) else f"'{text}"
    return text


def _figures(one: AccountFacts) -> Iterable[tuple[str, str, object, str]]:
    def passed(good: bool) -> str:
        return "Passed" if good else "Failed"

    return (
        ("Lines", "", one.lines, ""),
        ("Credits", "", one.credits, ""),
        ("Debits", "", one.debits, ""),
        ("Net", "", one.net, ""),
        ("First day", "", one.first_day, ""),
        ("Last day", "", one.last_day, ""),
        ("Opening balance", "", one.opening, ""),
        ("Closing balance", "", one.closing, ""),
        ("Opening plus movements is closing", passed(one.foots), one.difference, "the difference"),
        ("Days proven", passed(one.complete), one.proven, f"of {one.days}, {one.missing} missing"),
        ("Lines add up to their days", passed(one.recounted), "", ""),
        (
            "Currency and its digits",
            passed(one.exact),
            one.foreign + one.surplus,
            "lines or amounts that are not",
        ),
        ("Withdrawn by the bank", "", one.withdrawn, "not in the totals"),
        ("Amended by the bank", "", one.amended, "earlier contents are kept"),
        ("Renumbered by the bank", "", one.renumbered, "earlier ids are kept"),
        ("Records in quarantine", passed(not one.quarantine), one.quarantine, ""),
        ("Known through", "", one.through, ""),
        ("Proven through", "", one.proven_through, ""),
    )


def _plain(value: object, currency: str) -> object:
    return in_digits(value, currency) if isinstance(value, Decimal) else "" if value is None else value


def _row(cells: Iterable[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(["" if cell is None else safe(cell) for cell in cells])
    return text.getvalue()
