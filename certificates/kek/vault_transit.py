"""Data keys wrapped by the transit engine of Vault or OpenBao, under a key derived anew for every row.

The row is bound by ``context``, out of which Vault derives the row's key. ``associated_data`` would bind it too,
but ``transit/rewrap`` does not take that, and rotating without seeing a data key is worth more.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from certificates.kek import addresses
from certificates.kek.base import (
    KekError,
    KekMisconfigured,
    KekRefused,
    KekUnavailable,
    UnknownKekVersion,
    WrappedDek,
    WrongKek,
)
from certificates.kek.context import canonical

NAME = "vault"

_TAG = "lockkeeper kek vault 1"
_PATH = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
_BLOB = re.compile(r"vault:v([1-9][0-9]{0,8}):([A-Za-z0-9+/]+={0,2})")
_AS_STRONG_AS_THE_DATA_KEY = frozenset({"aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305"})
_TIMEOUTS = (3, 5)  # seconds to connect, and to answer


class Transit:
    """A KekProvider over one derived transit key. Its versions are ``<mount>/<key>:v<number>``."""

    name = NAME

    def __init__(self, options: Mapping[str, str]) -> None:
        """Read ``vault_addr``, ``_mount``, ``_key``, ``_token`` or ``_token_file``, ``_namespace``, ``_ca``.

        Calls nothing. Raises KekMisconfigured.
        """
        self._mount = options.get("vault_mount", "").strip().strip("/") or "transit"
        self._key = options.get("vault_key", "").strip()
        self._token = options.get("vault_token", "").strip()
        self._token_file = options.get("vault_token_file", "").strip()
        if not _PATH.fullmatch(self._mount) or not _PATH.fullmatch(self._key) or "/" in self._key:
            raise KekMisconfigured(
                "KEK_VAULT_KEY and KEK_VAULT_MOUNT must name the transit key and its mount."
            )
        if len(f"{self._mount}/{self._key}") > 180:
            raise KekMisconfigured(
                "KEK_VAULT_MOUNT and KEK_VAULT_KEY together are longer than 180 characters."
            )
        self._is_derived = False
        self._client: Any = _client(options)

    def __repr__(self) -> str:
        return f"<Vault key {self._mount}/{self._key}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key provider is not serialisable")

    def check(self) -> None:
        """Ask Vault about the key. Raises a KekError unless it is derived, encrypts, and cannot be deleted."""
        found = self._read()
        if found.get("soft_deleted"):
            raise KekRefused(f"The Vault key “{self._mount}/{self._key}” is deleted: restore it.")
        if found.get("deletion_allowed"):
            raise KekRefused(
                f"The Vault key “{self._mount}/{self._key}” may be deleted, and what it sealed with it: "
                "set deletion_allowed=false."
            )

    def current(self) -> str:
        return self._label(int(self._read()["latest_version"]))

    def versions(self) -> frozenset[str]:
        found = self._read()
        oldest, latest = max(1, int(found["min_decryption_version"])), int(found["latest_version"])
        return frozenset(self._label(number) for number in range(oldest, latest + 1))

    def wrap(self, dek: bytes, facts: Mapping[str, str]) -> WrappedDek:
        self._prove_derived()
        plaintext = base64.b64encode(dek).decode()
        data = self._ask("encrypt_data", plaintext=plaintext, context=_context(facts))
        return self._wrapped(data)

    def unwrap(self, wrapped: WrappedDek, facts: Mapping[str, str]) -> bytes:
        ciphertext = self._ciphertext(wrapped)
        self._prove_derived()
        data = self._ask("decrypt_data", wrapped.version, ciphertext=ciphertext, context=_context(facts))
        try:
            return base64.b64decode(data["plaintext"], validate=True)
        except (KeyError, TypeError, ValueError):
            raise self._strange() from None

    def rewrap(self, wrapped: WrappedDek, facts: Mapping[str, str]) -> WrappedDek:
        ciphertext = self._ciphertext(wrapped)
        self._prove_derived()
        data = self._ask("rewrap_data", wrapped.version, ciphertext=ciphertext, context=_context(facts))
        return self._wrapped(data)

    def _label(self, number: int) -> str:
        return f"{self._mount}/{self._key}:v{number}"

    def _wrapped(self, data: Mapping[str, Any]) -> WrappedDek:
        ciphertext = str(data.get("ciphertext", ""))
        parts = _BLOB.fullmatch(ciphertext)
        if parts is None:
            raise self._strange()
        return WrappedDek(NAME, self._label(int(parts.group(1))), b"", ciphertext.encode())

    def _ciphertext(self, wrapped: WrappedDek) -> str:
        path, _, number = wrapped.version.rpartition(":v")
        if wrapped.provider != NAME or path != f"{self._mount}/{self._key}" or not number.isdecimal():
            raise UnknownKekVersion(
                f"The version “{wrapped.version}” of provider “{wrapped.provider}” is not of the Vault key "
                f"“{self._mount}/{self._key}”."
            )
        text = wrapped.blob.decode("ascii", "replace")
        parts = _BLOB.fullmatch(text)
        # The column is a label anyone with the database can write; the ciphertext must say the same.
        if parts is None or wrapped.nonce or not _is_canonical(parts.group(2)) or parts.group(1) != number:
            raise WrongKek(
                f"The record says it is sealed with “{wrapped.version}”, and its ciphertext does not: it was changed."
            )
        return text

    def _prove_derived(self) -> None:
        # Once per provider: a key that is not derived would ignore the context, and with it the row.
        if not self._is_derived:
            self._read()

    def _read(self) -> Mapping[str, Any]:
        found = self._ask("read_key")
        path = f"{self._mount}/{self._key}"
        if not isinstance(found.get("latest_version"), int) or not isinstance(
            found.get("min_decryption_version"), int
        ):
            raise self._strange()
        if found.get("derived") is not True:
            raise KekMisconfigured(
                f"The Vault key “{path}” is not derived, so it cannot bind a record to its row: "
                "make another with derived=true."
            )
        if (
            found.get("type") not in _AS_STRONG_AS_THE_DATA_KEY
            or found.get("supports_encryption") is not True
        ):
            raise KekMisconfigured(
                f"The Vault key “{path}” is of type “{found.get('type')}”: make another of type aes256-gcm96."
            )
        self._is_derived = True
        return found

    def _ask(self, act: str, version: str = "", **request: Any) -> Mapping[str, Any]:
        import hvac.exceptions
        import requests

        self._client.token = self._fresh_token()
        call: Callable[..., Any] = getattr(self._client.secrets.transit, act)
        try:
            answer = call(name=self._key, mount_point=self._mount, **request)
        except hvac.exceptions.VaultError as problem:
            raise self._named(act, version, problem) from None
        except requests.exceptions.SSLError:
            raise KekMisconfigured(
                "The certificate of Vault is not trusted here: check VAULT_CACERT."
            ) from None
        except requests.exceptions.RequestException:
            raise KekUnavailable(
                f"Vault does not answer about the key “{self._mount}/{self._key}”. Try again later."
            ) from None
        data = answer.get("data") if isinstance(answer, Mapping) else None
        if getattr(answer, "is_redirect", False):
            raise KekMisconfigured(
                "Vault answers with a redirect, which is never followed: set VAULT_ADDR to the address it answers at."
            )
        if not isinstance(data, Mapping):
            raise self._strange()
        return data

    def _fresh_token(self) -> str:
        token = self._token
        if self._token_file:
            # Read anew at every call: an agent beside us renews the token by writing the file again.
            try:
                token = Path(self._token_file).read_text(encoding="ascii").strip()
            except (OSError, ValueError):
                raise KekMisconfigured("VAULT_TOKEN_FILE cannot be read.") from None
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise KekMisconfigured("There is no Vault token: set VAULT_TOKEN_FILE or VAULT_TOKEN.")
        return token

    def _named(self, act: str, version: str, problem: Exception) -> KekError:
        from hvac import exceptions

        path = f"{self._mount}/{self._key}"
        verb = act.partition("_")[0]
        if isinstance(problem, exceptions.Forbidden | exceptions.Unauthorized):
            return KekRefused(
                f"Vault refuses “{verb}” with the key “{path}”: the token has expired, or its policy lacks this."
            )
        if isinstance(problem, exceptions.InvalidPath):
            return KekMisconfigured(f"Vault knows no key “{path}”: check KEK_VAULT_MOUNT and KEK_VAULT_KEY.")
        # By the words before the status: what decrypt answers with 400, rewrap answers with 500.
        told = " ".join(map(str, getattr(problem, "errors", None) or [])).lower()
        if version and ("too old" in told or "too new" in told or "not found" in told):
            return UnknownKekVersion(f"Vault does not open the version “{version}” any more, or not yet.")
        if version and ("invalid ciphertext" in told or "authentication failed" in told):
            return WrongKek(
                f"The version “{version}” does not open this record: the key is another one, or the record was "
                "changed or moved."
            )
        if isinstance(problem, exceptions.InvalidRequest):
            return KekRefused(f"Vault refuses “{verb}” with the key “{path}”: look into Vault's log.")
        return KekUnavailable(f"Vault is sealed, busy or disturbed at the key “{path}”. Try again later.")

    def _strange(self) -> KekUnavailable:
        return KekUnavailable(
            f"What answers for the Vault key “{self._mount}/{self._key}” does not answer as Vault does."
        )


def _context(facts: Mapping[str, str]) -> str:
    return base64.b64encode(canonical(_TAG, facts)).decode()


def _is_canonical(encoded: str) -> bool:
    # Spare bits of the last character may differ and still decode to the same bytes.
    try:
        return base64.b64encode(base64.b64decode(encoded, validate=True)).decode() == encoded
    except (binascii.Error, ValueError):
        return False


def _client(options: Mapping[str, str]) -> Any:
    address = options.get("vault_addr", "").strip()
    if not address:
        raise KekMisconfigured("VAULT_ADDR is not set.")
    authority = options.get("vault_ca", "").strip()
    if authority and not Path(authority).is_file():
        raise KekMisconfigured("VAULT_CACERT names a file that is not there.")
    try:
        import hvac
        import requests
        from requests.adapters import HTTPAdapter, Retry
    except ImportError:
        raise KekMisconfigured(
            "The key provider “vault” needs hvac: install requirements-vault.lock in place of requirements.lock."
        ) from None
    session = requests.Session()
    session.trust_env = False  # no proxy, no .netrc and no trust roots but ours
    session.verify = authority or True
    # Every call may be repeated; a repeated wrap is another wrap of the same data key.
    session.mount(
        "https://", HTTPAdapter(max_retries=Retry(total=1, redirect=0, status=0, allowed_methods=None))
    )
    return hvac.Client(
        url=addresses.sound(address, "VAULT_ADDR"),
        token="",
        verify=authority or True,
        timeout=_TIMEOUTS,
        allow_redirects=False,
        session=session,
        namespace=options.get("vault_namespace", "").strip() or None,
    )
