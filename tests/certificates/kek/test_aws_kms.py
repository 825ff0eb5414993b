"""What KMS answers on a bad day, and what an operator reads then.

moto opens records under a key that is disabled or pending deletion, so those answers are given by botocore's Stubber.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from certificates import kek
from certificates.kek.aws_kms import Kms
from tests.certificates.kek.rigs import REGION

ARN = "arn:aws:kms:eu-central-1:000000000000:key/00000000-0000-0000-0000-00000000000a"
OLD = "arn:aws:kms:eu-central-1:000000000000:key/00000000-0000-0000-0000-00000000000b"
DEK = b"d" * 32
FACTS = {"table": "t", "row": "1"}
SEALED = kek.WrappedDek("aws-kms", ARN, b"", b"blob")


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No profile and no credentials of the developer's reach a test."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "obviously-nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "obviously-nothing")


@pytest.fixture
def service() -> Iterator[Any]:
    import boto3  # heavy, and no other test needs it
    from moto import mock_aws

    with mock_aws():
        yield boto3.client("kms", region_name=REGION)


def stubbed(**options: str) -> tuple[Kms, Any]:
    from botocore.stub import Stubber

    provider = Kms({"aws_key": ARN, **options})
    stubber = Stubber(provider._client)
    stubber.activate()
    return provider, stubber


def act(provider: Kms, operation: str) -> object:
    if operation == "encrypt":
        return provider.wrap(DEK, FACTS)
    if operation == "decrypt":
        return provider.unwrap(SEALED, FACTS)
    return provider.rewrap(SEALED, FACTS)


@pytest.mark.parametrize(
    ("code", "status", "refusal", "sentence"),
    [
        ("DisabledException", 400, kek.KekRefused, "is disabled"),
        ("KMSInvalidStateException", 400, kek.KekRefused, "scheduled for deletion"),
        ("AccessDeniedException", 400, kek.KekRefused, "check this host's role and the key's policy"),
        ("UnrecognizedClientException", 400, kek.KekRefused, "check this host's role"),
        ("ExpiredTokenException", 400, kek.KekRefused, "check this host's role"),
        ("InvalidKeyUsageException", 400, kek.KekMisconfigured, "cannot do this work"),
        ("ThrottlingException", 400, kek.KekUnavailable, "Try again later"),
        ("KMSInternalException", 500, kek.KekUnavailable, "Try again later"),
        ("DependencyTimeoutException", 503, kek.KekUnavailable, "Try again later"),
        ("KeyUnavailableException", 500, kek.KekUnavailable, "Try again later"),
    ],
)
def test_an_error_of_the_service_is_named_with_its_key(
    code: str, status: int, refusal: type[kek.KekError], sentence: str
) -> None:
    provider, stubber = stubbed()
    for operation in ("encrypt", "decrypt", "re_encrypt"):
        stubber.add_client_error(operation, code, "planted words of the service", status)
        with pytest.raises(refusal) as told:
            act(provider, operation)
        assert type(told.value) is refusal
        assert (f"“{ARN}”" in told.value.sentence, sentence in told.value.sentence) == (True, True)
        assert "planted" not in told.value.sentence


@pytest.mark.parametrize(
    ("operation", "code", "refusal"),
    [
        ("decrypt", "IncorrectKeyException", kek.WrongKek),
        ("decrypt", "InvalidCiphertextException", kek.WrongKek),
        ("re_encrypt", "InvalidCiphertextException", kek.WrongKek),
        ("decrypt", "NotFoundException", kek.UnknownKekVersion),
        ("encrypt", "NotFoundException", kek.KekMisconfigured),
    ],
)
def test_an_error_about_the_record_is_told_from_one_about_the_configuration(
    operation: str, code: str, refusal: type[kek.KekError]
) -> None:
    provider, stubber = stubbed()
    stubber.add_client_error(operation, code)
    with pytest.raises(refusal, match=ARN):
        act(provider, operation)


def test_every_use_names_the_key_and_carries_the_facts_and_nothing_else() -> None:
    provider, stubber = stubbed(aws_older_keys=OLD)
    stubber.add_response(
        "encrypt",
        {"KeyId": ARN, "CiphertextBlob": b"blob"},
        {"KeyId": ARN, "Plaintext": DEK, "EncryptionContext": FACTS},
    )
    stubber.add_response(
        "decrypt",
        {"KeyId": ARN, "Plaintext": DEK},
        {"KeyId": ARN, "CiphertextBlob": b"blob", "EncryptionContext": FACTS},
    )
    stubber.add_response(
        "re_encrypt",
        {"KeyId": ARN, "SourceKeyId": OLD, "CiphertextBlob": b"moved"},
        {
            "CiphertextBlob": b"old blob",
            "SourceKeyId": OLD,
            "SourceEncryptionContext": FACTS,
            "DestinationKeyId": ARN,
            "DestinationEncryptionContext": FACTS,
        },
    )
    assert provider.wrap(DEK, FACTS) == SEALED
    assert provider.unwrap(SEALED, FACTS) == DEK
    moved = provider.rewrap(kek.WrappedDek("aws-kms", OLD, b"", b"old blob"), FACTS)
    assert moved == kek.WrappedDek("aws-kms", ARN, b"", b"moved")
    stubber.assert_no_pending_responses()


def test_an_answer_from_another_key_is_refused() -> None:
    provider, stubber = stubbed()
    stubber.add_response("decrypt", {"KeyId": OLD, "Plaintext": DEK})
    with pytest.raises(kek.WrongKek, match=ARN):
        provider.unwrap(SEALED, FACTS)


def test_an_alias_is_resolved_once_and_rows_keep_the_arn(service: Any) -> None:
    arn = service.create_key(KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["Arn"]
    service.create_alias(AliasName="alias/lockkeeper", TargetKeyId=arn)
    provider = Kms({"aws_key": "alias/lockkeeper", "aws_region": REGION})
    assert (provider.current(), provider.wrap(DEK, FACTS).version) == (arn, arn)
    other = service.create_key(KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["Arn"]
    service.update_alias(AliasName="alias/lockkeeper", TargetKeyId=other)
    assert provider.current() == arn  # until the process starts again
    provider.check()


def test_an_older_key_that_is_gone_does_not_stop_the_others_and_is_reported(service: Any) -> None:
    arn = service.create_key(KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["Arn"]
    provider = Kms({"aws_key": arn, "aws_older_keys": "gone", "aws_region": REGION})
    assert provider.versions() == {arn}
    assert provider.unwrap(provider.wrap(DEK, FACTS), FACTS) == DEK
    with pytest.raises(kek.KekMisconfigured, match="knows no key “gone”"):
        provider.check()


def disable(service: Any, arn: str) -> None:
    service.disable_key(KeyId=arn.rpartition("/")[2])


def delete(service: Any, arn: str) -> None:
    service.schedule_key_deletion(KeyId=arn.rpartition("/")[2], PendingWindowInDays=7)


@pytest.mark.parametrize(("harm", "sentence"), [(disable, "is disabled"), (delete, "scheduled for deletion")])
@pytest.mark.parametrize("role", ["aws_key", "aws_older_keys"])
def test_the_check_refuses_a_key_on_its_way_out(service: Any, harm: Any, sentence: str, role: str) -> None:
    good, bad = (service.create_key(KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["Arn"] for _ in range(2))
    harm(service, bad)
    provider = Kms({"aws_key": good, "aws_region": REGION, role: bad})
    with pytest.raises(kek.KekRefused, match=sentence) as refusal:
        provider.check()
    assert f"“{bad}”" in refusal.value.sentence


@pytest.mark.parametrize(
    ("usage", "spec"), [("SIGN_VERIFY", "ECC_NIST_P256"), ("ENCRYPT_DECRYPT", "RSA_2048")]
)
def test_the_check_refuses_a_key_made_for_something_else(usage: str, spec: str) -> None:
    provider, stubber = stubbed()
    told = {"KeyId": ARN, "Arn": ARN, "KeyState": "Enabled", "KeyUsage": usage, "KeySpec": spec}
    stubber.add_response("describe_key", {"KeyMetadata": told}, {"KeyId": ARN})
    with pytest.raises(kek.KekMisconfigured, match="not a symmetric key"):
        provider.check()


def test_a_service_that_does_not_answer_is_unavailable_not_wrong() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        provider = Kms({"aws_key": ARN, "aws_endpoint": endpoint})
        with pytest.raises(kek.KekUnavailable, match="Try again later"):
            provider.unwrap(SEALED, FACTS)


def test_missing_credentials_are_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(kek.KekMisconfigured, match="check the credentials"):
        Kms({"aws_key": ARN}).wrap(DEK, FACTS)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "KEK_AWS_KEY is not set"),
        ({"aws_key": "alias/lockkeeper"}, "set KEK_AWS_REGION"),
        (
            {"aws_key": ARN, "aws_endpoint": "http://kms.vendor.example"},
            "KEK_AWS_ENDPOINT begins with http://",
        ),
        ({"aws_key": ARN, "aws_endpoint": "kms.vendor.example"}, "KEK_AWS_ENDPOINT is not an address"),
        ({"aws_key": ARN, "aws_endpoint": "https://a:planted@b.example"}, "holds more than an address"),
    ],
)
def test_a_bad_configuration_is_refused(options: dict[str, str], sentence: str) -> None:
    with pytest.raises(kek.KekMisconfigured, match=sentence) as refusal:
        Kms(options)
    assert "planted" not in refusal.value.sentence


def test_an_address_in_the_environment_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://attacker.invalid")
    assert Kms({"aws_key": ARN})._client.meta.endpoint_url == "https://kms.eu-central-1.amazonaws.com"


def test_without_the_package_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(kek.KekMisconfigured, match=r"requirements-aws\.lock"):
        Kms({"aws_key": ARN})
