"""From the bank's words to ours: each record becomes a line, a balance or a rejection that says why.

Nothing is dropped, guessed or repaired: an amount with surplus digits, a day outside the window asked for,
a line of another account are rejected whole.
"""

from bankfeeds.pipeline.normalise.day_balances import BalanceAnswer, balances
from bankfeeds.pipeline.normalise.postings import Lines, contradicts, lines, records

__all__ = ["BalanceAnswer", "Lines", "balances", "contradicts", "lines", "records"]
