"""A difference is about a rule of the machine, which it names."""

from pathlib import Path

import msgspec
import pytest

import lws_events
from lws_events import commands
from lws_events.decisions import GroupRecreationStarted, LeaderReplacementStarted
from lws_events.differences import FieldDifference
from lws_events.events import SetObserved
from lws_events.subjects import SetName
from projections.shadow_rules import NAMES, Rules, rule_of_target
from projections.why.rules import Policies

MACHINE = Path(lws_events.__file__).parent / "machine"
SET = SetName("default", "sample")
DELETE = commands.DeleteLeaderPod(name="sample-1", uid="u")


def _recreation(attempt: int) -> GroupRecreationStarted:
    return GroupRecreationStarted(
        group="sample-1",
        leader="sample-1",
        leader_uid="u",
        failed_pod="sample-1-2",
        failed_uid="w",
        failure="deleted",
        attempt=attempt,
    )


def _policies(restart: str) -> Policies:
    spec = msgspec.Raw(msgspec.json.encode({"leaderWorkerTemplate": {"restartPolicy": restart}}))
    return Policies(SetObserved(uid="s", resource_version="1", generation=1, spec=spec))


@pytest.mark.parametrize("name", NAMES)
def test_rules_have_the_names_of_their_modules(name: str) -> None:
    assert (MACHINE / f"{name}.py").exists() or (MACHINE / name / "__init__.py").exists()


def test_why_a_leader_is_deleted_is_told_by_the_decision() -> None:
    rules = Rules()
    replacement = LeaderReplacementStarted(group="sample-1", leader_uid="u", partition=1, because="down")
    assert rules.behind(DELETE, [_recreation(3)]) == "restart"
    assert rules.behind(DELETE, [replacement]) == "rollout"
    assert rules.in_words("restart", _policies("RecreateGroupAfterStart")).startswith(
        "restartPolicy RecreateGroupAfterStart"
    )
    assert "counted" not in rules.in_words("restart", _policies("RecreateGroupOnPodRestart"))
    assert rules.in_words("rollout", _policies("")).startswith("a leader that is down anyway")


def test_a_rule_by_which_nothing_was_decided_has_no_sentence() -> None:
    assert Rules().in_words("services", _policies("")) == ""


@pytest.mark.parametrize(
    ("target", "paths", "rule"),
    [
        ("pod/sample-1", (), "restart"),
        ("statefulset/sample-1", ("spec.replicas",), "workers"),
        ("statefulset/sample", (), "rollout"),
        ("statefulset/sample", ("spec.replicas", "spec.updateStrategy.rollingUpdate.partition"), "rollout"),
        ("statefulset/sample", ("spec.replicas", "spec.template.spec"), "leader"),
        ("service/sample-1", (), "services"),
        ("revision/sample-abc-1", (), "versions"),
        ("setstatus/sample", ("status.readyReplicas",), "status"),
        ("metadata/sample-1", (), "worker_metadata"),
        ("mark/sample-1", (), "crash_loops"),
        (commands.pod_group_target("sample-1"), (), "gang"),
    ],
)
def test_what_nobody_has_decided_is_about_the_rule_that_would(target: str, paths: tuple[str, ...], rule: str) -> None:
    assert rule_of_target(target, SET, [FieldDifference(path) for path in paths]) == rule
