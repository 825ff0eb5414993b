"""A heap of certificates becomes a path."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

from certificates.x509 import path_from
from tests.certificates.authority import BEGINS, Authority


def test_any_order_gives_the_same_path(csr: Any, issuing: Authority, root: Authority) -> None:
    leaf = issuing.sign(csr)
    for heap in permutations([leaf, issuing.certificate, root.certificate, issuing.certificate]):
        path = path_from(leaf, heap)
        assert (path.issuers, path.complete, path.missing, path.problems) == (
            (issuing.certificate, root.certificate), True, "", (),
        )  # fmt: skip


def test_the_root_does_not_go_over_the_wire(csr: Any, issuing: Authority, root: Authority) -> None:
    path = path_from(issuing.sign(csr), [root.certificate, issuing.certificate])
    assert path.intermediates == (issuing.certificate,)


def test_a_gap_is_named(csr: Any, issuing: Authority, root: Authority) -> None:
    leaf = issuing.sign(csr)
    assert path_from(leaf, []).missing == "CN=Harbour Test Issuing (not a bank)"
    assert path_from(leaf, [issuing.certificate]).missing == "CN=Harbour Test Root (not a bank)"


def test_a_stranger_is_named(csr: Any, issuing: Authority, root: Authority) -> None:
    stranger = Authority("Somebody Else")
    path = path_from(issuing.sign(csr), [stranger.certificate, root.certificate, issuing.certificate])
    assert [(problem.code, "Somebody Else" in problem.sentence) for problem in path.problems] == [
        ("unrelated_certificate", True)
    ]


def test_a_root_above_a_gap_is_not_simply_to_be_removed(
    csr: Any, issuing: Authority, root: Authority
) -> None:
    leaf = issuing.sign(csr)
    heaps = ([root.certificate], [Authority("Elsewhere").certificate, issuing.certificate, root.certificate])
    assert [[problem.remedy for problem in path_from(leaf, heap).problems] for heap in heaps] == [
        ["Add the missing issuer if it links them, or remove it. Then upload again."],
        ["Remove it. Then upload again."],
    ]


def test_an_issuer_of_the_right_name_with_another_key_is_named(
    csr: Any, issuing: Authority, root: Authority
) -> None:
    impostor = Authority("Harbour Test Issuing (not a bank)", root)
    path = path_from(issuing.sign(csr), [impostor.certificate, root.certificate])
    assert [problem.code for problem in path.problems] == ["chain_signature"]


def test_a_renewed_issuer_beside_the_old_one_is_no_stranger(
    csr: Any, issuing: Authority, root: Authority
) -> None:
    old = Authority(
        "Harbour Test Issuing (not a bank)", root, key=issuing.key, ends=BEGINS + timedelta(days=9)
    )
    path = path_from(issuing.sign(csr), [old.certificate, issuing.certificate, root.certificate])
    assert (path.issuers, path.problems) == ((issuing.certificate, root.certificate), ())


def test_a_cross_signed_issuer_is_no_dead_end(csr: Any, issuing: Authority, root: Authority) -> None:
    # The longer-lived twin leads to a root that is not in the file.
    twin = Authority(
        "Harbour Test Issuing (not a bank)", Authority("Elsewhere"), key=issuing.key,
        ends=BEGINS + timedelta(days=9000),
    )  # fmt: skip
    path = path_from(issuing.sign(csr), [twin.certificate, issuing.certificate, root.certificate])
    assert (path.issuers, path.complete, path.problems) == ((issuing.certificate, root.certificate), True, ())


def test_authorities_that_signed_each_other_do_not_loop(csr: Any) -> None:
    one, two = Authority("One"), Authority("Two")
    crossed = [
        Authority("One", two, key=one.key).certificate,
        Authority("Two", one, key=two.key).certificate,
    ]
    path = path_from(one.sign(csr), crossed)
    assert (len(path.issuers), path.complete) == (2, False)


def test_a_self_signed_leaf_is_its_own_path(csr: Any) -> None:
    alone = Authority("alone", ca=False).certificate
    assert path_from(alone, []) == path_from(alone, [alone])
    assert path_from(alone, []).complete
