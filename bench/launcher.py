"""A command in, its wall time, CPU time and peak memory out, as JSON; run as a script of its own.

Linux counts what a process was before it became another program towards its peak memory, so the one that forks has
to be smaller than anything that is measured: this file imports next to nothing and is started with `-I -S`.
"""

import json
import os
import sys
import time


def main(output: str, command: list[str]) -> None:
    """Run the command with its output in a file, and print what it cost."""
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        try:
            target = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(target, 1)
            os.dup2(target, 2)
            os.execv(command[0], command)
        finally:
            os._exit(127)
    _, status, used = os.wait4(child, 0)
    wall = time.perf_counter() - began
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024  # bytes there, KiB everywhere else
    cost = {"wall": wall, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss / unit}
    print(json.dumps({**cost, "code": os.waitstatus_to_exitcode(status)}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
