"""The bench's own calculations: a figure that is wrong is worse than none."""

import os
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from adapters.cli.main import app
from adapters.journal.file_format import JournalFileWriter
from adapters.journal.port import Record
from lws_events import decisions, events, subjects
from lws_events.fleet import Fleet
from lws_events.subjects import SetName
from projections.journal import RecordedDecision, RecordedEvent
from projections.verify import verify
from tests.bench import long_run, mass_failure, questions, recorded
from tests.bench.figures import latency, percentile
from tests.controlplane import audit, proc


def audit_line(verb: str, resource: str, name: str = "", **about: object) -> bytes:
    """A finished request as the API server writes it."""
    return msgspec.json.encode(
        {
            "kind": "Event",
            "verb": verb,
            "userAgent": about.get("agent", "lws-events/1 (linux)"),
            "objectRef": {
                "resource": resource,
                "namespace": about.get("namespace", "n"),
                "name": name,
                "apiVersion": "v1",
                **({"subresource": about["subresource"]} if "subresource" in about else {}),
            },
            "responseStatus": {"metadata": {}, "code": about.get("code", 200)},
            "requestReceivedTimestamp": about.get("at", "2026-01-01T00:00:00.250000Z"),
            "stageTimestamp": "2026-01-01T00:00:09.000000Z",
        }
    )


