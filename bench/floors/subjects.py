"""The newest version of every subject, bare: `subjects.py URL one-by-one | side-by-side`."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import urllib3

THREADS = 16


def main(url: str, how: str) -> None:
    pool = urllib3.PoolManager(maxsize=THREADS, block=True, timeout=30)
    names = json.loads(pool.request("GET", f"{url}/subjects?limit=10000").data)

    def latest(name: str) -> object:
        return json.loads(pool.request("GET", f"{url}/subjects/{name}/versions/latest").data)

    if how == "one-by-one":
        found = [latest(name) for name in names]
    else:
        with ThreadPoolExecutor(THREADS) as threads:
            found = list(threads.map(latest, names))
    assert len(found) == len(names)


if __name__ == "__main__":
    main(*sys.argv[1:])
