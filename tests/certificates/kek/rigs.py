"""One rig per key provider: the provider, its rotation, and what a stranger must not see of it."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from certificates import kek
from tests.certificates.kek.transit import TOKEN, Key, TransitServer

REGION = "eu-central-1"


@dataclass(frozen=True, kw_only=True)
class Rig:
    """``rotate`` makes a new version active and keeps the old; ``drop`` then takes the old one away."""

    start: Callable[[], kek.KekProvider]
    rotate: Callable[[], kek.KekProvider]
    drop: Callable[[], kek.KekProvider]
    withheld: tuple[str, ...]
    """What neither ``repr`` nor any log line may hold."""
    every: int
    """Every how many-th bit of a blob is flipped: a remote provider is asked about each."""
    moved_blob_is: tuple[type[kek.KekError], ...] = (kek.WrongKek,)


@contextmanager
def env() -> Iterator[Rig]:
    a, b = (
        base64.b64encode(hashlib.sha256(b"obviously not a key: " + name).digest()).decode()
        for name in (b"old", b"new")
    )
    yield Rig(
        start=lambda: kek.provider("env", {"keyring": f"a:{a}", "active": "a"}),
        rotate=lambda: kek.provider("env", {"keyring": f"a:{a},b:{b}", "active": "b"}),
        drop=lambda: kek.provider("env", {"keyring": f"b:{b}", "active": "b"}),
        withheld=(a, b),
        every=1,
    )


@contextmanager
def aws_kms() -> Iterator[Rig]:
    import boto3
    from moto import mock_aws

    with mock_aws():
        client = boto3.client("kms", region_name=REGION)
        old, new = (client.create_key(KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["Arn"] for _ in range(2))
        region = {"aws_region": REGION}
        yield Rig(
            start=lambda: kek.provider("aws-kms", {**region, "aws_key": old}),
            rotate=lambda: kek.provider("aws-kms", {**region, "aws_key": new, "aws_older_keys": old}),
            drop=lambda: kek.provider("aws-kms", {**region, "aws_key": new}),
            withheld=(os.environ["AWS_SECRET_ACCESS_KEY"],),
            every=11,
            # moto says “access denied” about a blob whose key it does not know; KMS says it is invalid.
            moved_blob_is=(kek.WrongKek, kek.KekRefused),
        )


@contextmanager
def vault() -> Iterator[Rig]:
    with TransitServer() as server:
        key = server.keys["harbor"] = Key()

        def rotate() -> kek.KekProvider:
            key.secrets.append(os.urandom(32))
            return kek.provider("vault", server.options())

        def drop() -> kek.KekProvider:
            key.oldest = len(key.secrets)
            return kek.provider("vault", server.options())

        start: Callable[[], kek.KekProvider] = lambda: kek.provider("vault", server.options())  # noqa: E731
        yield Rig(start=start, rotate=rotate, drop=drop, withheld=(TOKEN,), every=5)


@contextmanager
def vault_server() -> Iterator[Rig]:
    """The server that VAULT_ADDR and VAULT_TOKEN name, with a transit engine at KEK_VAULT_MOUNT or ``transit``."""
    import hvac

    address, token = os.environ["VAULT_ADDR"], os.environ["VAULT_TOKEN"]
    authority, mount = os.environ.get("VAULT_CACERT", ""), os.environ.get("KEK_VAULT_MOUNT", "transit")
    transit = hvac.Client(url=address, token=token, verify=authority or True).secrets.transit
    name = f"lockkeeper-test-{secrets.token_hex(8)}"
    transit.create_key(name=name, derived=True, mount_point=mount)
    options = {"vault_addr": address, "vault_key": name, "vault_token": token, "vault_mount": mount}

    def provider() -> kek.KekProvider:
        return kek.provider("vault", {**options, "vault_ca": authority})

    def rotate() -> kek.KekProvider:
        transit.rotate_key(name=name, mount_point=mount)
        return provider()

    def drop() -> kek.KekProvider:
        transit.update_key_configuration(name=name, min_decryption_version=2, mount_point=mount)
        return provider()

    try:
        yield Rig(start=provider, rotate=rotate, drop=drop, withheld=(token,), every=5)
    finally:
        transit.update_key_configuration(name=name, deletion_allowed=True, mount_point=mount)
        transit.delete_key(name=name, mount_point=mount)
