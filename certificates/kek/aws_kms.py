"""Data keys wrapped by AWS KMS: the key never leaves the service, and every use stands in CloudTrail.

The facts of a row are the encryption context. They show up in CloudTrail in the clear, and none is secret.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
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

NAME = "aws-kms"

_KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:([a-z0-9-]+):\d{12}:key/[A-Za-z0-9-]+")
_WRONG = frozenset({"IncorrectKeyException", "InvalidCiphertextException"})
_LATER = frozenset(
    {
        "DependencyTimeoutException",
        "InternalFailure",
        "KMSInternalException",
        "KeyUnavailableException",
        "LimitExceededException",
        "RequestTimeout",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_UNFIT = frozenset({"InvalidKeyUsageException", "ValidationException", "InvalidArnException"})
_STATES = {
    "Disabled": "is disabled: enable it again, or configure another",
    "PendingDeletion": "is scheduled for deletion: cancel that now, or what it sealed is lost",
    "PendingReplicaDeletion": "is scheduled for deletion: cancel that now, or what it sealed is lost",
    "PendingImport": "has no key material: import it again",
    "Unavailable": "is in a key store that is not connected",
}


class Kms:
    """A KekProvider over symmetric KMS keys. Its versions are key ARNs: one wraps, older ones still open.

    A key that AWS rotates by itself keeps its ARN: KMS finds the material a blob was made with.
    """

    name = NAME

    def __init__(self, options: Mapping[str, str]) -> None:
        """Read ``aws_key`` (id, alias or ARN), ``aws_older_keys``, ``aws_region``, ``aws_endpoint``; call nothing.

        Credentials are found the way every AWS client finds them. Raises KekMisconfigured.
        """
        self._active = options.get("aws_key", "").strip()
        if not self._active:
            raise KekMisconfigured(
                "KEK_AWS_KEY is not set: name the KMS key that seals data keys, best by its ARN."
            )
        older = (key.strip() for key in options.get("aws_older_keys", "").split(","))
        self._older = tuple(key for key in older if key)
        self._arns: dict[str, str] = {}
        self._client: Any = _client(self._active, options)

    def __repr__(self) -> str:
        return f"<KMS key {self._active} and {len(self._older)} older>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key provider is not serialisable")

    def check(self) -> None:
        """Ask KMS about every configured key. Raises a KekError unless each is enabled and made for encryption."""
        for key in (self._active, *self._older):
            found = self._describe(key)
            if found.get("KeyState") != "Enabled":
                state = str(found.get("KeyState"))
                raise KekRefused(f"The KMS key “{key}” {_STATES.get(state, f'is in the state “{state}”')}.")
            if (found.get("KeyUsage"), found.get("KeySpec")) != ("ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT"):
                raise KekMisconfigured(f"The KMS key “{key}” is not a symmetric key for encryption.")

    def current(self) -> str:
        return self._arn(self._active)

    def versions(self) -> frozenset[str]:
        found = {self.current()}
        for key in self._older:
            try:
                found.add(self._arn(key))
            except KekMisconfigured:
                continue  # gone for good: it opens nothing, and ``check`` says so
        return frozenset(found)

    def wrap(self, dek: bytes, facts: Mapping[str, str]) -> WrappedDek:
        key = self.current()
        answer = self._ask("encrypt", key, KeyId=key, Plaintext=dek, EncryptionContext=dict(facts))
        return WrappedDek(NAME, answer["KeyId"], b"", answer["CiphertextBlob"])

    def unwrap(self, wrapped: WrappedDek, facts: Mapping[str, str]) -> bytes:
        key = self._held(wrapped)
        # KeyId always: without it KMS opens under whatever key the blob names.
        answer = self._ask(
            "decrypt", key, KeyId=key, CiphertextBlob=wrapped.blob, EncryptionContext=dict(facts)
        )
        _same(key, answer["KeyId"])
        return bytes(answer["Plaintext"])

    def rewrap(self, wrapped: WrappedDek, facts: Mapping[str, str]) -> WrappedDek:
        key = self._held(wrapped)
        answer = self._ask(
            "re_encrypt",
            key,
            CiphertextBlob=wrapped.blob,
            SourceKeyId=key,
            SourceEncryptionContext=dict(facts),
            DestinationKeyId=self.current(),
            DestinationEncryptionContext=dict(facts),
        )
        _same(key, answer["SourceKeyId"])
        return WrappedDek(NAME, answer["KeyId"], b"", answer["CiphertextBlob"])

    def _held(self, wrapped: WrappedDek) -> str:
        # An empty nonce is part of the record's form: another one is a changed record.
        if wrapped.provider != NAME or wrapped.version not in self.versions():
            raise UnknownKekVersion(
                f"The KMS key “{wrapped.version}” of provider “{wrapped.provider}” is not configured. "
                "Add it to KEK_AWS_OLDER_KEYS."
            )
        if wrapped.nonce:
            raise WrongKek(f"The record under the KMS key “{wrapped.version}” was changed.")
        return wrapped.version

    def _arn(self, key: str) -> str:
        if _KEY_ARN.fullmatch(key):
            return key
        if key not in self._arns:
            self._arns[key] = str(self._describe(key)["Arn"])
        return self._arns[key]

    def _describe(self, key: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._ask("describe_key", key, KeyId=key)["KeyMetadata"]
        return answer

    def _ask(self, act: str, key: str, **request: Any) -> Mapping[str, Any]:
        from botocore import exceptions

        try:
            answer: Mapping[str, Any] = getattr(self._client, act)(**request)
        except exceptions.ClientError as problem:
            raise _named(act, key, str(problem.response.get("Error", {}).get("Code", ""))) from None
        except exceptions.SSLError:
            raise KekMisconfigured("The certificate of KMS is not trusted here.") from None
        except (exceptions.ConnectionError, exceptions.HTTPClientError, exceptions.MetadataRetrievalError):
            raise KekUnavailable(f"KMS does not answer about the key “{key}”. Try again later.") from None
        except exceptions.BotoCoreError as problem:
            raise KekMisconfigured(
                f"KMS cannot be asked about the key “{key}” ({type(problem).__name__}): "
                "check the credentials and the region of this host."
            ) from None
        return answer


def _same(key: str, used: str) -> None:
    if used != key:
        raise _wrong(key)


def _wrong(key: str) -> WrongKek:
    return WrongKek(
        f"The KMS key “{key}” does not open this record: it was sealed by another, changed or moved."
    )


def _named(act: str, key: str, code: str) -> KekError:
    if code in _WRONG:
        return _wrong(key)
    if code in _LATER:
        return KekUnavailable(f"KMS is busy or disturbed ({code}) at the key “{key}”. Try again later.")
    if code == "NotFoundException" and act in {"decrypt", "re_encrypt"}:
        return UnknownKekVersion(f"KMS knows no key “{key}”: check its account and region.")
    if code == "NotFoundException":
        return KekMisconfigured(f"KMS knows no key “{key}”: check its account and region.")
    if code == "DisabledException":
        return KekRefused(f"The KMS key “{key}” is disabled: enable it again, or configure another.")
    if code == "KMSInvalidStateException":
        return KekRefused(
            f"The KMS key “{key}” cannot be used in its state: it is scheduled for deletion or without its material."
        )
    if code in _UNFIT:
        return KekMisconfigured(f"The KMS key “{key}” cannot do this work ({code}).")
    return KekRefused(
        f"KMS refuses “{act}” with the key “{key}” ({code}): check this host's role and the key's policy."
    )


def _client(key: str, options: Mapping[str, str]) -> Any:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise KekMisconfigured(
            "The key provider “aws-kms” needs boto3: install requirements-aws.lock in place of requirements.lock."
        ) from None
    # At DEBUG botocore writes whole requests and answers, and these hold data keys.
    library = logging.getLogger("botocore")
    library.setLevel(max(library.level, logging.WARNING))
    named = _KEY_ARN.fullmatch(key)
    region = options.get("aws_region", "").strip() or (named.group(1) if named else None)
    endpoint = options.get("aws_endpoint", "").strip()
    config = Config(
        connect_timeout=3,  # seconds
        read_timeout=5,
        retries={"total_max_attempts": 2, "mode": "standard"},
        # One place says where KMS is; an address in a profile or variable of the host is not asked.
        ignore_configured_endpoint_urls=True,
    )
    try:
        return boto3.session.Session().client(
            "kms",
            region_name=region,
            endpoint_url=addresses.sound(endpoint, "KEK_AWS_ENDPOINT") if endpoint else None,
            config=config,
        )
    except (BotoCoreError, ValueError) as problem:
        raise KekMisconfigured(
            f"The client for KMS cannot be made ({type(problem).__name__}): set KEK_AWS_REGION."
        ) from None
