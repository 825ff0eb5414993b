"""A tiny HTTPS server that says exactly what a test tells it to, and remembers what it was asked."""

import http.server
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

START, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)


class Authority:
    """An invented certificate authority with real keys."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key, x509.BasicConstraints(ca=True, path_length=0))

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def leaf(self, folder: Path, name: str, *, hosts: tuple[str, ...] = (), until: datetime = END) -> Path:
        """Write a key and its certificate into one PEM file and return its path."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        extensions: list[x509.ExtensionType] = [x509.ExtendedKeyUsage([usage])]
        if hosts:
            extensions.append(x509.SubjectAlternativeName([_general_name(host) for host in hosts]))
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key, *extensions, until=until)
        path = folder / f"{name}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return path

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *extensions: x509.ExtensionType,
        until: datetime = END,
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            issuer_name=self.name,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=START,
            not_valid_after=until,
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self.key, hashes.SHA256())


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as the server saw it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    certificate: str

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass(frozen=True, kw_only=True)
class Said:
    """An answer. `cut` ends the connection after that many bytes; `times`: how often the body is sent in a row."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    chunked: bool = False
    times: int = 1


def said(content: object, status: int = 200, **headers: str) -> Said:
    """Return a JSON answer; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Said(
        status=status,
        body=json.dumps(content).encode(),
        headers={"Content-Type": "application/json", **named},
    )


Answer = Callable[[Asked], Said]


class TinyBank:
    """An HTTPS server on a free port of 127.0.0.1; `answer` decides, `asked` remembers."""

    def __init__(
        self, identity: Path, answer: Answer, *, client_roots: str = "", demand: bool = True
    ) -> None:
        self.asked: list[Asked] = []
        self.answer = answer
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity)
        if client_roots:
            context.verify_mode = ssl.CERT_REQUIRED if demand else ssl.CERT_OPTIONAL
            context.load_verify_locations(cadata=client_roots)
        self.context = context
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of broken handshakes: tests cause them on purpose."""


def _handler(bank: TinyBank) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def setup(self) -> None:
            self.request.settimeout(10)
            self.request = bank.context.wrap_socket(self.request, server_side=True)
            super().setup()

        def finish(self) -> None:
            super().finish()
            self.request.close()

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            certificate = self.request.getpeercert() or {}
            names = dict(part[0] for part in certificate.get("subject", ()))
            asked = Asked(
                method=self.command,
                path=url.path,
                query=parse_qs(url.query),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(int(self.headers.get("Content-Length", 0))),
                certificate=names.get("commonName", ""),
            )
            bank.asked.append(asked)
            self._say(bank.answer(asked))

        do_POST = do_GET  # noqa: N815 - the name the base class calls

        def _say(self, said: Said) -> None:
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            if said.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.send_header("Content-Length", str(len(said.body) * said.times))
            self.end_headers()
            body = said.body if said.cut is None else said.body[: said.cut]
            for number in range(said.times):
                if said.chunked:
                    self.wfile.write(f"{len(said.body):x}\r\n".encode() + body)
                    if said.cut is None:
                        self.wfile.write(b"\r\n0\r\n\r\n" if number == said.times - 1 else b"\r\n")
                else:
                    self.wfile.write(body)
            if said.cut is not None:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Keep the tests' output quiet."""

    return Handler
