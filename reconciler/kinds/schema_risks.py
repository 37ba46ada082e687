"""What could hurt about a schema, as far as the change itself tells."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.model import Action, Change, Code, Risk, World
from reconciler.core.risk import each
from reconciler.kinds.schema_changes import RANK
from reconciler.kinds.schema_forms import explains


def level_rule(change: Change, _world: World) -> Iterator[Risk]:
    """What guards the readers of a subject becomes weaker, or writers are shut out."""
    for edit in change.edits:
        if edit.path == ("compatibility",) and edit.after is None:
            yield Risk("KS243", f"{edit.before} -> what the registry says for all")
        elif edit.path == ("compatibility",) and edit.before is not None:
            weaker = RANK[str(edit.after)] < RANK.get(str(edit.before), 0)
            yield Risk("KS243" if weaker else "KS143", f"{edit.before} -> {edit.after}")
        elif edit.path == ("mode",) and edit.after == "READONLY":
            yield Risk("KS145", "producers that register by themselves are refused")


def docs_rule(change: Change, _world: World) -> Iterator[Risk]:
    """A new version that reads and writes just as the former did."""
    about = [edit for edit in change.edits if edit.path[0] == "schema"]
    others = [e for e in change.edits if e.path[0] in ("type", "references")]
    if change.action is Action.UPDATE and about and not others:
        kind = str((change.after or {})["type"])
        if all(explains(kind, edit.path) for edit in about):
            yield Risk("KS141", "only what explains it changes; records are as they were")


RULES = tuple(map(each, (level_rule, docs_rule)))

CODES = (
    Code(
        "KS141",
        "Only documentation changes",
        "The new version differs in what explains the fields, and in nothing that a record is made of. It gets a"
        " version of its own all the same.",
    ),
    Code(
        "KS142",
        "The registry was not asked",
        "Whether the new version is compatible could not be asked while planning: the level, or a schema it refers"
        " to, becomes another one by this same plan. Our own comparison was made (Avro); the registry has its say"
        " at apply, and what it refuses stays as it was.",
    ),
    Code(
        "KS143",
        "Changes what guards the readers",
        "New versions of this subject are checked by another level from now on, a stricter one or one of another"
        " direction.",
        "Set the former level again.",
    ),
    Code(
        "KS144",
        "Held by what was deleted softly",
        "Schemas that refer to this one are deleted softly before it. Should the registry count those still, it refuses"
        " to delete this one, and the next plan says so (KS944).",
    ),
    Code(
        "KS145",
        "Shuts writers out",
        "A subject that is READONLY takes no new versions, from producers that register by themselves either."
        " Apicurio stores this mode and does not act on it.",
        "Set READWRITE again.",
    ),
    Code(
        "KS148",
        "May not be recognised",
        "Apicurio guesses the type of a schema from its text, whatever is asked for. A JSON Schema without `$schema`"
        " and without `properties` it does not take for one, and refuses to register it (measured on 3.3.2). Add"
        " `$schema`, for example `http://json-schema.org/draft-07/schema#`.",
    ),
    Code(
        "KS241",
        "Deletes a subject",
        "The subject is not found any more: producers that look their schema up there, or register it, fail or"
        " make it anew. Consumers still read what was written, by the schemas' ids. Soft: the registry keeps the"
        " versions.",
        "Register the same schema again: it gets its old id.",
    ),
    Code(
        "KS242",
        "Deletes a subject for good",
        "All versions go. Records that were written with them cannot be read any more by whoever has not got the schema"
        " elsewhere.",
        "It cannot be undone: the same schema registered again gets another id, and the records hold the old one.",
        destroys=True,
    ),
    Code(
        "KS243",
        "Guards the readers less",
        "New versions of this subject are checked less strictly from now on, so that one may be registered that"
        " consumers, or what was written before, do not fit.",
        "Set the former level again; what was registered meanwhile stays.",
    ),
    Code(
        "KS945",
        "Breaks compatibility",
        "Under the level in force the registry refuses this version. The fields that are in the way stand beside"
        " the code, by our own comparison: registries differ in what they say. Give a new field a default, keep"
        " what readers need, or register it under a new subject. A level may be loosened in the same change.",
    ),
    Code(
        "KS942",
        "A version that was there before",
        "The registry has this very schema as an older version, and registering it again does not make it the"
        " latest. Change something about it (a `doc` will do), or delete the newer versions by hand where nobody"
        " uses them.",
    ),
    Code(
        "KS943",
        "Refers to what is not there",
        "A reference names a subject that neither the registry nor this plan has.",
    ),
    Code(
        "KS944",
        "Others are made of it",
        "Schemas of other subjects refer to this one, and the registry refuses to delete it. Delete those first,"
        " or in the same plan. Some registries (Apicurio) count those that are deleted softly: delete them for good,"
        " with a document that says `ensure: absent` and `delete: permanent`; or keep this one.",
    ),
)
