"""One of the processes that race for the lock: takes it, writes under it as an apply does, lets go, and again.

`python -m tests.live.race.worker BOOTSTRAP LEDGER ADMIN_TOPIC FILE`: what the cluster has acknowledged to this process
goes to FILE, a line each, and to FILE.why what stopped it, with the seconds that it took until then.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time

from reconciler.clients import log
from reconciler.clients.kafka import Kafka, login
from reconciler.errors import KstateError
from reconciler.ledger import lock
from reconciler.ledger.store import TopicStore

LEASE = 3.0
TIMEOUT = 1.0  # what a request may take, and so what a successor waits out
BATCHES = 3
CLUSTER = "race"


def main(bootstrap: str, ledger: str, admin: str, file: str) -> None:
    # A real lease lasts 30 s; everything here runs on a tenth of that.
    lock.MARGIN = 0.5
    lock.HIDDEN = 5.0
    log.TRANSACTION_MS = 2_000
    with open(file, "a") as told, open(f"{file}.why", "a") as why:
        while True:
            began = time.monotonic()
            try:
                turn(login(CLUSTER, bootstrap, {}, TIMEOUT), ledger, admin, told)
            except KstateError as error:
                print(f"{time.monotonic() - began:.1f} s: {error.message}", file=why, flush=True)
                time.sleep(random.uniform(0.02, 0.2))


def turn(kafka: Kafka, ledger: str, admin: str, told: object) -> None:
    """One apply: under the lock, batches between an intent and an outcome, each acknowledged before the next."""
    store = TopicStore(kafka, ledger)
    with lock.acquire(store, CLUSTER, str(os.getpid()), lease=LEASE) as held:
        if held.took_over:
            time.sleep(TIMEOUT)
        for number in range(BATCHES):
            if not held.valid():
                held.write()
            write(held, told, "intent", number)
            send(kafka, admin, held.beat.epoch, number)
            write(held, told, "outcome", number)


def write(held: lock.Held, told: object, what: str, number: int) -> None:
    """A record of ledger and journal; when it is acknowledged, a line that this was so."""
    record = {"pid": os.getpid(), "epoch": held.beat.epoch, "what": what, "number": number}
    line = json.dumps(record, sort_keys=True)
    held.write([(f"own|{CLUSTER}|race|{held.beat.epoch}-{number}", line.encode())], [line.encode()])
    told.write(line + "\n")  # type: ignore[attr-defined]
    told.flush()  # type: ignore[attr-defined]


def send(kafka: Kafka, admin: str, epoch: int, number: int) -> None:
    """What stands for an admin request: no fence holds it back, and the topic's log remembers when it came."""
    record = {"pid": os.getpid(), "epoch": epoch, "number": number}
    log.append(kafka, admin, "", json.dumps(record).encode())


if __name__ == "__main__":
    main(*sys.argv[1:5])
