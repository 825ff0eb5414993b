"""The only writers of keys and certificates."""

from certificates.operations.care import Proof, Standing, rotate_keks, standing, verify_custody
from certificates.operations.expiry import describe, record_expiry_notices
from certificates.operations.installation import ImportRefused, install_certificate, install_for_request
from certificates.operations.lifecycle import (
    ActivationRefused,
    SecondPersonNeeded,
    activate_key,
    destroy_key,
    mark_compromised,
    retire_expired,
    retire_key,
)
from certificates.operations.proof import prove_key, record_proof
from certificates.operations.recovery import Drill, drill_recovery, recover_custody
from certificates.operations.requests import (
    RequestRefused,
    default_subject,
    generate_csr,
    mark_submitted,
    reject_key,
)
from certificates.operations.wraps import Rotation

__all__ = [
    "ActivationRefused",
    "Drill",
    "ImportRefused",
    "Proof",
    "RequestRefused",
    "Rotation",
    "SecondPersonNeeded",
    "Standing",
    "activate_key",
    "default_subject",
    "describe",
    "destroy_key",
    "drill_recovery",
    "generate_csr",
    "install_certificate",
    "install_for_request",
    "mark_compromised",
    "mark_submitted",
    "prove_key",
    "record_expiry_notices",
    "record_proof",
    "recover_custody",
    "reject_key",
    "retire_expired",
    "retire_key",
    "rotate_keks",
    "standing",
    "verify_custody",
]
