"""Subjects that are to go: softly, for good, and held by what is made of them."""

from __future__ import annotations

from tests.live.conftest import Live
from tests.live.spec import Spec
from tests.live.test_schemas import LONG, ORDER, here, latest, record, registry, schema

__all__ = ["here"]  # a fixture


def test_for_good_only_where_the_document_asks_for_it(
    connected: Live, here: Spec, name: str
) -> None:
    subject = f"{name}value"
    here.write(schema(subject, schema=ORDER, delete="permanent"))
    assert here.apply().code == 0
    here.write(schema(subject, schema=ORDER, delete="permanent", metadata={"ensure": "absent"}))
    found = here.plan_json()
    assert found.codes == {"KS242"}
    (change,) = [c for wave in found.json["waves"] for c in wave]
    assert change["steps"] == ["delete it softly", "delete it for good"]
    assert here.apply("--approve", "KS242").code == 0
    assert subject not in registry(connected, "GET", "subjects?deleted=true")


def test_what_is_deleted_softly_is_not_gone_for_good(
    connected: Live, here: Spec, name: str
) -> None:
    """By hand, or by an apply that was killed between the two steps."""
    subject, kept = f"{name}value", {"schema": ORDER, "delete": "permanent"}
    here.write(schema(subject, **kept))
    assert here.apply().code == 0
    registry(connected, "DELETE", f"subjects/{subject}")
    (here.folder / "spec.yaml").unlink()
    found = here.plan_json()
    (change,) = [c for wave in found.json["waves"] for c in wave]
    assert (change["before"], change["steps"]) == ({"deleted": "softly", "delete": "permanent"}, [])
    assert here.apply("--approve", "KS242", "--approve", "KS231").code == 0
    assert subject not in registry(connected, "GET", "subjects?deleted=true")
    assert here.plan().code == 0


def test_what_is_deleted_softly_and_wanted_is_registered_again(
    connected: Live, here: Spec, name: str
) -> None:
    for delete in ("permanent", "soft"):
        subject = f"{name}{delete}"
        here.write(schema(subject, schema=ORDER, delete=delete))
        assert here.apply("--approve", "KS231", "--approve", "KS242").code == 0
        registry(connected, "DELETE", f"subjects/{subject}")
        assert here.plan().code == 2
        assert here.apply().code == 0
        assert latest(connected, subject)["version"] == 2
        assert here.plan().code == 0


def test_what_holds_another_lets_go_of_it_only_for_good(
    connected: Live, here: Spec, name: str
) -> None:
    """This registry counts what is deleted softly: the plan says so before anything goes, and what the way out is."""
    refers = [{"name": "com.acme.Money", "subject": f"{name}Money"}]
    order = record("Order", ("price", "com.acme.Money"))
    documents = [
        (f"{name}Aorder", {"schema": order, "references": refers}),
        (f"{name}Money", {"schema": record("Money", ("cents", LONG))}),
    ]
    here.write(*(schema(subject, **spec) for subject, spec in documents))
    assert here.apply().code == 0
    away = {"metadata": {"ensure": "absent"}}
    here.write(*(schema(subject, **spec, **away) for subject, spec in documents))
    told = f"it is part of {name}Aorder, deleted softly, which this registry counts"
    shown = here.plan()
    assert (shown.code, told in shown.out) == (3, True), shown.out
    registry(connected, "DELETE", f"subjects/{name}Aorder")
    shown = here.plan()
    assert (shown.code, told in shown.out) == (3, True), "also when it went by hand"
    here.write(*(schema(s, **spec, delete="permanent", **away) for s, spec in documents))
    assert here.apply("--approve", "KS242").code == 0
    left = registry(connected, "GET", "subjects?deleted=true&limit=5000")
    assert not [subject for subject in left if subject.startswith(name)]


def test_protected_from_going_for_good(here: Spec, name: str) -> None:
    kept = {"metadata": {"protect": True}}
    here.write(schema(f"{name}value", schema=ORDER, delete="permanent", **kept))
    assert here.apply().code == 0
    (here.folder / "spec.yaml").unlink()
    assert "KS902" in here.plan_json().codes
