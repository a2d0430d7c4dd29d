"""What the report of a shadow says, and what it leaves to the reader."""

import re

from lws_events import commands, events, subjects
from lws_events.decisions import Decision, Issued
from lws_events.differences import DifferenceFound, FieldDifference
from lws_events.subjects import SetName
from projections.journal import RecordedDecision, RecordedEvent
from projections.shadow_markdown import as_markdown
from projections.shadow_report import ShadowReport, report

SET = SetName("default", "sample")
CLUSTER = "shadow-of-default"


def _journal(*facts: tuple[str, str, events.Fact]) -> ShadowReport:
    recorded = [
        RecordedEvent(
            sequence,
            subjects.event_subject(CLUSTER, SET, kind, name),
            events.Envelope(at_ms=1_700_000_000_000 + sequence, fact=fact),
        )
        for sequence, (kind, name, fact) in enumerate(facts, 1)
    ]
    issued = tuple(
        Issued(id=f"e-1-{index}", command=commands.DeleteLeaderPod(name=f"sample-{index}", uid=str(index)))
        for index in range(3)
    )
    decision = Decision(epoch="e", cause=1, machine="2", commands=issued)
    return report(CLUSTER, recorded, [RecordedDecision(1, subjects.decision_subject(CLUSTER, SET), decision)])


A_SET = (subjects.SET, "sample", events.SetObserved(uid="s", resource_version="1", generation=1))


def _done(index: int) -> tuple[str, str, events.Fact]:
    target = f"pod/sample-{index}"
    return subjects.OUTCOME, target, events.CommandSucceeded(command_id=f"e-1-{index}", target=target)


def _not_done(index: int) -> tuple[str, str, events.Fact]:
    target = f"pod/sample-{index}"
    failed = events.CommandFailed(command_id=f"e-1-{index}", target=target, code=0, reason=events.NOT_DONE)
    return subjects.OUTCOME, target, failed


def _difference(kind: str = "missing", *, known: str = "") -> tuple[str, str, events.Fact]:
    found = DifferenceFound(
        kind=kind,
        target="pod/sample-1",
        what="nobody did recreate group 1",
        because="pod sample-1-2: deleted",
        command_id="e-1-1",
        known=known,
        fields=(FieldDifference("spec.replicas", "1"),),
    )
    return subjects.DIFFERENCE, "pod/sample-1", found


def test_without_sets_or_commands_there_is_nothing_to_say() -> None:
    assert _journal().verdict.startswith("Nothing to say: no LeaderWorkerSet")
    assert _journal(A_SET).verdict.startswith("Nothing to say yet")


def test_agreement() -> None:
    found = _journal(A_SET, _done(0), _done(1))
    assert found.verdict == "No difference: all 2 commands were carried out alike."
    assert (found.commands, found.waiting, found.sets) == (2, 1, 1)


def test_what_is_meant_is_listed_and_spoils_nothing() -> None:
    found = _journal(A_SET, _done(0), _not_done(1), _difference(known="D1"))
    assert found.unexplained == 0
    assert found.verdict == "Ours differs only where it is meant to, once: D1 (1)."
    [row] = found.differences
    assert (row.cause, row.sequence) == (1, 4)
    page = as_markdown(found)
    assert "## Differences that are meant" in page
    assert "## Unexplained differences" not in page
    assert re.search(r"D1: a worker whose deletion nobody saw .*#4.*`lws-events why default/sample --at 1`", page)


def test_what_nobody_has_explained_comes_first() -> None:
    found = _journal(A_SET, _not_done(1), _difference(), _difference("order"))
    assert found.unexplained == 1
    assert "explained (rule restart): look at them before you switch" in found.verdict
    page = as_markdown(found)
    assert page.index("## Unexplained differences") < page.index("## Done late")
    assert "`spec.replicas`: ours `1`, theirs `absent`" in page
