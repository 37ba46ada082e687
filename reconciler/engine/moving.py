"""What a cluster is instead of what the plan found there, in; the refusal that tells all three sides, out."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.settle import Moved
from reconciler.errors import Stale

AGAIN = "Nothing was written. Make a new plan with `kstate plan`."


class Drifted(Stale):
    """The cluster is neither as the plan found it nor as the plan wants it."""

    def __init__(self, cluster: str, moved: Sequence[Moved]) -> None:
        lines = [_moved_line(item) for item in moved]
        super().__init__(
            "\n".join([f"cluster {cluster} has moved since the plan was made:", *lines]), hint=AGAIN
        )


def _moved_line(item: Moved) -> str:
    what = ".".join(item.path) or "it"
    return (
        f"  {item.change.key}: {what} was {item.planned_from!r} when planned,"
        f" is {item.now!r} now, wanted {item.wanted!r}"
    )
