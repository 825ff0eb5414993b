"""Key pairs, what seals them, their certificates, the notices of their end, and acts that take two people."""

from certificates.models.approval import UNDECIDED, Act, Approval, ApprovalState
from certificates.models.certificate import Certificate
from certificates.models.keys import ENDED, LIVE, OPEN, WAITING, Environment, KeyPair, KeyState, KeyUse
from certificates.models.notice import MailState, MonitorRun, Notice, NoticeMail, Role
from certificates.models.sealed import KekCanary, KeyEnvelope, Sealed, sealed_models

__all__ = [
    "ENDED",
    "LIVE",
    "OPEN",
    "UNDECIDED",
    "WAITING",
    "Act",
    "Approval",
    "ApprovalState",
    "Certificate",
    "Environment",
    "KekCanary",
    "KeyEnvelope",
    "KeyPair",
    "KeyState",
    "KeyUse",
    "MailState",
    "MonitorRun",
    "Notice",
    "NoticeMail",
    "Role",
    "Sealed",
    "sealed_models",
]
