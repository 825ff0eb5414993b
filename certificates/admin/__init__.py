"""Keys and certificates in the console: facts to read, acts as buttons, no private key anywhere."""

from certificates.admin.approvals import ApprovalAdmin
from certificates.admin.certificates import CertificateAdmin
from certificates.admin.keys import KeyPairAdmin
from certificates.admin.notices import NoticeAdmin, NoticeMailAdmin

__all__ = ["ApprovalAdmin", "CertificateAdmin", "KeyPairAdmin", "NoticeAdmin", "NoticeMailAdmin"]
