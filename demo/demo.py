"""`make demo`: the main job on two real clusters on this machine, each step as a person would type it."""

from __future__ import annotations

import sys
import time

from demo.stage import WentWrong, set_by_hand, two_clusters
from demo.stage import kstate as run_kstate

BOLD, PLAIN = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")


def main() -> int:
    began = time.monotonic()
    say(
        "Two real Kafka clusters, a schema registry and Connect (the first time they are downloaded)."
    )
    try:
        with two_clusters():
            story()
    except WentWrong as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(
        "\nAll of it was real: two Kafka clusters, a registry, Connect, a mirror; gone again."
        f" {time.monotonic() - began:.0f} s."
    )
    return 0


def story() -> None:
    say("Is the estate in specs-example/ right? No network is needed for that.")
    kstate("validate", "specs-example")
    say("What would change? Nothing exists yet.")
    kstate("plan", "specs-example")
    say("Make it so. Without a terminal to ask on, --yes is the consent.")
    kstate("apply", "specs-example", "--yes")
    say("A second plan is empty, and says so with its exit code.")
    kstate("plan", "specs-example", "--detailed-exitcode")
    say("Somebody changes a topic by hand, behind kstate's back...")
    set_by_hand("payments.requested.v1", "compression.type", "gzip")
    print("payments.requested.v1: compression.type set to gzip")
    say("...and the next plan finds it: exit code 2, there are changes.")
    kstate("plan", "specs-example", "--detailed-exitcode", expected=2)
    say("What somebody did by hand is drift; and is what the mirror copies arriving?")
    kstate("drift", "specs-example", expected=2)
    say("Git wins, and everything is as it was.")
    kstate("apply", "specs-example", "--yes")
    kstate("plan", "specs-example", "--detailed-exitcode")
    say("Is the record of all that whole? It is kept in the clusters themselves.")
    kstate("history", "specs-example", "--verify")


def say(words: str) -> None:
    print(f"\n{BOLD}# {words}{PLAIN}", flush=True)


def kstate(*arguments: str, expected: int = 0) -> None:
    print(f"{BOLD}$ kstate {' '.join(arguments)}{PLAIN}", flush=True)
    run_kstate(*arguments, expected=expected)


if __name__ == "__main__":
    sys.exit(main())
