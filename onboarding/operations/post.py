"""Handing a mail to the mail server."""

from __future__ import annotations

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.views.decorators.debug import sensitive_variables

from onboarding.milestones import Mail


@sensitive_variables()
def deliver(mail: Mail, address: str) -> None:
    """Hand one mail to the mail server. Raises what the server's library raises."""
    message = EmailMultiAlternatives(
        mail.subject,
        mail.text,
        settings.DEFAULT_FROM_EMAIL,
        [address],
        headers={"Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(mail.html, "text/html")
    message.send()
