"""Names and dates in, PEM certificates and keys out, for the TLS stories: an authority and what it has signed."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reconciler.sandbox.shape import Listener

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, both PEM."""

    certificate: str
    key: str

    def write(self, folder: Path, name: str) -> tuple[str, str]:
        """Both as files; their paths."""
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        certificate.write_text(self.certificate)
        key.write_text(self.key)
        return str(certificate), str(key)


class Authority:
    """A certificate authority of its own, that nobody trusts who is not told to."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        unsigned = _builder(self._name, self._name, self._key.public_key(), (-DAY, 30 * DAY))
        basic = x509.BasicConstraints(ca=True, path_length=0)
        self._certificate = unsigned.add_extension(basic, critical=True).sign(
            self._key, hashes.SHA256()
        )

    @property
    def certificate(self) -> str:
        return _pem(self._certificate)

    def sign(
        self,
        name: str | x509.Name,
        *hosts: str,
        valid: tuple[timedelta, timedelta] = (-DAY, 30 * DAY),
    ) -> Pair:
        """A certificate for those hosts, valid from and until, counted from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        unsigned = _builder(_named(name), self._name, key.public_key(), valid)
        if hosts:
            names = x509.SubjectAlternativeName([_host(host) for host in hosts])
            unsigned = unsigned.add_extension(names, critical=False)
        return Pair(_pem(unsigned.sign(self._key, hashes.SHA256())), _key_pem(key))


@dataclass(frozen=True)
class Trust:
    """Files of a client: whom it trusts, and what it shows of itself."""

    folder: Path
    own: Authority
    stranger: Authority

    def client(self, *, ca: str = "own", pair: str = "") -> dict[str, str]:
        shown = {"security.protocol": "SSL", "ssl.ca.location": str(self.folder / f"{ca}.pem")}
        if pair:
            shown["ssl.certificate.location"] = str(self.folder / f"{pair}.pem")
            shown["ssl.key.location"] = str(self.folder / f"{pair}.key")
        return shown


def written(folder: Path) -> Trust:
    """The files: authorities `own` and `stranger`; clients that are `known`, `unknown` and `old`."""
    made = Trust(folder, Authority("Own"), Authority("Stranger"))
    for authority, name in ((made.own, "own"), (made.stranger, "stranger")):
        (made.folder / f"{name}.pem").write_text(authority.certificate)
    made.own.sign("kstate").write(made.folder, "known")
    made.stranger.sign("kstate").write(made.folder, "unknown")
    made.own.sign("kstate", valid=(-2 * DAY, -DAY)).write(made.folder, "old")
    return made


def listener(name: str, pair: Pair, **more: str) -> Listener:
    settings = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.certificate.chain": pair.certificate,
        "ssl.keystore.key": pair.key,
    }
    return Listener(name, "SSL", settings | {key.replace("_", "."): v for key, v in more.items()})


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    valid: tuple[timedelta, timedelta],
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + valid[0])
        .not_valid_after(now + valid[1])
    )


def _named(name: str | x509.Name) -> x509.Name:
    if isinstance(name, x509.Name):
        return name
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
