"""``why`` and ``why-not`` on journals that the controller recorded on the simulated cluster."""

import json
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from adapters.cli.main import app
from tests.journals.recording import FOLDER


def answer(command: str, journal: str, *arguments: str) -> Any:
    path = FOLDER / f"{journal}.jsonl.gz"
    result = CliRunner().invoke(app, [command, *arguments, "--file", str(path), "-o", "json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


RECREATIONS: Final = [
    ("force_deleted_worker_recreates_its_group", "sample-1-2", "deleted-by-somebody"),
    ("two_failures_in_one_group_are_one_recreation", "sample-0-2", "deleted-by-somebody"),
    ("worker_deleted_while_the_controller_was_down", "sample-1-1", "deleted-by-somebody"),
]


@pytest.mark.parametrize(("journal", "pod", "category"), RECREATIONS)
def test_the_chain_of_a_recreation(journal: str, pod: str, category: str) -> None:
    [chain] = answer("why", journal, "sample", "--kind", "recreation")
    assert (chain["failed_pod"], chain["cause"]["category"], chain["complete"]) == (pod, category, True)
    assert [link["kind"] for link in chain["links"][:4]] == ["fact", "cause", "decision", "command"]
    assert chain["links"][-1]["what"].endswith("is ready: all 3 pods are")
    group = pod.split("-")[1]
    assert answer("why", journal, f"default/sample/{group}") == [chain]
    assert answer("why", journal, f"default/{pod}", "--kind", "recreation") == [chain]
    verdicts = answer("why-not", journal, f"default/{pod}")["verdicts"]
    assert any(verdict["decision"].startswith("group sample-") for verdict in verdicts)
    sequence = next(link["sequence"] for link in chain["links"] if link["kind"] == "decision")
    [decision] = answer("why", journal, "--at", str(sequence))
    assert decision["cause"] == chain["cause"]


def test_one_recreation_answers_for_both_failures() -> None:
    journal = "two_failures_in_one_group_are_one_recreation"
    [recreated, *_] = answer("why-not", journal, "default/sample-0-2")["verdicts"]
    assert recreated["decision"].startswith("group sample-0 is recreated as a whole, because of pod sample-0-2")
    [along] = answer("why-not", journal, "default/sample-0-1")["verdicts"]
    assert "OOMKilled" in along["what"]
    assert along["because"].startswith("the leader of its group was on its way out already")


def test_rollouts_scaling_and_deletion_are_told() -> None:
    changed = answer("why", "changed_template_is_rolled_out_and_old_revisions_go", "changing")
    assert [chain["kind"] for chain in changed] == ["rollout", "ended", "ended", "rollout"]
    assert {chain["cause"]["category"] for chain in changed if chain["cause"]} == {"rolled-out"}
    ends = answer("why", "set_is_scaled_and_deleted", "elastic", "--kind", "ended")
    assert {chain["cause"]["category"] for chain in ends} == {"scaled-down", "set-deleted"}
    assert all(chain["complete"] for chain in ends)
    assert answer("why", "set_is_scaled_and_deleted", "elastic", "--kind", "ended", "--last", "1") == ends[-1:]


def test_a_failure_left_alone_says_why() -> None:
    [chain] = answer("why", "policy_none_leaves_a_failure_alone", "alone", "--kind", "failure")
    assert chain["links"][2]["rule"].startswith("restartPolicy None")
    [verdict] = answer("why-not", "policy_none_leaves_a_failure_alone", "default/alone-0-1")["verdicts"]
    assert verdict["decision"].endswith("because restart policy None")


def test_what_the_fifth_group_waited_for() -> None:
    journal = "fifth_group_waits_for_a_rack_of_its_own"
    waiting = {one["group"]: one for one in answer("why-not", journal, "racked", "--at", "55")["waiting"]}
    assert (waiting["3"]["state"], waiting["3"]["ready"]) == ("Scheduling", False)
    [reason] = waiting["3"]["waits_for"]
    assert reason.startswith("the scheduler to place its leader: 0/16 nodes are available")
    assert answer("why-not", journal, "racked")["waiting"] == []
    [ready] = answer("why-not", journal, "racked/0")["waiting"]
    assert (ready["ready"], ready["waits_for"]) == (True, [])
