"""Which column of a customer's export means what, by its heading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bankfeeds.money import MINOR_DIGITS

LABELS = {
    "day": "Day",
    "amount": "Amount",
    "credit": "Credit",
    "debit": "Debit",
    "direction": "Credit or debit",
    "currency": "Currency",
    "ident": "Transaction id",
    "reference": "Reference",
    "description": "Description",
    "account": "Account",
    "state": "State",
}
"""What we look for, in the words people read."""

# In the order of preference: a booking day is rather compared than a value day.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "day": (
        "as of date", "asofdate", "posting date", "posted date", "post date", "date posted", "booking date",
        "book date", "buchungstag", "buchungsdatum", "date comptable", "transaction date", "date", "datum",
        "date operation", "fecha", "data", "valuta", "value date", "wertstellung",
    ),
    "amount": (
        "amount", "signed amount", "transaction amount", "net amount", "betrag", "umsatz", "montant", "importe",
    ),
    "credit": (
        "credit", "credits", "credit amount", "amount credit", "deposit", "deposits", "money in", "paid in",
        "haben", "gutschrift", "gutschriften",
    ),
    "debit": (
        "debit", "debits", "debit amount", "amount debit", "withdrawal", "withdrawals", "money out", "paid out",
        "soll", "lastschrift", "belastung",
    ),
    "direction": (
        "direction", "debit credit", "credit debit", "debit credit code", "debitcreditcode", "dr cr", "cr dr",
        "debit credit indicator", "credit debit indicator", "soll haben", "sign",
    ),
    "currency": ("currency", "ccy", "currency code", "währung", "waehrung", "devise", "moneda"),
    "ident": ("transaction id", "transactionid", "bank transaction id", "unique id", "fitid", "id"),
    "reference": (
        "bank reference", "bankreference", "bank ref", "reference", "reference number", "ref", "referenz", "référence",
    ),
    "description": (
        "description", "transaction description", "details", "narrative", "memo", "payee", "text",
        "verwendungszweck", "buchungstext", "libellé", "concepto",
    ),
    "account": ("account", "account number", "account id", "accountid", "account no", "konto", "kontonummer", "iban"),
    "state": ("state", "status"),
}  # fmt: skip


def recognise(headings: Sequence[str]) -> dict[str, int]:
    """Return the place of each column we understand, by what it means; two headings of one meaning: the better one."""
    names = [_plain(heading) for heading in headings]
    found = {}
    for field, known in _NAMES.items():
        place = next((names.index(name) for name in known if name in names), None)
        if place is not None:
            found[field] = place
    return found


def complete(found: Mapping[str, int]) -> bool:
    """Say whether the columns suffice: a day, and an amount in one column or in two."""
    return "day" in found and ("amount" in found or {"credit", "debit"} <= found.keys())


def _plain(heading: str) -> str:
    words = "".join(one if one.isalnum() else " " for one in heading.casefold()).split()
    if len(words) > 1 and words[-1].upper() in MINOR_DIGITS:  # “Amount (USD)”
        words.pop()
    return " ".join(words)