@pytest.mark.parametrize(
    ("values", "fraction", "expected"),
    [
        ([7.0], 0.5, 7.0),
        ([7.0], 0.99, 7.0),
        ([1.0, 2.0], 0.5, 1.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([float(n) for n in range(1, 101)], 0.50, 50.0),
        ([float(n) for n in range(1, 101)], 0.99, 99.0),
        ([float(n) for n in range(1, 11)], 0.99, 10.0),
        ([1.0, 2.0], 0.0, 1.0),
        ([1.0, 2.0], 1.0, 2.0),
    ],
)
def test_a_percentile_is_a_value_that_occurred(values: list[float], fraction: float, expected: float) -> None:
    assert percentile(values, fraction) == expected


def test_no_samples_have_no_latency() -> None:
    assert latency([]) is None
    found = latency([3.0, 1.0, 2.0])
    assert found is not None
    assert (found.samples, found.p50_ms, found.p99_ms, found.max_ms) == (3, 2.0, 3.0, 3.0)


def test_writes_are_counted_by_the_beginning_of_the_user_agent_and_without_leases() -> None:
    requests = audit.parse(
        [
            audit_line("create", "statefulsets", "a"),
            audit_line("create", "statefulsets", "b", code=409),
            audit_line("patch", "leaderworkersets", "a", subresource="status"),
            audit_line("update", "leases", "l"),
            audit_line("get", "pods", "p"),
            audit_line("create", "pods", "p", agent="kube-controller-manager/v1"),
            b"",
        ]
    )
    writes = audit.writes_of(requests, "lws-events/")
    assert audit.by_kind(writes) == {"create statefulsets": 2, "patch leaderworkersets/status": 1}


def test_pod_deletions_are_those_that_were_accepted() -> None:
    requests = audit.parse(
        [
            audit_line("delete", "pods", "s-0", at="2026-01-01T00:00:02Z"),
            audit_line("delete", "pods", "s-0", at="2026-01-01T00:00:01.5Z"),
            audit_line("delete", "pods", "s-1", code=404),
            audit_line("delete", "pods", "s-2", code=409),
            audit_line("delete", "pods", "s-3", namespace="other"),
            audit_line("deletecollection", "pods"),
            audit_line("delete", "statefulsets", "s-4"),
        ]
    )
    assert [each.object_ref.name for each in audit.pod_deletions(requests, namespace="n")] == ["s-0", "s-0"]
    assert {name: each.received_ms for name, each in audit.first_deletions(requests, namespace="n").items()} == {
        "s-0": 1_767_225_601_500.0
    }


def test_the_audit_log_is_read_from_the_mark_and_by_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    log = audit.AuditLog(path)
    assert log.since_mark() == []
    path.write_bytes(audit_line("create", "pods", "before") + b"\n")
    log.mark()
    with path.open("ab") as file:
        file.write(audit_line("create", "pods", "after") + b"\n" + audit_line("create", "pods", "unfinished")[:40])
    assert [each.object_ref.name for each in log.since_mark()] == ["after"]


def test_a_deletion_is_seen_when_the_first_fact_tells_of_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    facts: list[tuple[int, events.Fact]] = [
        (10, events.PodObserved(uid="forced", resource_version="1")),
        (20, events.PodObserved(uid="forced", resource_version="2", deleting_since="2026-01-01T00:00:00Z")),
        (30, events.PodDeleted(uid="forced", resource_version="3")),
        (40, events.PodDeleted(uid="gone", resource_version="4")),
    ]
    with JournalFileWriter(path, cluster="c", epoch="e") as writer:
        for sequence, (at_ms, fact) in enumerate(facts, start=1):
            subject = subjects.event_subject("c", SetName("n", "s"), subjects.POD, "p")
            writer.add("events", Record(sequence, subject, events.encode(events.Envelope(at_ms=at_ms, fact=fact)), 0))
    assert mass_failure.deletions_seen(path) == {"forced": 20, "gone": 40}
    answers = [
        mass_failure.Answer(worker_uid="forced", deleted_ms=15.0, sent_ms=25.5),
        mass_failure.Answer(worker_uid="never seen", deleted_ms=15.0, sent_ms=25.0),
    ]
    found = mass_failure.seen_to_sent(answers, path)
    assert found is not None
    assert (found.samples, found.p50_ms) == (1, 5.5)


def test_a_played_journal_is_one_that_this_machine_decides_the_same_about(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    recorded.play(path, groups=2, size=3)
    recording = recorded.read(path)
    deletions = sum(b'"DeleteLeaderPod"' in record.data for record in recording.decisions)
    assert deletions == 2 * recorded.FAILURES
    verified = verify(
        [RecordedEvent(each.sequence, each.subject, events.decode(each.data)) for each in recording.events],
        [RecordedDecision(each.sequence, each.subject, decisions.decode(each.data)) for each in recording.decisions],
        Fleet(),
    )
    assert verified.decisions == len(recording.decisions) > 0
    assert (verified.differences, verified.undecided, verified.lost) == (0, 0, 0)


def test_usage_of_a_process_grows_with_its_work() -> None:
    before = proc.usage(os.getpid())
    while proc.usage(os.getpid()).cpu_seconds == before.cpu_seconds:
        sum(range(10_000))
    assert 1 < before.rss_peak_mib <= proc.usage(os.getpid()).rss_peak_mib
    assert proc.nats_child(os.getpid()) is None


def test_a_longer_journal_is_the_same_life_in_other_namespaces_and_verifies() -> None:
    with long_run.journals(events=3000) as written:
        figures = long_run.measure(written)
        assert figures.events == written.long.events
    assert figures.sets == 3
    assert (figures.events - 1) % figures.sets == 0
    assert figures.decisions % figures.sets == 0
    assert 0 < figures.verify_to_decoding < figures.replay_to_decoding < 1
    assert figures.shorter_peak_mib > 0


def test_questions_are_asked_of_a_file_and_of_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    first = questions.commands_of_one_set
    monkeypatch.setattr(questions, "commands_of_one_set", lambda journal: first(journal)[:1])
    monkeypatch.setattr(questions, "commands_of_all", lambda _: [("status",)])
    with long_run.journals(events=2000) as written:
        figures = questions.measure(written, repeated=1)
    assert (figures.sets, figures.events) == (2, written.long.events)
    assert figures.index_bytes > 0
    assert figures.server_events == written.on_server.events
    for asked in (*figures.of_one_set, *figures.of_all):
        assert asked.seconds > 0
        assert asked.shorter_peak_mib is not None
        assert 0 < asked.shorter_peak_mib < 2 * asked.peak_mib
    assert [asked.command for asked in figures.of_a_server] == ["why n0/sample", "status"]


def test_each_question_has_an_answer() -> None:
    with long_run.journals(events=3000) as written:
        for asked in (*questions.commands_of_one_set(written.long), *questions.commands_of_all(written.long)):
            result = CliRunner().invoke(app, [*asked, "--file", str(written.long.path)])
            assert result.exit_code == 0, (asked, result.output)
            assert result.stdout
