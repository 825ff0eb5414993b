"""Rows of the framework in the console's own dress: people and groups, and the queue, which is only looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as PlainGroupAdmin
from django.contrib.auth.admin import UserAdmin as PlainUserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from audit.recording import Actor, record
from audit.transitions import ReadOnlyAdmin

if TYPE_CHECKING:
    UserBase = PlainUserAdmin[User]
    GroupBase = PlainGroupAdmin
else:
    UserBase = PlainUserAdmin
    GroupBase = PlainGroupAdmin

for model in (User, Group, Failure, OrmQ, Schedule, Success):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


@admin.register(User)
class UserAdmin(UserBase, ModelAdmin):
    """People who sign in to the console: deactivated, never deleted, since the audit record names them by key."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "groups")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def log_addition(self, request: HttpRequest, obj: User, message: Any) -> Any:
        _record_rights(request, obj, "config.person_added")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> Any:
        _record_rights(request, obj, "config.person_changed")
        return super().log_change(request, obj, message)

    @method_decorator(transaction.atomic)
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """No password without its entry: whoever sets another's can sign in as them, and be the second person."""
        before = User.objects.filter(pk=id).values_list("password", flat=True).first()
        response = super().user_change_password(request, id, form_url)
        person = User.objects.filter(pk=id).first()
        if person is not None and person.password != before:
            record(
                verb="config.password_set", actor=Actor.user(request.user), subject=person, now=timezone.now()
            )
        return response


def _record_rights(request: HttpRequest, person: User, verb: str) -> None:
    """Put on record what a person may do from now on: rights given unseen would undo the second pair of eyes."""
    rights = {
        "active": person.is_active,
        "staff": person.is_staff,
        "superuser": person.is_superuser,
        "groups": sorted(person.groups.values_list("name", flat=True)),
        "rights": sorted(person.user_permissions.values_list("codename", flat=True)),
    }
    with transaction.atomic():
        record(verb=verb, actor=Actor.user(request.user), subject=person, now=timezone.now(), data=rights)


@admin.register(Group)
class GroupAdmin(GroupBase, ModelAdmin):
    """Roles: laid down after every migration, so changes made by hand to the three of them do not last."""

    def log_addition(self, request: HttpRequest, obj: Group, message: Any) -> Any:
        _record_role(request, obj, "config.role_added")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Group, message: Any) -> Any:
        _record_role(request, obj, "config.role_changed")
        return super().log_change(request, obj, message)


def _record_role(request: HttpRequest, role: Group, verb: str) -> None:
    """Put on record what everybody with this role may do from now on, as for a person."""
    rights = {"name": role.name, "rights": sorted(role.permissions.values_list("codename", flat=True))}
    with transaction.atomic():
        record(verb=verb, actor=Actor.user(request.user), subject=role, now=timezone.now(), data=rights)


class QueueAdmin(ReadOnlyAdmin, ModelAdmin):
    """The queue's tables, for superusers to look at: the rows of the product decide what is due, not these."""

    actions = None

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)


@admin.register(Schedule)
class ScheduleAdmin(QueueAdmin):
    list_display = ("name", "func", "schedule_type", "next_run")


@admin.register(Failure)
class FailureAdmin(QueueAdmin):
    """Failed tasks, without what a task was given or what it raised: both may hold what must not be shown."""

    list_display = ("name", "func", "started", "stopped", "attempt_count")
    fields = ("name", "func", "started", "stopped", "attempt_count")
