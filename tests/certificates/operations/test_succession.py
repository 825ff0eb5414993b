"""In the test environment a new pair takes over by itself, and only once the bank let it in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from audit.models import AuditEntry
from audit.recording import Actor
from audit.workflow import PermissionMissing
from certificates import holders, operations
from certificates.models import Certificate, KeyPair
from tests.certificates.authority import Authority, pem
from tests.certificates.operations.stand import SCOPE, Stand

Bring = Callable[..., Certificate]
NO = holders.ProofFailed("The bank does not know the certificate.")


@pytest.fixture
def bring(
    request_key: Callable[..., KeyPair],
    issuing: Authority,
    root: Authority,
    stand: Stand,
    now: datetime,
    actor: Actor,
) -> Bring:
    """Return a function that requests a key and installs its certificate as the console does; again: the same one."""
    made: dict[Any, bytes] = {}

    def run(*, by: Actor | None = None, again: KeyPair | None = None, **more: Any) -> Certificate:
        key = again or request_key(SCOPE, **more)
        chain = (issuing.certificate, root.certificate)
        material = made.setdefault(key.pk, pem(issuing.sign(key.csr_pem), *chain))
        return operations.install_for_request(pk=key.pk, material=material, actor=by or actor, now=now)

    return run


def states(*keys: KeyPair) -> list[str]:
    return [KeyPair.objects.get(pk=key.pk).state for key in keys]


def test_the_first_key_is_used_without_asking_the_bank(bring: Bring, stand: Stand) -> None:
    assert (bring().key.state, stand.tried) == ("active", [])


def test_a_successor_the_bank_lets_in_takes_over_and_the_old_stands_by(
    bring: Bring, stand: Stand, now: datetime
) -> None:
    old = bring().key
    new = bring().key
    old.refresh_from_db()
    assert (new.state, new.proven_at, stand.tried) == ("active", now, [new.pk])
    assert (old.state, old.standby_until) == ("standby", now + timedelta(days=14))
    verbs = AuditEntry.objects.order_by("number").values_list("verb", flat=True)
    assert list(verbs)[-4:] == [
        "certificates.keypair.certify",
        "certificates.key_proven",
        "certificates.keypair.stand_by",
        "certificates.keypair.go_live_in_test",
    ]


def test_a_successor_the_bank_refuses_waits_and_the_old_goes_on(bring: Bring, stand: Stand) -> None:
    old = bring().key
    stand.refuses = NO
    new = bring().key
    assert (new.state, new.proof_problem) == ("certified", NO.sentence)
    assert states(old) == ["active"]
    stand.refuses = None
    assert bring(again=new).key.state == "active"
    assert states(old) == ["standby"]


def test_an_operator_needs_no_second_person_in_test(bring: Bring, people: Any) -> None:
    operator = Actor.user(people["operator"])
    assert [bring(by=operator).key.state for _ in range(2)] == ["active", "active"]


def test_one_who_may_install_but_not_prove_leaves_it_to_others(
    bring: Bring, people: Any, stand: Stand
) -> None:
    from django.contrib.auth.models import Permission

    people["outsider"].user_permissions.add(Permission.objects.get(codename="install_certificate"))
    bring()
    assert (bring(by=Actor.user(people["outsider"])).key.state, stand.tried) == ("certified", [])


def test_a_refused_key_takes_over_when_the_one_before_has_ended(
    bring: Bring, stand: Stand, now: datetime
) -> None:
    old = bring().key
    stand.refuses = NO
    new = bring().key
    Certificate.objects.filter(key=old).update(not_after=now)
    assert bring(again=new).key.state == "active"
    assert states(old) == ["standby"]


def test_in_production_the_proof_activates_nothing(
    bring: Bring, stand: Stand, now: datetime, actor: Actor
) -> None:
    key = bring(environment="production").key
    assert (key.state, stand.tried) == ("certified", [])
    proven = operations.prove_and_take_over(pk=key.pk, actor=actor, now=now)
    assert (proven.state, proven.proven_at, stand.tried) == ("certified", now, [key.pk])


def test_proving_the_key_in_use_changes_no_state(bring: Bring, now: datetime, actor: Actor) -> None:
    key = bring().key
    proven = operations.prove_and_take_over(pk=key.pk, actor=actor, now=now)
    assert (proven.state, proven.proven_at) == ("active", now)


def test_a_refusal_of_the_proof_is_raised_and_changes_no_state(
    bring: Bring, stand: Stand, now: datetime, actor: Actor
) -> None:
    old = bring().key
    stand.refuses = NO
    new = bring().key
    with pytest.raises(holders.ProofFailed, match="does not know"):
        operations.prove_and_take_over(pk=new.pk, actor=actor, now=now)
    assert states(old, new) == ["active", "certified"]


def test_a_person_without_the_right_installs_nothing(bring: Bring, people: Any) -> None:
    with pytest.raises(PermissionMissing):
        bring(by=Actor.user(people["outsider"]))
