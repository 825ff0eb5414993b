"""Keys and certificates in the console: facts to read, acts as buttons, no private key anywhere."""

from certificates.admin.approvals import ApprovalAdmin
from certificates.admin.certificates import CertificateAdmin
from certificates.admin.keys import KeyPairAdmin

__all__ = ["ApprovalAdmin", "CertificateAdmin", "KeyPairAdmin"]
