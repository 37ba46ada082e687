"""An import's documents, made tidy: nothing changes its meaning, no two things share a name, a variable or a file."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.drafts import Draft, laid, merged, references, renamed, with_own_variables
from reconciler.core.model import Key

CLUSTERS = ("eu", "us", "ap")
texts = st.text("aB.-_/é ", min_size=1, max_size=6)
plain = st.builds(
    lambda name, cluster, size: draft("quota", "Quota", name, cluster, {"limits": {"x": size}}),
    texts,
    st.sampled_from(CLUSTERS),
    st.integers(1, 2),
)
secret = st.builds(
    lambda name, cluster, variable: draft(
        "user",
        "User",
        name,
        cluster,
        {"password": f"env:{variable}"},
        secrets=frozenset({"password"}),
    ),
    texts,
    st.sampled_from(CLUSTERS),
    st.sampled_from(["A_PASSWORD", "B_PASSWORD"]),
)
schema = st.builds(
    lambda name, cluster, text: draft(
        "schema", "Schema", name, cluster, {"type": "avro", "file": ".avsc"}, texts={"file": text}
    ),
    texts,
    st.sampled_from(CLUSTERS),
    st.sampled_from(['"string"\n', '"long"\n']),
)
drafts = st.lists(
    st.one_of(plain, secret, schema), max_size=12, unique_by=lambda d: next(iter(d.keys))
)


def draft(kind: str, document: str, name: str, cluster: str, spec: Any, **more: Any) -> Draft:
    return Draft(
        kind, document, name, (cluster,), spec, keys=frozenset({Key(cluster, kind, name)}), **more
    )


def meant(found: list[Draft]) -> Counter[tuple[Any, ...]]:
    """What every cluster is told, whoever says it."""
    return Counter(
        (d.document, cluster, str(sorted(d.spec.items())), str(d.texts))
        for d in found
        for cluster in d.clusters
        if not d.secrets
    )


@given(drafts)
def test_merging_says_the_same_to_every_cluster(found: list[Draft]) -> None:
    told = merged(found)
    assert meant(told) == meant(found)
    assert {key for d in told for key in d.keys} == {key for d in found for key in d.keys}
    alike = [(d.document, d.name, str(d.spec), str(d.texts)) for d in told if not d.secrets]
    assert len(alike) == len({*alike})


@given(drafts)
def test_what_refers_to_a_secret_is_never_shared(found: list[Draft]) -> None:
    """Two clusters may have two passwords under one name."""
    assert all(len(d.clusters) == 1 for d in merged(found) if d.secrets)


@given(drafts)
def test_a_free_name_is_there_once_on_a_cluster(found: list[Draft]) -> None:
    taken = frozenset({("Quota", "aa", "eu")})
    told = renamed(merged(found), lambda d: d.document == "Quota", taken)
    places = [(d.name, cluster) for d in told if d.document == "Quota" for cluster in d.clusters]
    assert len(places) == len({*places})
    assert ("aa", "eu") not in places
    assert meant(told) == meant(found)


@given(drafts, st.booleans())
def test_every_secret_has_a_variable_of_its_own(found: list[Draft], several: bool) -> None:
    told = with_own_variables(merged(found), several=several)
    names = [variable for d in told for _, variable in references(d)]
    assert len(names) == len({*names})
    assert all(name.startswith(("EU_", "US_", "AP_")) == several for name in names)
    assert meant(told) == meant(found)


def test_only_a_secret_is_a_reference() -> None:
    """A group may be called `env:prod`, and a connector may hold the text `env:prod`."""
    acl = draft("acl", "Acl", "a", "eu", {"grants": [{"role": "consumer", "groups": ["env:prod"]}]})
    config = {"topic": "env:prod", "password": {"env": "SECRET"}}
    connector = draft(
        "connector", "Connector", "c", "eu", {"config": config}, secrets=frozenset({"config"})
    )
    assert [list(references(d)) for d in (acl, connector)] == [
        [],
        [(("config", "password"), "SECRET")],
    ]
    [_, told] = with_own_variables([acl, connector], several=True)
    assert told.spec["config"] == {"topic": "env:prod", "password": {"env": "EU_SECRET"}}


@given(drafts)
def test_every_draft_is_in_one_file_and_every_text_in_its_own(found: list[Draft]) -> None:
    told = merged(found)
    there = {"users/a.yaml", "quotas/a.yaml"}
    files = laid(told, there.__contains__, frozenset())
    placed = [d for documents in files.documents.values() for _, d in documents if d is not None]
    assert Counter(map(id, placed)) == Counter(map(id, told))
    paths = [*files.documents, *files.texts]
    assert len(paths) == len({*paths})
    assert not {*paths} & there
    for path, documents in files.documents.items():
        for body, d in documents:
            if d is not None and d.texts:
                name = body["spec"]["file"]  # type: ignore[index,call-overload]
                beside = f"{path.rpartition('/')[0]}/{name}"
                assert files.texts[beside] == d.texts["file"]


def test_profiles_keep_out_of_the_way_of_those_that_are_there() -> None:
    spec = {"partitions": 6, "replication": 3, "config": {"retention.ms": "7d"}}
    found = [draft("topic", "Topic", f"t{n}", "eu", spec) for n in range(4)]
    files = laid(found, {"profiles.yaml"}.__contains__, frozenset({"delete-6"}))
    [(profile, _)] = files.documents["profiles-2.yaml"]
    assert profile["metadata"] == {"name": "delete-6-7d"}
