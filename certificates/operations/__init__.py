"""The only writers of keys and certificates."""

from certificates.operations.care import Proof, Rotation, rotate_keks, verify_custody
from certificates.operations.expiry import (
    NoticeSettled,
    Watched,
    acknowledge_notice,
    alarm_if_monitor_stopped,
    watch_expiry,
)
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
from certificates.operations.notice_mail import describe
from certificates.operations.outbox import (
    MailNotFailed,
    drop_notice_mail,
    resend_notice_mail,
    send_pending_mails,
)
from certificates.operations.proof import prove_key, record_proof
from certificates.operations.requests import (
    RequestRefused,
    default_subject,
    generate_csr,
    mark_submitted,
    reject_key,
)

__all__ = [
    "ActivationRefused",
    "ImportRefused",
    "MailNotFailed",
    "NoticeSettled",
    "Proof",
    "RequestRefused",
    "Rotation",
    "SecondPersonNeeded",
    "Watched",
    "acknowledge_notice",
    "activate_key",
    "alarm_if_monitor_stopped",
    "default_subject",
    "describe",
    "destroy_key",
    "drop_notice_mail",
    "generate_csr",
    "install_certificate",
    "install_for_request",
    "mark_compromised",
    "mark_submitted",
    "prove_key",
    "record_proof",
    "reject_key",
    "resend_notice_mail",
    "retire_expired",
    "retire_key",
    "rotate_keks",
    "send_pending_mails",
    "verify_custody",
    "watch_expiry",
]
