"""The bytes of Kafka's few large replies in, only what kstate looks at out: these dominate the reading of a cluster.

Layouts are those of Kafka's message definitions (clients/src/main/resources/common/message), versions as named below:
the classic form has 16-bit lengths and 32-bit counts, the flexible one (KIP-482) has both as unsigned varints, one more
than they are, and tagged fields at the end of each structure. A client that decodes everything into objects needs ten
times as long for them.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from struct import Struct
from typing import NamedTuple

_SHORT = Struct(">h").unpack_from
_INT = Struct(">i").unpack_from
# Of a configuration entry what follows its value: read-only, its source, sensitive, and how many synonyms.
_AFTER_VALUE = Struct(">?b?i").unpack_from
DESCRIBE_CONFIGS = (1, 2)
DESCRIBE_ACLS = (1, 3)
METADATA = (10, 12)  # Kafka 2.8 and newer: with the topics' ids
METADATA_KEY = 3
_FLEXIBLE_ACLS = 2


class Reply(NamedTuple):
    """The body of a reply, in the version that both sides speak."""

    version: int
    data: bytes

    @property
    def throttle_time_ms(self) -> int:
        """How long the broker asks us to wait: the first field of all of these."""
        throttled: int = _INT(self.data)[0]
        return throttled


class Refusal(NamedTuple):
    """What a broker said instead: Kafka's error number, and its words if it has any."""

    code: int
    words: str


Text = Callable[[bytes, int], tuple[str, int]]


# --- DescribeConfigs, versions 1 and 2


def configs(reply: Reply, source: int) -> Iterator[tuple[str, dict[str, str] | Refusal]]:
    """Of each resource the settings that come from `source`, by name; every other entry is stepped over."""
    data, at = reply.data, 4
    count, at = _INT(data, at)[0], at + 4
    for _ in range(count):
        code = _SHORT(data, at)[0]
        words, at = _nullable(data, at + 2)
        name, at = _classic(data, at + 1)
        found, at = _entries(data, at, source)
        yield name, Refusal(code, words) if code else found


def _entries(data: bytes, at: int, source: int) -> tuple[dict[str, str], int]:
    found: dict[str, str] = {}
    count, at = _INT(data, at)[0], at + 4
    for _ in range(count):
        start = at + 2
        value = start + _SHORT(data, at)[0]
        length = _SHORT(data, value)[0]
        end = value + 2 + max(length, 0)
        _read_only, origin, _sensitive, synonyms = _AFTER_VALUE(data, end)
        if origin == source and length >= 0:
            found[data[start:value].decode()] = data[value + 2 : end].decode()
        at = end + 7
        for _synonym in range(synonyms):
            at = _past_synonym(data, at)
    return found, at


def _past_synonym(data: bytes, at: int) -> int:
    _name, at = _classic(data, at)
    _value, at = _nullable(data, at)
    return at + 1


# --- DescribeAcls, versions 1 to 3


class Acl(NamedTuple):
    """A binding, with Kafka's numbers of the resource type, the pattern type, the operation and the permission."""

    resource: int
    name: str
    pattern: int
    principal: str
    host: str
    operation: int
    permission: int


def acls(reply: Reply) -> Refusal | Iterator[Acl]:
    """Every binding of the reply, as plain tuples in the order of `Acl`: there may be a hundred thousand."""
    flexible = reply.version >= _FLEXIBLE_ACLS
    code = _SHORT(reply.data, 4)[0]
    words, at = (_compact if flexible else _nullable)(reply.data, 6)
    if code:
        return Refusal(code, words)
    return _flexible_acls(reply.data, at) if flexible else _classic_acls(reply.data, at)


