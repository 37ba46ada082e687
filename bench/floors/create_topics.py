"""Topics by bare batched calls, until every one is listed and its configs can be read."""

import sys
import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from bench.specs import IN_KAFKA, PARTITIONS, topic

BATCH = 500
PAUSE = 0.05


def main(bootstrap: str, count: int) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    names = [topic(index) for index in range(count)]
    for at in range(0, count, BATCH):
        new = [
            NewTopic(name, num_partitions=PARTITIONS, replication_factor=1, config=IN_KAFKA)
            for name in names[at : at + BATCH]
        ]
        for future in admin.create_topics(new, operation_timeout=60, request_timeout=60).values():
            future.result()
    while not set(names) <= admin.list_topics(timeout=30).topics.keys():
        time.sleep(PAUSE)
    for at in range(0, count, BATCH):
        while not readable(admin, names[at : at + BATCH]):
            time.sleep(PAUSE)


def readable(admin: AdminClient, names: list[str]) -> bool:
    """Whether the broker knows the configs of all of them."""
    batch = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    try:
        for future in admin.describe_configs(batch, request_timeout=60).values():
            future.result()
    except KafkaException:
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
