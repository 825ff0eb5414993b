"""State machines: the model base, the one recorded transition, and the refusals every operation raises.

The base closes three holes of django-fsm-2 4.2.4: ``refresh_from_db`` toggles a flag on the shared field object
(threads see each other's), a failed refresh leaves protection off for the whole process, and ``full_clean``
raises on protected fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models, transaction
from django_fsm import ConcurrentTransition, ConcurrentTransitionMixin, FSMFieldMixin, TransitionNotAllowed

from audit.recording import Actor, record


class OperationRefused(Exception):
    """An anticipated refusal: one sentence for the operator, and by name what is missing."""

    def __init__(self, sentence: str, missing: Iterable[str] = ()) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.missing = list(missing)


class TransitionRefused(OperationRefused):
    """The state machine does not allow this step from where the row stands."""


class PermissionMissing(TransitionRefused):
    """The person asking may not take this step."""


class SomebodyWasFirst(TransitionRefused):
    """Another person or task changed the row between reading and writing it."""


if TYPE_CHECKING:
    # The mixin's own types resolve to Any and would make every row of ours Any.
    class _Guarded(models.Model):
        class Meta:
            abstract = True
else:

    class _Guarded(ConcurrentTransitionMixin, models.Model):
        class Meta:
            abstract = True


class Workflow(_Guarded):
    """Base of every model with a state machine. States change through ``perform`` only."""

    class Meta:
        abstract = True

    def _get_protected_fsm_fields(self) -> set[str]:
        # django-fsm-2 would switch protection off on the field object all threads share while it refreshes.
        return set()

    def _fsm_attnames(self) -> list[str]:
        return [f.attname for f in self._meta.concrete_fields if isinstance(f, FSMFieldMixin)]

    def refresh_from_db(
        self, using: str | None = None, fields: Iterable[str] | None = None, from_queryset: Any = None
    ) -> None:
        wanted = None if fields is None else list(fields)
        saved = {name: self.__dict__.pop(name) for name in self._fsm_attnames() if name in self.__dict__}
        try:
            super().refresh_from_db(using=using, fields=wanted, from_queryset=from_queryset)
        except BaseException:
            self.__dict__.update(saved)
            raise
        # The mixin loads the state along with any column asked for: only who asked for the state gets a new one.
        self.__dict__.update(
            {name: value for name, value in saved.items() if wanted is not None and name not in wanted}
        )

    def clean_fields(self, exclude: Iterable[str] | None = None) -> None:
        super().clean_fields(exclude={*(exclude or ()), *self._fsm_attnames()})


Row = TypeVar("Row", bound=models.Model)


def perform(
    instance: Row,
    name: str,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    data: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Row:
    """Take the transition ``name`` on a freshly locked copy of ``instance``, save it and record it; return that copy.

    ``arguments`` go to the transition method. Raises PermissionMissing, TransitionRefused or SomebodyWasFirst; then
    neither row nor chain has changed. Called by operations, never by an interface.
    """
    with transaction.atomic():
        row: Row = type(instance)._default_manager.select_for_update().get(pk=instance.pk)
        method = getattr(row, name)
        field = method._django_fsm.field
        before = str(getattr(row, field.attname))
        _check_permission(row, method, actor)
        _take(row, name, before, arguments)
        try:
            row.save()
        except ConcurrentTransition:
            raise SomebodyWasFirst(f"Somebody else changed {_noun(row)} just now: look again.") from None
        record(
            verb=f"{row._meta.app_label}.{row._meta.model_name}.{name}",
            actor=actor,
            subject=row,
            now=now,
            reason=reason,
            data={**(data or {}), "from": before, "to": str(getattr(row, field.attname))},
        )
    return row


def transition_permission(model: type[models.Model], name: str, state: str) -> str | None:
    """Return the permission that the transition ``name`` asks for when taken from ``state``."""
    fsm = getattr(model, name)._django_fsm
    taken = fsm.get_transition(state)
    permission = taken.permission if taken else None
    return permission if isinstance(permission, str) else None


def _check_permission(row: models.Model, method: Any, actor: Actor) -> None:
    if actor.account is None:
        return
    permission = transition_permission(
        type(row), method.__name__, str(getattr(row, method._django_fsm.field.attname))
    )
    if permission and not actor.account.has_perm(permission):
        raise PermissionMissing(f"You may not do this with {_noun(row)}: it needs the right “{permission}”.")


def _take(row: models.Model, name: str, before: str, arguments: Mapping[str, Any]) -> None:
    try:
        getattr(row, name)(**arguments)
    except TransitionNotAllowed:
        sentence = (
            f"“{name.replace('_', ' ')}” is not possible while {_noun(row)} is “{before.replace('_', ' ')}”."
        )
        raise TransitionRefused(sentence) from None


def _noun(row: models.Model) -> str:
    return f"this {row._meta.verbose_name}"
