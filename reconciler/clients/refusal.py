"""What librdkafka says of a login that failed in, one sentence and what to do about it out."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import closing

from confluent_kafka import KafkaError

from reconciler.clients.lean import tls
from reconciler.errors import Failed, LoginFailed, Unreachable

HOPELESS = frozenset({KafkaError._AUTHENTICATION, KafkaError._SSL})
FILES = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.keystore.location")
CLIENT = ("ssl.certificate.location", "ssl.certificate.pem", "ssl.keystore.location")
VERIFY = "enable.ssl.certificate.verification"
LOOK = 3.0
# OpenSSL's words (x509_txt.c) or Python's about a host name, and what to do.
ADVICE = (
    ("expired", "Renew the broker's certificate, or that of the authority above it."),
    ("not yet valid", "Are the clocks right, here and where it was made?"),
    ("not valid for", "Connect by a name that the broker's certificate has."),
)
# RFC 8446, section 6.2, as OpenSSL words it; Java answers an untrusted or expired certificate with any of them.
REFUSES_US = ("certificate", "unknown ca", "handshake failure", "access denied")
TRUST = "`ssl.ca.location` must hold the authority that signed the broker's certificate."


def hopeless(error: KafkaError) -> bool:
    """Whether trying again cannot help: the broker, or we, have said no."""
    return error.code() in HOPELESS or " alert " in error.str()


def unusable(properties: Mapping[str, str]) -> str:
    """What is wrong with the properties themselves, empty when nothing is that we know of."""
    if properties.get(VERIFY, "true").lower() != "true":
        return f"`{VERIFY}` is {properties[VERIFY]}: kstate talks to no broker it cannot verify"
    for name in FILES:
        path = properties.get(name, "probe")  # librdkafka's word for "look in the usual places"
        if path != "probe" and not os.access(path, os.R_OK):
            return f"`{name}`: cannot read {path}"
    return ""


def explain(
    name: str, settings: Mapping[str, str], seen: Sequence[KafkaError], timeout: float
) -> Failed:
    """Why no broker of `bootstrap.servers` let us in, or answered within `timeout` seconds."""
    at = settings["bootstrap.servers"]
    for error in seen:
        if error.code() == KafkaError._AUTHENTICATION:
            return LoginFailed(
                f"cluster {name}: authentication failed at {at}: {error.str()}",
                hint="Check user, password and mechanism under `kafka:` in the Cluster document.",
            )
        if hopeless(error):
            why, hint = _tls(settings, error.str())
            return LoginFailed(f"cluster {name}: TLS failed at {at}: {why}", hint=hint)
    telling = [e.str() for e in seen if e.code() != KafkaError._ALL_BROKERS_DOWN]
    why = telling[0] if telling else "no answer"
    return Unreachable(
        f"cluster {name}: cannot reach {at} within {timeout:g} s: {why}",
        hint=f"Is the address right, and is the broker up?{_protocol(settings, why)}",
    )


def _protocol(settings: Mapping[str, str], why: str) -> str:
    """A listener of another protocol just breaks off, or stays silent."""
    protocol = settings.get("security.protocol", "plaintext").upper()
    broken_off = "PLAINTEXT broker" in why or "SSL_HANDSHAKE" in why
    if why == "no answer" or broken_off:
        return f" Or does it speak another protocol there than {protocol} (`security.protocol`)?"
    return ""


def _tls(settings: Mapping[str, str], words: str) -> tuple[str, str]:
    if " alert " in words:
        about_us = any(word in words for word in REFUSES_US)
        return _client_refused(settings, words) if about_us else (words, "")
    why = _verdict(settings)
    if not why:
        return words, TRUST
    hint = next((advice for word, advice in ADVICE if word in why), TRUST)
    return f"the broker's certificate is refused: {why}", hint


def _client_refused(settings: Mapping[str, str], words: str) -> tuple[str, str]:
    if any(name in settings for name in CLIENT):
        hint = "Has it expired, and is it signed by an authority that the broker trusts?"
        return f"the broker does not accept the client certificate: {words}", hint
    hint = "Give one: `ssl.certificate.location` and `ssl.key.location` under `kafka:`."
    return f"the broker asks for a client certificate, and none is given: {words}", hint


def _verdict(settings: Mapping[str, str]) -> str:
    """OpenSSL's own reason, asked for once more: librdkafka words every certificate it refuses the same."""
    for server in settings["bootstrap.servers"].split(",")[:3]:
        host, _, port = server.strip().rpartition(":")
        try:
            _shake_hands(host.strip("[]"), int(port), tls(settings))
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        except (OSError, ValueError):
            continue
    return ""


def _shake_hands(host: str, port: int, context: ssl.SSLContext) -> None:
    plain = socket.create_connection((host, port), LOOK)
    with closing(plain), context.wrap_socket(plain, server_hostname=host):
        pass
