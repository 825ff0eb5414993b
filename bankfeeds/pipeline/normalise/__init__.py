"""From the bank's words to ours: each record becomes a line, a balance or a rejection that says why.

Nothing is dropped, guessed or repaired: an amount with surplus digits, a day outside the window asked for,
a line of another account are rejected whole.
"""

from bankfeeds.pipeline.normalise.day_balances import BalanceAnswer, balances
from bankfeeds.pipeline.normalise.postings import Lines, contradicts, lines, records

# Raise it with every change of what these modules, jpmorgan.wire, money or bai make of the same bytes: pages read by
# other rules are read again.
READING_RULES = 1

__all__ = ["READING_RULES", "BalanceAnswer", "Lines", "balances", "contradicts", "lines", "records"]
