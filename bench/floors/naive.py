"""What every tool does to look at a cluster: list topics, describe all their configs, describe ACLs.

With a registry's URL also the newest version of every subject, one request after the other.
"""

import sys

from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)

BATCH = 500


def main(bootstrap: str, registry: str = "") -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    names = sorted(admin.list_topics(timeout=30).topics)
    for at in range(0, len(names), BATCH):
        batch = [ConfigResource(ResourceType.TOPIC, name) for name in names[at : at + BATCH]]
        for future in admin.describe_configs(batch, request_timeout=60).values():
            future.result()
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
    if registry:
        from bench.floors.subjects import main as subjects

        subjects(registry, "one-by-one")


if __name__ == "__main__":
    main(*sys.argv[1:])
