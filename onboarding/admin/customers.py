"""Customers, their contacts (masked), and account managers in the console."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from audit.recording import Actor
from audit.transitions import Button
from onboarding import operations
from onboarding.admin.acts import RefusalsAsMessages, ShowsOnce, become
from onboarding.admin.forms import ContactForm
from onboarding.models import AccountManager, Contact, Customer


def _reveal(*, pk: int, actor: Actor, now: Any, reason: str) -> operations.Details:
    return operations.reveal_contact(pk=pk, actor=actor, now=now, purpose=reason)


class NeverDeleted:
    """Rows that others refer to: they are changed or removed by an act, not deleted."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Customer)
class CustomerAdmin(NeverDeleted, RefusalsAsMessages, ModelAdmin):
    list_display = ("name", "time_zone", "account_manager")
    search_fields = ("name",)
    list_select_related = ("account_manager",)
    fields = ("name", "time_zone", "account_manager")
    actions = None

    def save_model(self, request: HttpRequest, obj: Customer, form: Any, change: bool) -> None:
        by: dict[str, Any] = {"actor": Actor.user(request.user), "now": timezone.now()}
        facts: dict[str, Any] = {name: form.cleaned_data[name] for name in self.fields}
        saved = (
            operations.change_customer(pk=obj.pk, **facts, **by)
            if change
            else operations.create_customer(**facts, **by)
        )
        become(obj, saved)


@admin.register(Contact)
class ContactAdmin(NeverDeleted, RefusalsAsMessages, ShowsOnce, ModelAdmin):
    list_display = (
        "number",
        "customer",
        "role",
        "masked_name",
        "masked_email",
        "masked_phone",
        "gets_mail",
        "removed_at",
    )
    list_filter = ("role", "gets_mail")
    list_select_related = ("customer",)
    search_fields = ("customer__name",)
    actions = None
    form = ContactForm
    shown_once = {"reveal": "admin/onboarding/contact/revealed.html"}
    buttons = (
        Button(
            name="reveal",
            label="Show the details",
            operation=_reveal,
            permission="onboarding.reveal_contact",
            reason=True,
            when=lambda contact: contact.removed_at is None,
            warning="Say what you need them for. Your name and this purpose are recorded.",
        ),
        Button(
            name="remove",
            label="Remove",
            operation=operations.remove_contact,
            permission="onboarding.remove_contact",
            reason=True,
            style="danger",
            when=lambda contact: contact.removed_at is None,
            warning="Their links die at once and their details are erased. What they did stays on record by number.",
        ),
    )
    fieldsets = (
        (None, {"fields": ("customer", "role", "gets_mail")}),
        ("Details, sealed", {"fields": ("name", "email", "phone"), "description": "Empty: as it was."}),
    )

    @admin.display(description="number", ordering="pk")
    def number(self, contact: Contact) -> str:
        return str(contact.pk)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("customer",) if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        there = obj is None or obj.removed_at is None
        return there and request.user.has_perm("onboarding.change_contact")

    def save_model(self, request: HttpRequest, obj: Contact, form: Any, change: bool) -> None:
        by: dict[str, Any] = {"actor": Actor.user(request.user), "now": timezone.now()}
        names = ("role", "gets_mail", "name", "email", "phone")
        facts: dict[str, Any] = {name: form.cleaned_data[name] for name in names}
        saved = (
            operations.change_contact(pk=obj.pk, **facts, **by)
            if change
            else operations.add_contact(customer=form.cleaned_data["customer"], **facts, **by)
        )
        become(obj, saved)


@admin.register(AccountManager)
class AccountManagerAdmin(NeverDeleted, RefusalsAsMessages, ModelAdmin):
    list_display = ("name", "email", "phone")
    fields = ("user", "name", "email", "phone")
    actions = None

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("user",) if obj else ()

    def save_model(self, request: HttpRequest, obj: AccountManager, form: Any, change: bool) -> None:
        saved = operations.set_account_manager(
            user=obj.user,
            name=obj.name,
            email=obj.email,
            phone=obj.phone,
            actor=Actor.user(request.user),
            now=timezone.now(),
        )
        become(obj, saved)
