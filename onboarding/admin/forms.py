"""Forms of the acts: they parse, the operations judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from bankfeeds.models import Connection
from onboarding import checklist
from onboarding.models import Contact, Customer, Role
from onboarding.models.step import Holder
from onboarding.operations.validation import HEARD_BY

if TYPE_CHECKING:
    ContactFormBase = forms.ModelForm[Contact]
else:
    ContactFormBase = forms.ModelForm

STEPS = [(step.number, f"{step.number}. {step.title}") for step in checklist.steps()]


def _choice(label: str, choices: Any, **more: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=choices, widget=UnfoldAdminSelectWidget, **more)


def _number(label: str, choices: Any) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(label=label, choices=choices, coerce=int, widget=UnfoldAdminSelectWidget)


def _day(label: str, **more: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}), **more)


def _text(label: str, length: int = 120, **more: Any) -> forms.CharField:
    return forms.CharField(label=label, max_length=length, widget=UnfoldAdminTextInputWidget, **more)


class PlatformForm(forms.Form):
    platform = _choice("Which platform does the customer use?", list(checklist.PLATFORMS.items()))


class PersonForm(forms.Form):
    """A new person, or one on record by number."""

    contact_id = forms.IntegerField(
        label="Number of a contact on record",
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="If they are on record already; otherwise leave empty and fill in the rest.",
    )
    name = _text("Name", required=False)
    email = forms.EmailField(label="Business mail", required=False, widget=UnfoldAdminEmailInputWidget)
    phone = _text("Phone", 40, required=False)

    def clean(self) -> dict[str, Any]:
        """Ask for a person one way or the other."""
        given = super().clean() or {}
        if not given.get("contact_id") and not (given.get("name") and given.get("email")):
            raise forms.ValidationError("Give a number, or a name and a mail address.")
        return given


class AdministratorForm(PersonForm):
    side = _choice("Whose administrator?", [("customer", "The customer's"), ("vendor", "Ours")])
    stand_in = forms.BooleanField(label="As the stand-in", required=False, widget=UnfoldBooleanWidget)


class KickoffForm(forms.Form):
    held_on = _day("Held on")


class PortalProjectForm(forms.Form):
    reference = _text("Name or number in the developer portal")


class ApprovalForm(forms.Form):
    approved_on = _day("Approved on")
    reference = _text("The bank's reference", required=False)


class ConnectionForm(forms.Form):
    connection = forms.ModelChoiceField(
        label="Connection",
        queryset=Connection.objects.exclude(state="closed"),
        widget=UnfoldAdminSelectWidget,
    )


class WaiverForm(forms.Form):
    item = _choice(
        "What is done without?",
        [(i.key, i.name) for step in checklist.steps() for i in step.items if i.waivable],
    )


class HandOverForm(forms.Form):
    number = _number("Step", STEPS)
    to = _choice("To", Holder.choices)


class StepForm(forms.Form):
    number = _number("Step", STEPS)


class HoldForm(forms.Form):
    review_on = _day("Look at it again on", help_text="The customer reads the reason below.")


class ContactNumberForm(forms.Form):
    contact_id = forms.IntegerField(
        label="Number of the contact",
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="As listed under the project's contacts.",
    )


class HeardForm(ContactNumberForm):
    heard = _choice("How did you hear it?", list(HEARD_BY.items()))


class ContactForm(ContactFormBase):
    """A contact; details are written, never shown."""

    customer = forms.ModelChoiceField(queryset=Customer.objects.all(), widget=UnfoldAdminSelectWidget)
    role = _choice("Role", Role.choices)
    name = _text("Name", required=False)
    email = forms.EmailField(label="Business mail", required=False, widget=UnfoldAdminEmailInputWidget)
    phone = _text("Phone", 40, required=False)

    class Meta:
        model = Contact
        fields = ("customer", "role", "gets_mail")
