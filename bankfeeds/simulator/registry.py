"""Which certificates the bank knows, for which client, use and environment, and who may bring one more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from bankfeeds.simulator.authority import Authority, CsrRefused, common_name, read_csr, thumbprint

USES = ("oauth", "transport")
MOST_PER_NAME = 2


@dataclass(slots=True, kw_only=True)
class Registered:
    """One certificate in the bank's books."""

    client_id: str
    use: str
    environment: str
    certificate: x509.Certificate
    revoked: bool = False

    @property
    def thumbprint(self) -> str:
        """SHA-1 of the DER, 40 upper-case hex characters."""
        return thumbprint(self.certificate.public_bytes(serialization.Encoding.DER))

    def live(self, now: datetime) -> bool:
        """Tell whether the certificate is in date and not revoked."""
        return not self.revoked and (
            self.certificate.not_valid_before_utc <= now < self.certificate.not_valid_after_utc
        )


class Registry:
    """The bank's list of client certificates."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self._registered: dict[str, Registered] = {}
        self._public_keys: set[bytes] = set()

    def sign(
        self,
        csr_pem: str,
        *,
        client_id: str,
        use: str,
        now: datetime,
        not_before: datetime | None = None,
        valid_days: int = 365,
    ) -> x509.Certificate:
        """Check and sign; `adopt` registers. Raises CsrRefused with every reason the bank has."""
        if use not in USES:
            raise CsrRefused([f"A certificate is for one of {', '.join(USES)}, not for {use}."])
        csr = read_csr(csr_pem)
        self._refuse_repeats(csr, client_id=client_id, now=now)
        begin = (not_before or now - timedelta(minutes=5)).replace(microsecond=0)
        return self.authority.issue(csr, not_before=begin, not_after=begin + timedelta(days=valid_days))

    def adopt(self, registered: Registered) -> None:
        """Take a signed certificate into the books."""
        self._registered[registered.thumbprint] = registered
        self._public_keys.add(_key_bytes(registered.certificate))

    def _refuse_repeats(self, csr: x509.CertificateSigningRequest, *, client_id: str, now: datetime) -> None:
        reasons = []
        if _key_bytes(csr) in self._public_keys:
            reasons.append("This public key was used before; a new key is required.")
        name = common_name(csr.subject)
        namesakes = [
            known
            for known in self.of_client(client_id)
            if known.live(now) and common_name(known.certificate.subject) == name
        ]
        if len(namesakes) >= MOST_PER_NAME:
            reasons.append(f"{MOST_PER_NAME} live certificates already share this common name.")
        if reasons:
            raise CsrRefused(reasons)

    def of_client(self, client_id: str) -> list[Registered]:
        """Return all certificates of one client, live or not, oldest first."""
        return [known for known in self._registered.values() if known.client_id == client_id]

    def find(self, thumbprint_hex: str) -> Registered | None:
        """Return the certificate known by this thumbprint (exact upper-case form)."""
        return self._registered.get(thumbprint_hex)


def _key_bytes(holder: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    return holder.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
