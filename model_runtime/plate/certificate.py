"""The certificate that signs Content Credentials: the user's own, or one made here that nobody has vouched for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConsentError, ProvenanceError
from . import keys, trust

if TYPE_CHECKING:
    from cryptography import x509

YEARS = 10
LOCAL = "Labial, made on this computer"
"""The name on a local certificate."""


@dataclass(frozen=True)
class Certificate:
    """A chain of certificates, the signer's first, and its key, both PEM; `algorithm` as C2PA names it."""

    chain: bytes
    key: bytes
    algorithm: str

    @property
    def root(self) -> bytes:
        """The last certificate of the chain."""
        begin = b"-----BEGIN CERTIFICATE-----"
        return begin + self.chain.rpartition(begin)[2]


def own(chain: Path, key: Path) -> Certificate:
    """The user's certificate from files in PEM format. Raises ProvenanceError if they cannot be used together."""
    keys.need_cryptography()
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    try:
        pem = keys.read_private(key)
        secret = keys.ask_passphrase(key).encode() if b"ENCRYPTED" in pem else None
        private: Any = serialization.load_pem_private_key(pem, secret)
        certificates = x509.load_pem_x509_certificates(chain.read_bytes())
    except (OSError, ValueError, TypeError, ConsentError) as error:
        raise ProvenanceError(
            f"The certificate {chain.name} with the key {key.name} cannot be used: {error}"
        ) from error
    if certificates[0].public_key() != private.public_key():
        raise ProvenanceError(f"The first certificate in {chain.name} is not that of the key {key.name}.")
    plain = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Certificate(_pem(*certificates), plain, _algorithm(private, key))


def local() -> Certificate:
    """The certificate of this computer, made on first use; whoever reads it is told that nobody has vouched for it."""
    folder = trust.home() / "certificate"
    chain, key = folder / "chain.pem", folder / "key.pem"
    if not chain.exists():
        pem, private = _make()
        key.unlink(missing_ok=True)  # one without its chain, which is written last, is of no use
        keys.write_private(key, private)
        chain.write_bytes(pem)
    return own(chain, key)


def _make() -> tuple[bytes, bytes]:
    """A root and a leaf on P-256, as C2PA asks of claim signers; the root's key is not kept."""
    keys.need_cryptography()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = issued(LOCAL + " (root)", root_key, None, root_key)
    leaf = issued(LOCAL, leaf_key, root, root_key)
    private = leaf_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return _pem(leaf, root), private


def issued(name: str, key: Any, issuer: x509.Certificate | None, signer: Any) -> x509.Certificate:
    """A certificate of `key`, signed by `signer`; without an issuer it is a root."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name),
                         x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "not verified")])  # fmt: skip
    root, now = issuer is None, datetime.now(UTC)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
         "decipher_only"), False,
    )  # fmt: skip
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(root, 0 if root else None), True)
        .add_extension(x509.KeyUsage(not root, key_cert_sign=root, crl_sign=root, **usage), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
    )
    if not root:
        made = made.add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
    return made.sign(signer, hashes.SHA256())


def _pem(*certificates: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def _algorithm(private: Any, path: Path) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in (
        "secp256r1",
        "secp384r1",
        "secp521r1",
    ):
        return {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}[private.curve.name]
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(private, rsa.RSAPrivateKey):
        return "ps256"
    raise ProvenanceError(f"The key {path.name} is of a kind that Content Credentials do not know.")
