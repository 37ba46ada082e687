"""The fewest bytes that answer the same: only the config names that matter, and no synonyms.

`lean.py BOOTSTRAP REGISTRY NAME...`: with a registry's URL (else `-`) its subjects too, 16 requests side by side.
"""

import sys

from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from kafka.admin import KafkaAdminClient
from kafka.protocol.admin import DescribeConfigsRequest

BATCH = 500
TOPIC = 2


def main(bootstrap: str, registry: str, keys: list[str]) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    names = sorted(admin.list_topics(timeout=30).topics)
    client = KafkaAdminClient(bootstrap_servers=bootstrap)
    for at in range(0, len(names), BATCH):
        wanted = [(TOPIC, name, keys) for name in names[at : at + BATCH]]
        request = DescribeConfigsRequest(resources=wanted, include_synonyms=False, min_version=1)
        reply = client._manager.run(client._manager.send, request)
        if any(result.error_code for result in reply.results):
            raise SystemExit("a topic could not be described")
    every = AclBindingFilter(
        ResourceType.ANY,
        None,  # type: ignore[arg-type]
        ResourcePatternType.ANY,
        None,  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    admin.describe_acls(every, request_timeout=60).result()
    client.close()
    if registry != "-":
        from bench.floors.subjects import main as subjects

        subjects(registry, "side-by-side")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
