"""The only writers of keys and certificates."""

from certificates.operations.care import Proof, Rotation, rotate_keks, verify_custody
from certificates.operations.expiry import describe, record_expiry_notices
from certificates.operations.installation import ImportRefused, install_certificate
from certificates.operations.lifecycle import (
    ActivationRefused,
    SecondPersonNeeded,
    activate_key,
    destroy_key,
    mark_compromised,
    retire_expired,
    retire_key,
)
from certificates.operations.proof import note_proof, prove_key, record_proof
from certificates.operations.requests import (
    RequestRefused,
    default_subject,
    generate_csr,
    mark_submitted,
    reject_key,
)
from certificates.operations.succession import install_and_try, install_for_request, prove_and_take_over

__all__ = [
    "ActivationRefused",
    "ImportRefused",
    "Proof",
    "RequestRefused",
    "Rotation",
    "SecondPersonNeeded",
    "activate_key",
    "default_subject",
    "describe",
    "destroy_key",
    "generate_csr",
    "install_and_try",
    "install_certificate",
    "install_for_request",
    "mark_compromised",
    "mark_submitted",
    "note_proof",
    "prove_and_take_over",
    "prove_key",
    "record_expiry_notices",
    "record_proof",
    "reject_key",
    "retire_expired",
    "retire_key",
    "rotate_keks",
    "verify_custody",
]
