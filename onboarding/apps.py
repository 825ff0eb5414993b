"""The onboarding app."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class OnboardingConfig(AppConfig):
    name = "onboarding"
    verbose_name = "Onboarding"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from bankfeeds.validation import customers
        from onboarding.queries import customer_name

        customers.register(customer_name)
        post_migrate.connect(ensure_schedules, sender=self)


def ensure_schedules(**_: Any) -> None:
    """Lay down this app's schedules; called after every migration."""
    from bankfeeds.schedule import ensure_schedule

    ensure_schedule("onboarding mails", "onboarding.tasks.send_milestones", 1)
    ensure_schedule("onboarding confirmations", "onboarding.tasks.offer_confirmations", 10)
