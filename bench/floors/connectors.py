"""Every connector's configuration and state, in the one request that Connect has for it: `connectors.py URL`."""

import json
import sys

import urllib3


def main(url: str) -> None:
    query = "connectors?expand=info&expand=status"
    found = json.loads(urllib3.PoolManager().request("GET", f"{url}/{query}").data)
    assert found


if __name__ == "__main__":
    main(sys.argv[1])
