"""Who is named in the audit: field managers, users who scale through the subresource, users who delete."""

from typing import Any

import pytest

from lws_events import subjects
from lws_events.events import DeletionRequested, FieldManager, SetDeleted, SetObserved, SpecChangeRequested
from projections.audit.fold import audit
from projections.audit.rows import Asked, AuditRow
from tests.journal_builder import SAMPLE, JournalBuilder, raw

DAVE = FieldManager("dave-cli", "Apply", "2026-01-01T00:00:05Z")
EDITOR = FieldManager("editor", "Update", "2026-01-01T00:00:02Z")
AUTOSCALER = FieldManager("autoscaler", "Update", "2026-01-01T00:00:09Z", "scale")


def observed(
    journal: JournalBuilder,
    *,
    generation: int,
    replicas: int = 1,
    managers: tuple[FieldManager, ...] = (),
    uid: str = "lws",
    deleting_since: str | None = None,
) -> None:
    fact = SetObserved(
        uid=uid,
        resource_version=str(100 + journal.sequence),
        deleting_since=deleting_since,
        generation=generation,
        spec=raw({"replicas": replicas, "generation": generation, "leaderWorkerTemplate": {"size": 2}}),
        managers=managers,
    )
    journal.fact(subjects.SET, SAMPLE.name, fact)


def scaled(journal: JournalBuilder, user: str, replicas: int, *, request: str = "") -> None:
    fact = SpecChangeRequested(user=user, uid="lws", subresource="scale", replicas=replicas, request=request)
    journal.fact(subjects.REQUEST, user, fact)


def deletion(journal: JournalBuilder, user: str, *, kind: str = "set", uid: str = "lws", **more: Any) -> None:
    fact = DeletionRequested(kind=kind, name=more.pop("name", SAMPLE.name), user=user, uid=uid, **more)
    journal.fact(subjects.REQUEST, user, fact)


def changes(journal: JournalBuilder, **asked: Any) -> list[AuditRow]:
    return [row for row in audit(journal.steps, asked=Asked(**asked)) if row.kind == "change"]


def replicas_rows(journal: JournalBuilder) -> list[AuditRow]:
    return [row for row in changes(journal) if row.path == "spec.replicas"]


def test_a_change_names_the_manager_whose_entry_is_new() -> None:
    journal = JournalBuilder()
    observed(journal, generation=1, managers=(EDITOR,))
    observed(journal, generation=2, managers=(DAVE, EDITOR), replicas=2)
    observed(journal, generation=3, managers=(AUTOSCALER, DAVE, EDITOR), replicas=3)
    created, *_ = changes(journal)
    assert created.manager == "editor (update)"
    assert [row.manager for row in replicas_rows(journal)] == [
        "dave-cli (server-side apply)",
        "autoscaler (update of scale)",
    ]


def test_of_one_write_the_last_is_named_and_of_several_missed_ones_all() -> None:
    journal = JournalBuilder()
    observed(journal, generation=1)
    observed(journal, generation=2, managers=(DAVE, EDITOR), replicas=2)
    observed(journal, generation=4, managers=(AUTOSCALER, FieldManager("editor", "Update", "2026-01-01T00:00:08Z")))
    one, several = replicas_rows(journal)
    assert one.manager == "dave-cli (server-side apply)"
    assert several.manager == "autoscaler (update of scale), editor (update)"


@pytest.mark.parametrize("managers", [(), (EDITOR,)])
def test_a_manager_that_the_api_server_does_not_show_is_not_guessed(managers: tuple[FieldManager, ...]) -> None:
    journal = JournalBuilder()
    observed(journal, generation=1, managers=managers)
    observed(journal, generation=2, managers=managers, replicas=2)
    assert [row.manager for row in replicas_rows(journal)] == ["unknown"]


@pytest.mark.parametrize("behind", [False, True])
def test_who_scales_is_told_by_the_number_of_groups(*, behind: bool) -> None:
    journal = JournalBuilder()
    observed(journal, generation=1)
    for step in ("observed", "scaled") if behind else ("scaled", "observed"):
        journal.later(milliseconds=20)
        if step == "scaled":
            scaled(journal, "alice", 3)
        else:
            observed(journal, generation=2, replicas=3)
    assert [row.user for row in replicas_rows(journal)] == ["alice"]


