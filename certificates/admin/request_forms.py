"""The forms of a new signing request: whose key, and what the request says."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from certificates import profiles, x509
from certificates.models import Environment, KeyUse

LABELS = {
    "country": "Country (C)",
    "state": "State or province (ST)",
    "locality": "Town (L)",
    "organization": "Organisation (O)",
    "unit": "Unit (OU)",
    "common_name": "Common name (CN)",
}
_ABOUT_FIELD = re.compile(r"The subject field ([A-Z]+) ")


class WhichKeyForm(forms.Form):
    """Whose key, what for, and where."""

    scope = forms.ChoiceField(label="Whose key", widget=UnfoldAdminSelectWidget)
    use = forms.ChoiceField(label="What for", choices=KeyUse.choices, widget=UnfoldAdminSelectWidget)
    environment = forms.ChoiceField(
        label="Environment",
        choices=Environment.choices,
        widget=UnfoldAdminSelectWidget,
        help_text="A key of one environment is never used in the other.",
    )

    def __init__(self, *args: Any, scopes: Iterable[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scope"].choices = list(scopes)  # type: ignore[attr-defined]


class SubjectForm(forms.Form):
    """What the request says; each field carries the bank's rules in plain words, and breaks them beside itself."""

    def __init__(
        self, *args: Any, profile: profiles.Profile, elsewhere: Collection[str] = (), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.profile, self.elsewhere = profile, elsewhere
        for attribute, (short, _, _) in x509.FIELDS.items():
            self.fields[attribute] = _text(LABELS[attribute], _rules(profile, short))
        self.fields["algorithm"] = forms.ChoiceField(
            label="Key type",
            choices=[(name, key_words(name)) for name in profile.algorithms],
            initial=profile.algorithm,
            widget=UnfoldAdminSelectWidget,
            help_text=" ".join(_rules(profile, "key")),
        )

    @property
    def subject(self) -> x509.Subject:
        """Return the subject as filled in."""
        return x509.Subject(**{name: self.cleaned_data.get(name, "") for name in x509.FIELDS})

    def clean(self) -> dict[str, Any]:
        """Put every rule that is broken beside its field."""
        given = super().clean() or {}
        subject, told = self.subject, set()
        for rule in self.profile.name_rules:
            for name in rule.fields:
                if replace(rule, fields=(name,)).broken_by(subject):
                    self.add_error(name, rule.refusal)
                    told.add(rule.refusal)
        by_short = {short: name for name, (short, _, _) in x509.FIELDS.items()}
        for defect in self.profile.subject_defects(subject, taken_elsewhere=self.elsewhere):
            about = _ABOUT_FIELD.match(defect)
            if about:
                self.add_error(by_short[about[1]], defect)
            elif defect not in told:
                self.add_error("common_name", defect)
        return given


def key_words(algorithm: str) -> str:
    """Return “RSA, 2048 bits” or “EC, curve P256”."""
    kind, _, size = algorithm.partition("-")
    return f"RSA, {size} bits" if kind == "rsa" else f"EC, curve {size.upper()}"


def _text(label: str, rules: list[str]) -> forms.CharField:
    field = forms.CharField(
        label=label, required=False, widget=UnfoldAdminTextInputWidget, help_text=" ".join(rules)
    )
    field.rules = rules  # type: ignore[attr-defined]  # the template shows them as a list
    return field


def _rules(profile: profiles.Profile, about: str) -> list[str]:
    return [rule.sentence for rule in profile.rules() if rule.field == about]
