"""What was found in, the plain data of its JSON Schema out."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core import drift, plan, result, validation
from reconciler.reports.forms import DRIFT, PLAN, RESULT, VALIDATION, Tell

FORM: Mapping[str, Tell] = {
    PLAN: lambda found, _: plan.to_json(found),
    RESULT: lambda found, _: result.to_json(found),
    DRIFT: lambda found, _: drift.to_json(found),
    VALIDATION: lambda found, _: validation.to_json(found),
}
