"""X.509 without a database: subjects, keys, signing requests, uploads, chains and a certificate's facts."""

from certificates.x509.chain import Path, path_from
from certificates.x509.facts import issued_by, pem, self_signed, serial, sha1, sha256
from certificates.x509.material import LARGEST, Material, parse
from certificates.x509.problem import Problem
from certificates.x509.request import (
    ALGORITHMS,
    PrivateKey,
    UnknownAlgorithm,
    algorithm_of,
    csr_pem,
    make_csr,
    make_key,
    spki_sha256,
)
from certificates.x509.subject import Subject, common_name_of, drift

__all__ = [
    "ALGORITHMS",
    "LARGEST",
    "Material",
    "Path",
    "PrivateKey",
    "Problem",
    "Subject",
    "UnknownAlgorithm",
    "algorithm_of",
    "common_name_of",
    "csr_pem",
    "drift",
    "issued_by",
    "make_csr",
    "make_key",
    "parse",
    "path_from",
    "pem",
    "self_signed",
    "serial",
    "sha1",
    "sha256",
    "spki_sha256",
]