def _classic_acls(data: bytes, at: int) -> Iterator[Acl]:
    patterns, at = _INT(data, at)[0], at + 4
    for _ in range(patterns):
        resource = data[at]
        name, at = _classic(data, at + 1)
        pattern, count, at = data[at], _INT(data, at + 1)[0], at + 5
        for _entry in range(count):
            principal, at = _classic(data, at)
            host, at = _classic(data, at)
            yield Acl(resource, name, pattern, principal, host, data[at], data[at + 1])
            at += 2


def _flexible_acls(data: bytes, at: int) -> Iterator[Acl]:
    patterns, at = _varint(data, at)
    for _ in range(patterns - 1):
        resource = data[at]
        name, at = _compact(data, at + 1)
        pattern = data[at]
        count, at = _varint(data, at + 1)
        for _entry in range(count - 1):
            principal, at = _compact(data, at)
            host, at = _compact(data, at)
            yield Acl(resource, name, pattern, principal, host, data[at], data[at + 1])
            at = _past_tags(data, at + 2)
        at = _past_tags(data, at)


# --- Metadata, versions 10 to 12


class Topic(NamedTuple):
    """A topic as a listing shows it. `replicas` is the smallest number that any of its partitions has.

    `id` is empty where the listing does not tell it.
    """

    partitions: int
    replicas: int
    id: str = ""


def topics(reply: Reply) -> Iterator[tuple[str, Topic]]:
    """Every topic with its partitions; one that cannot be told (it is going, or hidden) is left out."""
    data = reply.data
    at = _past_brokers(data, 4)
    _cluster, at = _compact(data, at)
    count, at = _varint(data, at + 4)
    for _ in range(count - 1):
        code = _SHORT(data, at)[0]
        name, at = _compact(data, at + 2)
        known, at = data[at : at + 16], at + 17
        partitions, replicas, at = _partitions(data, at)
        at = _past_tags(data, at + 4)
        if not code and partitions:
            yield name, Topic(partitions, replicas, uuid(known))


def _past_brokers(data: bytes, at: int) -> int:
    count, at = _varint(data, at)
    for _ in range(count - 1):
        _host, at = _compact(data, at + 4)
        _rack, at = _compact(data, at + 4)
        at = _past_tags(data, at)
    return at


def _partitions(data: bytes, at: int) -> tuple[int, int, int]:
    """How many there are, the fewest replicas of any, and where they end."""
    count, at = _varint(data, at)
    fewest = 1 << 30
    for _ in range(count - 1):
        replicas, at = _varint(data, at + 14)
        fewest = min(fewest, replicas - 1)
        at += 4 * (replicas - 1)
        for _list in ("in sync", "offline"):
            others, at = _varint(data, at)
            at += 4 * (others - 1)
        at = _past_tags(data, at)
    return count - 1, fewest, at


def uuid(data: bytes) -> str:
    """An id as librdkafka writes it: base64 without padding (Java's has `-_` for `+/`)."""
    return b64encode(data).rstrip(b"=").decode()


# --- the parts that all of them are made of


def _classic(data: bytes, at: int) -> tuple[str, int]:
    end = at + 2 + _SHORT(data, at)[0]
    return data[at + 2 : end].decode(), end


def _nullable(data: bytes, at: int) -> tuple[str, int]:
    """The same where there may be none: then it is empty."""
    return ("", at + 2) if _SHORT(data, at)[0] < 0 else _classic(data, at)


def _compact(data: bytes, at: int) -> tuple[str, int]:
    """A text of the flexible form; one that is not there is empty."""
    length = data[at]
    if 0 < length < 128:
        end = at + length
        return data[at + 1 : end].decode(), end
    length, at = _varint(data, at)
    end = at + max(length - 1, 0)
    return data[at:end].decode(), end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _past_tags(data: bytes, at: int) -> int:
    """Behind the tagged fields of a structure, of which there are hardly ever any."""
    if not data[at]:
        return at + 1
    count, at = _varint(data, at)
    for _ in range(count):
        _tag, at = _varint(data, at)
        size, at = _varint(data, at)
        at += size
    return at
