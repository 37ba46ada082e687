"""What `drift --heal` was given in; the fields put back after the same consent as any apply, the exit code out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.errors import BadUsage

if TYPE_CHECKING:
    from reconciler.core.risk import Approval
    from reconciler.engine.clusters import Options
    from reconciler.engine.healing import Allowed
    from reconciler.engine.planning import Planned
    from reconciler.spec.folder import Spec

EXAMPLE = "`topic/*:config.retention.ms`"


def check(
    heal: Sequence[str] | None, approve: Sequence[str] | None, *, yes: bool, to_spec: bool
) -> tuple[list[Allowed], list[Approval]]:
    """What may be put back, and what is approved. Raises BadUsage for what does not fit together."""
    from reconciler.cli.said import approval

    if (approve or yes) and not heal:
        raise BadUsage("--yes and --approve belong to --heal: nothing else of `drift` writes")
    if heal and to_spec:
        raise BadUsage(
            "--heal makes the cluster as the spec says, and --to-spec the reverse: choose"
        )
    return [_allowed(text) for text in heal or ()], [approval(text) for text in approve or ()]


def _allowed(text: str) -> Allowed:
    from reconciler.cli.common import check_only
    from reconciler.engine.healing import Allowed
    from reconciler.reports.words import shell

    resources, colon, fields = text.rpartition(":")
    if not colon or not fields or "/" not in resources:
        raise BadUsage(f"--heal {shell(text)}: expected KIND/GLOB:FIELD, as in {EXAMPLE}")
    check_only(resources, "--heal")
    return Allowed(resources, fields)


def put_back(
    spec: Spec,
    options: Options,
    given: tuple[Sequence[Allowed], Sequence[Approval]],
    *,
    agreed: bool,
) -> int:
    """The allowed fields as they were applied, under the same gate, lock and journal as an apply; its exit code."""
    import sys
    from dataclasses import replace

    from reconciler.cli.apply import refuse
    from reconciler.cli.common import consent, tell_failures
    from reconciler.cli.console import tell
    from reconciler.engine.applying import stands_in_the_way
    from reconciler.engine.healing import heal
    from reconciler.reports import text
    from reconciler.reports.words import many

    allowed, approvals = given
    made = heal(spec, options, allowed)
    if made.failures:
        return tell_failures(dict(made.failures))
    changes = made.plan.changes
    if not changes:
        tell("nothing to put back")
        return 0
    tell(text.plan(made.plan, limit=None))  # `drift` has no `--limit` to see the rest by
    gate = stands_in_the_way(made.plan, approvals)
    if gate.blocked:
        return refuse(gate)
    if not agreed:
        consent(f"Put back {many(len(changes), 'resource')}?", interactive=sys.stdin.isatty())
    return _write(made, replace(options, approved=tuple(map(str, approvals))))


def _write(made: Planned, options: Options) -> int:
    from reconciler.cli.apply import signals
    from reconciler.cli.common import tell_failures
    from reconciler.cli.console import tell
    from reconciler.engine.applying import Unready, apply
    from reconciler.reports import text

    try:
        with signals(options.stop):
            result = apply(made.plan, options, made.connections)
    except Unready as unready:
        return tell_failures(dict(unready.failures))
    tell(text.result(result))
    return result.exit_code