def test_a_refused_scaling_is_not_taken_for_the_next_change() -> None:
    journal = JournalBuilder()
    observed(journal, generation=1)
    scaled(journal, "alice", 5)
    observed(journal, generation=2, replicas=3)
    scaled(journal.later(milliseconds=60_000), "hpa", 4)
    observed(journal, generation=3, replicas=4)
    observed(journal, generation=4, replicas=5)
    assert [row.user for row in replicas_rows(journal)] == ["not recorded", "hpa", "not recorded"]


def test_whoever_changed_the_generation_is_surer_than_a_scaling_to_the_same_number() -> None:
    journal = JournalBuilder()
    observed(journal, generation=1)
    scaled(journal, "hpa", 2)
    journal.fact(subjects.REQUEST, "jane", SpecChangeRequested(user="jane", uid="lws", generation=2))
    observed(journal, generation=2, replicas=2)
    assert [row.user for row in replicas_rows(journal)] == ["jane"]


def test_a_request_that_was_recorded_twice_is_told_once() -> None:
    journal = JournalBuilder()
    observed(journal, generation=1)
    scaled(journal, "alice", 3, request="r1")
    scaled(journal, "alice", 3, request="r1")
    scaled(journal, "alice", 3, request="r2")
    assert [row.kind for row in audit(journal.steps)].count("request") == 2


@pytest.mark.parametrize("behind", [False, True])
def test_who_deletes_the_set_is_named_where_it_ends(*, behind: bool) -> None:
    journal = JournalBuilder()
    observed(journal, generation=1)
    if not behind:
        deletion(journal, "bob", groups=("ops",), propagation="Foreground")
    observed(journal, generation=1, deleting_since="2026-01-01T00:00:00Z")
    if behind:
        deletion(journal.later(milliseconds=30), "bob", groups=("ops",), propagation="Foreground")
    journal.fact(subjects.SET, SAMPLE.name, SetDeleted(uid="lws", resource_version="999"))
    _, begins, gone = changes(journal)
    assert (begins.what, begins.user, begins.user_groups) == ("the set is to be deleted", "bob", "ops")
    assert (gone.what, gone.user) == ("the set is gone", "")
    assert [row.what for row in audit(journal.steps) if row.kind == "request"] == [
        "deletion of the set was asked for, propagation Foreground"
    ]
    assert {row.what for row in audit(journal.steps, asked=Asked(user="bob"))} >= {begins.what}


def test_a_set_that_goes_at_once_has_who_deleted_it_there() -> None:
    journal = JournalBuilder()
    observed(journal, generation=1)
    journal.fact(subjects.SET, SAMPLE.name, SetDeleted(uid="lws", resource_version="999"))
    deletion(journal.later(milliseconds=30), "bob")
    assert [(row.what, row.user) for row in changes(journal)][1:] == [("the set is gone", "bob")]


def test_a_deletion_that_nobody_was_told_of_is_not_recorded() -> None:
    journal = JournalBuilder()
    observed(journal, generation=1)
    deletion(journal, "bob", uid="another")
    journal.fact(subjects.SET, SAMPLE.name, SetDeleted(uid="lws", resource_version="999"))
    assert [row.user for row in changes(journal)][1:] == ["not recorded"]


def test_a_pod_names_whoever_asked_first_before_the_garbage_collector() -> None:
    collector = "system:serviceaccount:kube-system:generic-garbage-collector"
    journal = JournalBuilder()
    journal.running("sample-0", uid="l")
    deletion(journal, collector, kind="pod", uid="l", name="sample-0")
    deletion(journal, "carol", kind="pod", uid="l", name="sample-0", eviction=True, grace_seconds=5)
    deletion(journal, collector, kind="pod", uid="l", name="sample-0")
    journal.pod_deleted("sample-0", uid="l")
    found = list(audit(journal.steps, asked=Asked(user="carol")))
    assert [(row.kind, row.what, row.group) for row in found] == [
        ("request", "eviction of pod sample-0 was asked for, grace period 5 s", "0"),
        ("pod", "pod sample-0 is gone", "0"),
    ]


def test_what_reached_the_journal_late_says_so() -> None:
    journal = JournalBuilder()
    observed(journal, generation=1)
    asked_ms = journal.now_ms
    journal.later(milliseconds=60_000)
    fact = SpecChangeRequested(user="alice", uid="lws", generation=2, asked_ms=asked_ms)
    journal.fact(subjects.REQUEST, "alice", fact)
    [row] = [row for row in audit(journal.steps) if row.kind == "request"]
    assert row.because.startswith("asked for at ")
