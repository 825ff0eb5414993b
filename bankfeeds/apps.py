"""The bankfeeds app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class BankfeedsConfig(AppConfig):
    name = "bankfeeds"
    verbose_name = "Bank feeds"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from bankfeeds import checks, keyholding, schedule
        from certificates import holders

        checks.register_checks()
        holders.register(keyholding.KIND, keyholding.ConnectionKeys())
        post_migrate.connect(schedule.ensure_schedules, sender=self)
