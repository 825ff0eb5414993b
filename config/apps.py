"""The project's own app: the console's pages, the worker, health and the demonstration."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Lockkeeper"

    def ready(self) -> None:
        from config import checks, roles

        checks.register_checks()
        roles.ready_after_migrations()
