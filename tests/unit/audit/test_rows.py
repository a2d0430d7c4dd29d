"""Rows of the audit: who changed what, what happened under it, commands with their outcomes, capacity that was lost."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from lws_events import subjects
from lws_events.commands import AnyCommand, DeleteLeaderPod, SetTimer
from lws_events.decisions import GroupRecreationStarted
from lws_events.events import SetDeleted, SetObserved, SpecChangeRequested
from lws_events.subjects import SetName
from lws_events.views import Disruption
from projections.audit.capacity import WANTED_MAX, Capacity
from projections.audit.fields import changed_fields
from projections.audit.fold import audit
from projections.audit.report import report
from projections.audit.rows import Asked, AuditRow
from tests.journal_builder import SAMPLE, START_MS, JournalBuilder, raw
from tests.unit.cli.recreated_group import recreated_group


def rows(journal: JournalBuilder, **asked: Any) -> list[AuditRow]:
    return list(audit(journal.steps, asked=Asked(**asked)))


def of_kind(found: Sequence[AuditRow], kind: str) -> list[AuditRow]:
    return [row for row in found if row.kind == kind]


def spec(image: str, *, replicas: int = 1) -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "main", "image": image}]}}
    return {"replicas": replicas, "leaderWorkerTemplate": {"size": 2, "workerTemplate": template}}


def observed(journal: JournalBuilder, value: dict[str, Any], *, generation: int, **view: Any) -> None:
    fact = SetObserved(
        uid="lws", resource_version=str(100 + journal.sequence), generation=generation, spec=raw(value), **view
    )
    journal.fact(subjects.SET, SAMPLE.name, fact)


def requested(journal: JournalBuilder, user: str, *, generation: int, operation: str = "UPDATE") -> None:
    fact = SpecChangeRequested(
        user=user, groups=("dev", "system:authenticated"), operation=operation, uid="lws", generation=generation
    )
    journal.fact(subjects.REQUEST, SAMPLE.name, fact)


def test_a_change_has_its_user_its_fields_and_its_values() -> None:
    journal = JournalBuilder()
    requested(journal, "alice", generation=1, operation="CREATE")
    observed(journal, spec("a"), generation=1)
    requested(journal, "bob", generation=2)
    observed(journal.later(milliseconds=10), spec("b", replicas=2), generation=2)
    created, image, replicas = of_kind(rows(journal), "change")
    assert (created.user, created.what, created.generation) == ("alice", "the set was created", 1)
    assert {(row.user, row.user_groups, row.manager) for row in (image, replicas)} == {
        ("bob", "dev, system:authenticated", "unknown")
    }
    assert (image.path, image.before, image.after) == (
        "spec.leaderWorkerTemplate.workerTemplate.spec.containers[main].image",
        '"a"',
        '"b"',
    )
    assert (replicas.path, replicas.before, replicas.after) == ("spec.replicas", "1", "2")
    assert [row.user for row in of_kind(rows(journal), "request")] == ["alice", "bob"]


def test_a_user_that_nobody_recorded_is_not_guessed() -> None:
    journal = JournalBuilder()
    requested(journal, "alice", generation=1, operation="CREATE")
    observed(journal, spec("a"), generation=1)
    observed(journal, spec("b"), generation=2)
    requested(journal, "carol", generation=4)
    observed(journal, spec("c"), generation=4)
    assert [row.user for row in of_kind(rows(journal), "change")] == ["alice", "not recorded", "carol, not recorded"]


def test_a_request_may_be_recorded_behind_its_change() -> None:
    journal = JournalBuilder()
    observed(journal, spec("a"), generation=1)
    requested(journal.later(milliseconds=20), "alice", generation=1, operation="CREATE")
    observed(journal.later(milliseconds=60_000), spec("b"), generation=2)
    journal.later(milliseconds=20).running("sample-0", uid="l")
    requested(journal.later(milliseconds=20), "bob", generation=2)
    observed(journal.later(milliseconds=60_000), spec("c"), generation=3)
    journal.later(milliseconds=60_000).lws_status({})
    found = rows(journal)
    assert [row.user for row in of_kind(found, "change")] == ["alice", "bob", "not recorded"]
    assert [row.user for row in of_kind(found, "effect")] == ["alice", "bob", "not recorded"]
    assert [row.sequence for row in found[:-3]] == sorted(row.sequence for row in found[:-3])
    assert {row.kind for row in rows(journal, user="bob")} == {"request", "change", "effect"}


def test_a_request_that_comes_too_late_is_told_by_the_effect() -> None:
    journal = JournalBuilder()
    observed(journal, spec("a"), generation=1)
    journal.later(milliseconds=11_000).lws_status({})
    requested(journal, "alice", generation=1, operation="CREATE")
    found = rows(journal)
    told = [(row.kind, row.user) for row in found if row.kind in ("request", "change", "effect")]
    assert told == [("change", "not recorded"), ("request", "alice"), ("effect", "alice")]


def test_a_request_that_was_refused_later_changes_nothing() -> None:
    journal = JournalBuilder()
    observed(journal, spec("a"), generation=1)
    requested(journal, "alice", generation=2)
    requested(journal, "bob", generation=2)
    observed(journal, spec("b"), generation=2)
    assert of_kind(rows(journal), "change")[-1].user == "bob"


def test_edits_of_metadata_and_late_views_are_no_changes() -> None:
    journal = JournalBuilder()
    observed(journal, spec("a"), generation=1)
    observed(journal, spec("a"), generation=1, labels={"a": "b"})
    late = SetObserved(uid="lws", resource_version="1", generation=0, spec=raw(spec("z")))
    journal.fact(subjects.SET, SAMPLE.name, late)
    assert len(of_kind(rows(journal), "change")) == 1


def test_the_deletion_of_a_set_ends_what_was_wanted() -> None:
    journal = JournalBuilder()
    observed(journal, spec("a"), generation=1)
    observed(journal.later(milliseconds=500), spec("a"), generation=1, deleting_since="2026-01-01T00:00:00Z")
    gone = SetDeleted(uid="lws", resource_version="900")
    journal.later(milliseconds=500).fact(subjects.SET, SAMPLE.name, gone)
    found = rows(journal)
    assert [row.what for row in of_kind(found, "change")][1:] == ["the set is to be deleted", "the set is gone"]
    assert of_kind(found, "change")[1].user == "not recorded"
    assert {row.lost_ms for row in of_kind(found, "capacity")} == {500}


def test_commands_have_their_outcome_and_timers_none() -> None:
    journal = JournalBuilder()
    observed(journal, spec("a"), generation=1)
    commands: list[AnyCommand] = [
        DeleteLeaderPod(name="sample-0", uid="u"),
        DeleteLeaderPod(name="sample-1", uid="v"),
        DeleteLeaderPod(name="sample-2", uid="w"),
        SetTimer(timer="t", fire_at_ms=START_MS),
    ]
    decision = journal.decided(commands=commands)
    journal.later(milliseconds=30).succeeded(decision, 0)
    journal.later(milliseconds=30).failed(decision, 1, code=409, reason="Conflict")
    done, failed, open_ = of_kind(rows(journal), "command")
    assert (done.target, done.outcome, done.code, done.took_ms) == ("pod/sample-0", "succeeded", None, 30)
    assert (failed.target, failed.outcome, failed.code, failed.took_ms) == ("pod/sample-1", "failed", 409, 60)
    assert "Conflict" in failed.because
    assert (open_.target, open_.outcome, open_.took_ms) == ("pod/sample-2", "none recorded", None)


def test_capacity_is_lost_while_a_pod_is_wanted_and_not_ready() -> None:
    journal = JournalBuilder()
    observed(journal, spec("a"), generation=1)
    journal.later(milliseconds=1000).running("sample-0", uid="l")
    journal.later(milliseconds=500).running("sample-0-1", uid="w")
    journal.later(milliseconds=2000).pod_deleted("sample-0-1", uid="w")
    journal.running("sample-1", uid="surge")
    journal.later(milliseconds=700).pod_deleted("sample-1", uid="surge")
    lost = [(row.pod, row.group, row.lost_ms) for row in of_kind(rows(journal), "capacity")]
    assert lost == [
        ("sample-0", "0", 1000),
        ("sample-0-1", "0", 1500),
        ("", "0", 1500),
        ("sample-0-1", "0", 700),
        ("", "0", 700),
    ]


def test_a_number_of_replicas_does_not_fill_the_memory() -> None:
    fold = Capacity(SAMPLE)
    journal = JournalBuilder()
    observed(journal, spec("a", replicas=2_000_000_000), generation=1)
    journal.later(milliseconds=1).lws_status({})
    for event in journal.events[1:]:
        assert fold.add(event) == []
    pods = [gap for gap in fold.open() if gap.pod]
    assert len(pods) == WANTED_MAX


def test_a_period_has_only_its_part_of_a_loss() -> None:
    journal = JournalBuilder()
    observed(journal, spec("a"), generation=1)
    journal.running("sample-0", uid="l")
    journal.later(milliseconds=5000).running("sample-0-1", uid="w")
    inside = rows(journal, since_ms=START_MS + 1000, until_ms=START_MS + 3000)
    assert [(row.pod, row.lost_ms) for row in of_kind(inside, "capacity")] == [("sample-0-1", 2000), ("", 2000)]
    assert of_kind(inside, "change") == []


def test_what_happened_under_a_generation_is_summed_up() -> None:
    journal = recreated_group()
    [effect] = of_kind(rows(journal), "effect")
    assert effect.generation == 1
    assert "pods 4 created, 2 deleted" in effect.what
    assert "1 recreations of groups" in effect.what
    lost = sum(row.lost_ms or 0 for row in of_kind(rows(journal), "capacity") if row.pod)
    assert effect.lost_ms == lost > 0


def test_a_set_that_is_made_anew_has_its_own_effects_and_changes() -> None:
    journal = JournalBuilder()
    for uid in ("first", "second"):
        for generation in (1, 2):
            fact = SetObserved(
                uid=uid,
                resource_version=str(journal.sequence),
                generation=generation,
                spec=raw(spec("a", replicas=generation)),
            )
            journal.later(milliseconds=10).fact(subjects.SET, SAMPLE.name, fact)
        journal.fact(subjects.SET, SAMPLE.name, SetDeleted(uid=uid, resource_version="900"))
    found = rows(journal)
    assert [row.generation for row in of_kind(found, "effect")] == [1, 2, 1, 2]
    [summed_up] = report(found)
    assert summed_up.spec_changes == 2


def test_filters_leave_out_what_is_not_asked_for() -> None:
    journal = JournalBuilder()
    requested(journal, "alice", generation=1, operation="CREATE")
    observed(journal, spec("a"), generation=1)
    journal.about(SetName("other", "sample")).lws()
    assert {row.namespace for row in rows(journal, namespace="other")} == {"other"}
    assert {row.kind for row in rows(journal, user="alice")} == {"request", "change", "effect"}
    assert {row.kind for row in rows(journal, kinds=("pod", "effect"))} == {"effect"}


def test_the_report_sums_up_the_rows() -> None:
    journal = recreated_group()
    [found] = report(rows(journal))
    assert (found.namespace, found.set, found.restarts) == ("default", "sample", 1)
    [(reason, count)] = found.restarts_by_reason.items()
    assert (count, "deleted" in reason) == (1, True)
    assert found.spec_changes == found.rollouts == 0
    assert found.pod_ms_lost >= found.group_ms_lost > 0
    assert report([]) == []


def test_reasons_and_users_are_counted() -> None:
    journal = JournalBuilder()
    observed(journal, spec("a"), generation=1)
    for generation, user in enumerate(("alice", "bob", "alice"), start=2):
        requested(journal, user, generation=generation)
        observed(journal, spec(user + str(generation), replicas=generation), generation=generation)
        fact = GroupRecreationStarted(
            group="sample-0", leader="sample-0", leader_uid="l", failed_pod="sample-0-1", failed_uid="w", failure=user
        )
        journal.decided(facts=[fact])
    [found] = report(rows(journal))
    assert found.spec_changes_by_user == found.restarts_by_reason == {"alice": 2, "bob": 1}
    assert found.spec_changes == found.restarts == 3


@pytest.mark.parametrize(
    ("pod", "because"), [("sample-0-1", "deleted (EvictionByEvictionAPI)"), ("sample-0", "deleted")]
)
def test_a_restart_names_what_of_kubernetes_ended_the_pod(pod: str, because: str) -> None:
    journal = JournalBuilder()
    journal.pod_deleted(pod, uid="w", disruption=Disruption("EvictionByEvictionAPI", "Eviction API: evicting"))
    fact = GroupRecreationStarted(
        group="sample-0", leader="sample-0", leader_uid="l", failed_pod="sample-0-1", failed_uid="w", failure="deleted"
    )
    journal.decided(facts=[fact])
    [restart] = of_kind(rows(journal), "restart")
    assert restart.because == because


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": True}, [("a", "1", "true")]),
        ({"a": [1, 2]}, {"a": [1, 3, 4]}, [("a[1]", "2", "3"), ("a[2]", "", "4")]),
        (
            {"c": [{"name": "x", "v": 1}, {"name": "y", "v": 2}]},
            {"c": [{"name": "y", "v": 3}]},
            [("c[x]", '{"name":"x","v":1}', ""), ("c[y].v", "2", "3")],
        ),
        ({"a": {"b": None}}, {"a": {}}, [("a.b", "null", "")]),
        ([{"name": "x"}, {"name": "x"}], [{"name": "x"}], [("[1]", '{"name":"x"}', "")]),
    ],
)
def test_fields_are_told_apart(before: Any, after: Any, changes: list[tuple[str, str, str]]) -> None:
    assert [tuple(one) for one in changed_fields(before, after)] == changes


def test_rows_are_flat() -> None:
    for row in rows(recreated_group()):
        values = msgspec.structs.asdict(row).values()
        assert all(value is None or isinstance(value, str | int) for value in values)
