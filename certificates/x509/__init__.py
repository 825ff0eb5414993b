"""X.509 without a database: subjects, keys, signing requests, uploads, chains and a certificate's facts."""

from certificates.x509.chain import Path, path_from
from certificates.x509.description import Facts, chain_of, describe
from certificates.x509.extensions import CLIENT_AUTH, Usages, usages
from certificates.x509.facts import pem, serial, serial_number, sha1, sha256
from certificates.x509.material import LARGEST, Material, parse
from certificates.x509.private import PRIVATE_KEY, holds_private_key
from certificates.x509.problem import Problem
from certificates.x509.request import (
    ALGORITHMS,
    PrivateKey,
    UnknownAlgorithm,
    algorithm_of,
    csr_pem,
    make_csr,
    make_key,
    self_sign,
    spki_sha256,
)
from certificates.x509.signature import algorithm_name, hash_name, issued_by, proves_possession, self_signed
from certificates.x509.subject import (
    FIELDS,
    SHORT_NAMES,
    Drift,
    Subject,
    common_name_of,
    differences,
    drift,
    pairs,
)

__all__ = [
    "ALGORITHMS",
    "CLIENT_AUTH",
    "FIELDS",
    "LARGEST",
    "PRIVATE_KEY",
    "SHORT_NAMES",
    "Drift",
    "Facts",
    "Material",
    "Path",
    "PrivateKey",
    "Problem",
    "Subject",
    "UnknownAlgorithm",
    "Usages",
    "algorithm_name",
    "algorithm_of",
    "chain_of",
    "common_name_of",
    "csr_pem",
    "describe",
    "differences",
    "drift",
    "hash_name",
    "holds_private_key",
    "issued_by",
    "make_csr",
    "make_key",
    "pairs",
    "parse",
    "path_from",
    "pem",
    "proves_possession",
    "self_sign",
    "self_signed",
    "serial",
    "serial_number",
    "sha1",
    "sha256",
    "spki_sha256",
    "usages",
]
