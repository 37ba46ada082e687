"""ACL bindings by bare batched calls, until every one can be read."""

import sys
import time

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from bench.specs import bindings

BATCH = 2_000
PAUSE = 0.05


def main(bootstrap: str, count: int) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    wanted = [binding(*parts) for parts in bindings(count)]
    for at in range(0, count, BATCH):
        asked = admin.create_acls(wanted[at : at + BATCH], request_timeout=60)
        for future in asked.values():
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
    while not set(wanted) <= set(admin.describe_acls(every, request_timeout=60).result()):
        time.sleep(PAUSE)


def binding(resource: str, name: str, principal: str, operation: str) -> AclBinding:
    return AclBinding(
        ResourceType[resource],
        name,
        ResourcePatternType.LITERAL,
        principal,
        "*",
        AclOperation[operation],
        AclPermissionType.ALLOW,
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
