"""One service of ten gives its bindings to another principal, by bare batched calls, until all of it can be read.

`churn_bindings.py BOOTSTRAP SERVICES FILE`: what those principals are called before and after stands in the file.
"""

import sys
import time
from pathlib import Path

from confluent_kafka.admin import AdminClient

from bench.cluster import anything, exactly
from bench.floors.create_bindings import BATCH, PAUSE, binding
from bench.specs import service


def main(bootstrap: str, services: int, file: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    old, new = (
        [binding(*b) for n in range(0, services, 10) for b in service(n, who)]
        for who in Path(file).read_text().split()
    )
    for at in range(0, len(new), BATCH):
        for future in admin.create_acls(new[at : at + BATCH], request_timeout=60).values():
            future.result()
    for at in range(0, len(old), BATCH):
        gone = [exactly(found) for found in old[at : at + BATCH]]
        for answer in admin.delete_acls(gone, request_timeout=60).values():
            answer.result()
    while True:
        there = set(admin.describe_acls(anything(), request_timeout=60).result())
        if set(new) <= there and there.isdisjoint(old):
            return
        time.sleep(PAUSE)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
