"""Customers, who looks after them, and the people one deals with there."""

from __future__ import annotations

from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from certificates.models import Sealed


def check_time_zone(name: str) -> None:
    """Refuse a time zone this system does not know."""
    if name not in available_timezones():
        raise ValidationError(
            "%(name)s is not a time zone; write it like America/New_York.", params={"name": name}
        )


class AccountManager(models.Model):
    """One of us, as customers see them on their page."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    email = models.EmailField()
    phone = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["name"]
        default_permissions = ("add", "change", "view")

    def __str__(self) -> str:
        return self.name


class Customer(models.Model):
    """A firm whose accounts are connected. Its time zone says which day a hand-over falls on."""

    name = models.CharField(max_length=120, unique=True)
    time_zone = models.CharField(max_length=64, default="America/New_York", validators=[check_time_zone])
    account_manager = models.ForeignKey(
        AccountManager, on_delete=models.PROTECT, null=True, blank=True, related_name="customers"
    )
    created_at = models.DateTimeField(editable=False)

    class Meta:
        ordering = ["name"]
        default_permissions = ("add", "change", "view")
        constraints = [models.CheckConstraint(condition=~models.Q(name=""), name="onboarding_customer_named")]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class Role(models.TextChoices):
    OPERATOR = "operator", "Operator"
    SPONSOR = "sponsor", "Sponsor"
    SIGNER = "signer", "Signing authority"
    SECURITY_ADMIN = "security_admin", "Security administrator"
    BANK_REP = "bank_rep", "J.P. Morgan representative"
    VENDOR_ADMIN = "vendor_admin", "Our security administrator"


MAILED_ROLES = (Role.OPERATOR, Role.SPONSOR, Role.SIGNER)
"""Who is told about milestones unless somebody says otherwise."""
CONFIRMING_ROLES = (*MAILED_ROLES, Role.SECURITY_ADMIN)
"""The customer's own people: nobody else confirms their data."""


class Contact(models.Model):
    """A person by key and role. What identifies them stands sealed in ContactDetails; only masks are kept here."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="contacts")
    role = models.CharField(max_length=16, choices=Role.choices)
    masked_name = models.CharField("name", max_length=40, editable=False)
    masked_email = models.CharField("mail", max_length=120, editable=False)
    masked_phone = models.CharField("phone", max_length=40, blank=True, editable=False)
    gets_mail = models.BooleanField("gets milestone mails", default=False)
    created_at = models.DateTimeField(editable=False)
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["customer", "role", "pk"]
        default_permissions = ("add", "change", "view")
        permissions = [
            ("reveal_contact", "Can see a contact's details, for a stated purpose"),
            ("remove_contact", "Can remove a contact and revoke their link"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="onboarding_contact_role")
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} #{self.pk} ({self.masked_name})"


class ContactDetails(Sealed):
    """Name, mail address and phone of a contact, sealed. Removed on its own: events that refer to the key stay."""

    contact = models.OneToOneField(
        Contact, on_delete=models.PROTECT, primary_key=True, related_name="details"
    )

    class Meta:
        default_permissions = ()
        verbose_name_plural = "contact details"

    def __str__(self) -> str:
        return f"details of contact {self.pk}"

    def facts(self) -> dict[str, str]:
        """Return what the seal is bound to."""
        return {"table": "onboarding_contactdetails", "row": str(self.pk), "purpose": "contact details"}
