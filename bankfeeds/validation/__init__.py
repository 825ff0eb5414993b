"""Is a feed right, complete and there once? The pack for the customer, and the comparison with their own export."""

from bankfeeds.validation.comparing import Outcome, compare
from bankfeeds.validation.duplicates import look_alikes
from bankfeeds.validation.export import LARGEST, Choices, Export, Row, first_rows, read_export
from bankfeeds.validation.judgement import Pack, Verdict
from bankfeeds.validation.pack import last_made, make_pack
from bankfeeds.validation.unreadable import NotUnderstood

__all__ = [
    "LARGEST",
    "Choices",
    "Export",
    "NotUnderstood",
    "Outcome",
    "Pack",
    "Row",
    "Verdict",
    "compare",
    "first_rows",
    "last_made",
    "look_alikes",
    "make_pack",
    "read_export",
]
