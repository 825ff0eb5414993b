"""The only writers of keys and certificates."""

from certificates.operations.approvals import (
    ApprovalRefused,
    approve,
    decline,
    lapse_overdue,
    request_approval,
    withdraw,
)
from certificates.operations.care import Proof, Standing, rotate_keks, standing, verify_custody
from certificates.operations.expiry import (
    NoticeSettled,
    Watched,
    acknowledge_notice,
    alarm_if_monitor_stopped,
    watch_expiry,
)
from certificates.operations.export import ExportRefused, export_key
from certificates.operations.installation import (
    ImportRefused,
    Preview,
    install_certificate,
    preview_installation,
)
from certificates.operations.keyring import KeyringRefused, waiting_versions
from certificates.operations.lifecycle import (
    ActivationRefused,
    Destroyed,
    activate_approved,
    activate_key,
    backups_sentence,
    destroy_approved,
    mark_compromised,
    retire_expired,
    retire_key,
    sealed_under,
)
from certificates.operations.notice_mail import describe
from certificates.operations.outbox import (
    MailNotFailed,
    drop_notice_mail,
    resend_notice_mail,
    send_pending_mails,
)
from certificates.operations.proof import note_proof, prove_key, record_proof
from certificates.operations.recovery import Drill, drill_recovery, recover_custody
from certificates.operations.requests import (
    OwnerRefused,
    RequestRefused,
    assign_owner,
    default_subject,
    generate_csr,
    mark_submitted,
    reject_key,
)
from certificates.operations.self_signing import SelfSigningRefused, self_sign_for_test
from certificates.operations.succession import install_and_try, install_for_request, prove_and_take_over
from certificates.operations.wraps import Rotation
from certificates.permits import ApprovalLapsed, SecondPersonNeeded

__all__ = [
    "ActivationRefused",
    "ApprovalLapsed",
    "ApprovalRefused",
    "Destroyed",
    "Drill",
    "ExportRefused",
    "ImportRefused",
    "KeyringRefused",
    "MailNotFailed",
    "NoticeSettled",
    "OwnerRefused",
    "Preview",
    "Proof",
    "RequestRefused",
    "Rotation",
    "SecondPersonNeeded",
    "SelfSigningRefused",
    "Standing",
    "Watched",
    "acknowledge_notice",
    "activate_approved",
    "activate_key",
    "alarm_if_monitor_stopped",
    "approve",
    "assign_owner",
    "backups_sentence",
    "decline",
    "default_subject",
    "describe",
    "destroy_approved",
    "drill_recovery",
    "drop_notice_mail",
    "export_key",
    "generate_csr",
    "install_and_try",
    "install_certificate",
    "install_for_request",
    "lapse_overdue",
    "mark_compromised",
    "mark_submitted",
    "note_proof",
    "preview_installation",
    "prove_and_take_over",
    "prove_key",
    "record_proof",
    "recover_custody",
    "reject_key",
    "request_approval",
    "resend_notice_mail",
    "retire_expired",
    "retire_key",
    "rotate_keks",
    "sealed_under",
    "self_sign_for_test",
    "send_pending_mails",
    "standing",
    "verify_custody",
    "waiting_versions",
    "watch_expiry",
    "withdraw",
]
