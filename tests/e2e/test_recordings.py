"""The journals of the documentation can be recorded again: a story is played, exported, and asked."""

from pathlib import Path

import pytest

from tests.e2e.controller import asked
from tests.recordings.stage import staged
from tests.recordings.stories import STORIES

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="function")]


async def test_a_story_is_recorded_with_users_and_requests(tmp_path: Path) -> None:
    told = STORIES["scale"]
    async with staged(told.nodes, tmp_path, pace=0.05) as stage:
        await told.play(stage)
    file = ("--file", str(tmp_path / "scale.jsonl.gz"))
    changes = await asked("audit", "chat", "--kind", "change", *file)
    assert [row["what"] for row in changes] == ["the set was created", "the spec was changed", "the spec was changed"]
    assert [(row["path"], row["after"]) for row in changes[1:]] == [("spec.replicas", "4"), ("spec.replicas", "1")]
    [created, *scaled] = [row["user"] for row in changes]
    assert created == "releases@example.test"
    assert set(scaled) == {"system:serviceaccount:kube-system:horizontal-pod-autoscaler"}
    verified = await asked("verify", *file)
    assert (verified["differences"], verified["undecided"]) == (0, 0)
