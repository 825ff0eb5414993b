"""Coverage: what is known of each bank day, and every balance the bank ever stated."""

from __future__ import annotations

from django.db import models

from bankfeeds.expectation import day_words
from bankfeeds.models.account import Account
from bankfeeds.models.amounts import AmountField


class DayState(models.TextChoices):
    MISSING = "missing", "Missing"
    PROVISIONAL = "provisional", "Provisional"
    FINAL = "final", "Final"
    PROVEN = "proven", "Proven"
    BROKEN = "broken", "Broken"


class Day(models.Model):
    """One account and bank day. A day without a row is missing.

    The state is a judgement on facts, made anew by every transaction that books the day (``pipeline.reconcile``), and
    not a step somebody takes; so it is no state machine. Amounts are in the account's currency; empty: not stated.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="days")
    as_of_date = models.DateField()
    state = models.CharField(max_length=16, choices=DayState.choices, default=DayState.MISSING)
    reopened = models.BooleanField(default=False, help_text="A line came after the day had been proven.")
    opening = AmountField(null=True, blank=True)
    credits = AmountField(default=0)
    debits = AmountField(default=0)
    closing = AmountField(null=True, blank=True)
    difference = AmountField(null=True, blank=True, help_text="Opening plus movements minus closing.")
    stated = models.BooleanField(default=False, help_text="The bank stated balances for this day.")
    lines = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    foreign = models.BooleanField(default=False, help_text="Another currency than the account's is involved.")
    read_at = models.DateTimeField(null=True, blank=True, help_text="When the bank gave this answer.")
    pull = models.ForeignKey("bankfeeds.Pull", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["account", "as_of_date"]
        verbose_name = "bank day"
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["account", "as_of_date"], name="bankfeeds_day_once"),
            models.CheckConstraint(condition=models.Q(state__in=DayState.values), name="bankfeeds_day_state"),
            models.CheckConstraint(
                condition=~models.Q(state="proven") | models.Q(rejected=0, opening__isnull=False),
                name="bankfeeds_day_proof",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "as_of_date"], name="bankfeeds_day_by_state"),
            # Few of the days of years: the next one to prove is found without walking past the proven ones.
            models.Index(
                fields=["account", "as_of_date"],
                condition=models.Q(state__in=["missing", "provisional", "final", "broken"]),
                name="bankfeeds_day_unproven",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account}, {day_words(self.as_of_date)}"


class BalanceObservation(models.Model):
    """Balances as the bank stated them once; a restatement is a further row, nothing is overwritten."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="balances")
    as_of_date = models.DateField()
    opening = AmountField()
    closing = AmountField()
    currency = models.CharField(max_length=3)
    current_day = models.BooleanField(default=False)
    recorded_at = models.DateTimeField(null=True, help_text="The bank's own time stamp.")
    observed_at = models.DateTimeField()
    pull = models.ForeignKey("bankfeeds.Pull", on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["account", "as_of_date", "pk"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["account", "as_of_date"], name="bankfeeds_balance_day")]

    def __str__(self) -> str:
        return f"{self.account}, {day_words(self.as_of_date)}"
