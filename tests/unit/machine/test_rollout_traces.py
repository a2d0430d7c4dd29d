"""The traces of rolling updates and partitions (spec 5.7 to 5.9), row by row.

A row is the trigger, what is written, what the StatefulSet controller does, and the status.
The rows are those of the reference; where ours differs on purpose the row says by which rule.
"""

import pytest

from lws_events import commands
from tests.rollout_model import Rollout
from tests.unit.machine.rollout_trace import Row, brief, play, rolling, status


def test_5_7_rolling_update() -> None:
    model = rolling(4, 1, 0)
    model.forget()
    play(
        model,
        [
            Row("template B", "(4,4) (3,4)", ("Updating replica 3",), "restarts 3", "4/3/1 A2"),
            Row("3 ready", "(2,4)", ("Updating replica 2",), "restarts 2", "4/3/2 A2"),
            Row("2 ready", "(1,4)", ("Updating replica 1",), "restarts 1", "4/3/3 A2"),
            Row("1 ready", "(0,4)", ("Updating replica 0",), "restarts 0", "4/3/4 A4"),
            Row("0 ready", "", (), "", "4/4/4 A3, done"),
        ],
    )
    texts = [each.announce.note for each in model.issued(commands.CreateControllerRevision) if each.announce]
    key = model.state.target_key
    assert texts[-1] == f"Creating revision with key {key} for updated LWS"
    texts = [each.announce.note for each in model.issued(commands.UpdateSetStatus) if each.announce]
    assert "Rolling Upgrade is in progress, with 4 groups ready of total 4 groups" in texts


def test_5_8_surge_2_with_2_unavailable() -> None:
    model = rolling(4, 2, 2)
    assert model.max_unavailable == 4
    play(
        model,
        [
            Row(
                "template B",
                "(4,6) (2,6)",
                ("Updating replicas 2 to 3 (inclusive)",),
                "creates 4, 5; restarts 3, 2",
                "6/2/4 A2",
            ),
            Row("5 ready", "(1,6)", ("Updating replica 1",), "restarts 1", "6/2/5 A2"),
            Row("4 ready", "(0,6)", ("Updating replica 0",), "restarts 0", "6/2/6 A4"),
            Row("3 ready", "", (), "", "6/3/6 A4"),
            Row("2 ready", "(0,4)", ("deleting surge replicas from lws-4 to lws-5",), "deletes 4, 5", "4/2/4 A4"),
            Row("1 ready", "", (), "", "4/3/4 A4"),
            Row("0 ready", "", (), "", "4/4/4 A3, done"),
        ],
    )


def test_5_8_old_groups_ready_before_the_surge_groups() -> None:
    play(
        rolling(4, 2, 2),
        [
            Row("template B", "(4,6) (2,6)"),
            Row("3 ready", ""),
            Row(
                "2 ready",
                "(2,4) (0,4)",
                ("deleting surge replicas from lws-4 to lws-5", "Updating replicas 0 to 1 (inclusive)"),
                "deletes 4, 5; restarts 1, 0",
                "4/2/4 A4",
            ),
        ],
    )


def test_5_8_surge_1_with_none_unavailable() -> None:
    play(
        rolling(4, 0, 1),
        [
            Row("template B", "(4,5)", (), "creates 4", "5/4/1 A2"),
            Row("4 ready", "(3,5)", ("Updating replica 3",), "restarts 3", "5/4/2 A2"),
            Row("3 ready", "(2,5)", ("Updating replica 2",), "restarts 2", "5/4/3 A2"),
            Row("2 ready", "(1,5)", ("Updating replica 1",), "restarts 1", "5/4/4 A2"),
            Row("1 ready", "(0,5)", ("Updating replica 0",), "restarts 0", "5/4/5 A4"),
            Row("0 ready", "(0,4)", ("deleting surge replica lws-4",), "deletes 4", "4/4/4 A3, done"),
        ],
    )


@pytest.mark.parametrize(
    ("replicas", "unavailable", "surge", "rows"),
    [
        (4, 1, 1, ["template B: (4,5) (3,5)", "4 ready: (2,5)", "3 ready: (1,5)", "2 ready: (0,5)", "1 ready: (0,4)"]),
        (2, 1, 4, ["template B: (2,3) (1,3)", "2 ready: (0,3)", "1 ready: (0,2)", "0 ready: "]),
        (4, 5, 0, ["template B: (4,4) (0,4)", "3, 2, 1, 0 ready: "]),
        (
            4,
            "25%",
            "50%",
            [
                "template B: (4,6) (3,6)",
                "5 ready: (2,6)",
                "4 ready: (1,6)",
                "3 ready: (0,6)",
                "2 ready: (0,5)",
                "1 ready: (0,4)",
                "0 ready: ",
            ],
        ),
    ],
)
def test_5_8_in_one_line(replicas: int, unavailable: int | str, surge: int | str, rows: list[str]) -> None:
    model = rolling(replicas, unavailable, surge)
    play(model, brief(*rows))
    for index, pod in sorted(model.pods.items()):
        if not pod.ready:
            model.make_ready(index)
    assert status(model.state) == f"{replicas}/{replicas}/{replicas} A3, done"


def test_5_8_without_the_gate_leaders_go_one_at_a_time() -> None:
    model = rolling(4, 2, 2, gate=False)
    play(
        model,
        [
            Row("template B", "(4,6) (2,6)", does="creates 4, 5"),
            Row("5 ready", "(1,6)", does=""),
            Row("4 ready", "(0,6)", does="restarts 3"),
            Row("3 ready", "", does="restarts 2"),
        ],
    )


def test_5_9_partition() -> None:
    model = Rollout(replicas=6, rolloutStrategy={"rollingUpdateConfiguration": {"partition": 4}})
    model.begin()
    assert model.partition == 4, "the user's partition is applied from the start"
    play(
        model,
        [
            Row("template B", "(6,6) (5,6)", ("Updating replica 5",), "restarts 5", "6/5/1 A2"),
            Row("5 ready", "(4,6)", ("Updating replica 4",), "restarts 4", "6/5/2 A4"),
            Row("4 ready", "", (), "", "6/6/2 A3"),
            Row("P = 0", "(3,6)", ("Updating replica 3",), "restarts 3", "6/5/3 A2"),
            Row("3 ready", "(2,6)", ("Updating replica 2",), "restarts 2", "6/5/4 A2"),
            Row("2 ready", "(1,6)", ("Updating replica 1",), "restarts 1", "6/5/5 A2"),
            Row("1 ready", "(0,6)", ("Updating replica 0",), "restarts 0", "6/5/6 A4"),
            Row("0 ready", "", (), "", "6/6/6 A3, done"),
        ],
    )


def test_5_9_partition_with_surge() -> None:
    play(
        rolling(3, 1, 1, partition=2),
        [
            Row("template B", "(3,4) (2,4)", ("Updating replica 2",), "creates 3; restarts 2", "4/2/2 A4"),
            Row("3, 2 ready", "", (), "", "4/4/2 A3"),
            Row("P = 0", "(0,4)", ("Updating replicas 0 to 1 (inclusive)",), "restarts 1, 0", "4/2/4 A4"),
            Row("1 ready", "(0,3)", ("deleting surge replica lws-3",), "deletes 3", "3/2/3 A4"),
            Row("0 ready", "", (), "", "3/3/3 A3, done"),
        ],
    )


def test_5_9_partition_raised_in_mid_rollout() -> None:
    """D14: the reference tells of an update of replicas 3 to 0."""
    play(
        rolling(4, 1, 0),
        [
            Row("template B", "(4,4) (3,4)"),
            Row("3 ready", "(2,4)"),
            Row("2 ready", "(1,4)"),
            Row("P = 3", "(3,4)", (), "", "4/3/3 A4"),
            Row("1 ready", "", (), "", "4/4/3 A3"),
            Row("P = 0", "(0,4)", ("Updating replicas 0 to 2 (inclusive)",), "restarts 0", "4/3/4 A4"),
            Row("0 ready", "", (), "", "4/4/4 A3, done"),
        ],
    )


def test_5_9_partition_above_the_replicas() -> None:
    model = rolling(2, 1, 0, partition=3)
    old = model.state.target_key
    play(model, [Row("template B", "(3,2)", (), "", "2/2/0 A3"), Row("R = 4", "(3,4)", (), "creates 2, 3")])
    keys = [model.group(index).leader.view.labels for index in range(4)]  # type: ignore[union-attr]
    assert [key["leaderworkerset.sigs.k8s.io/template-revision-hash"] == old for key in keys] == [
        True,
        True,
        True,
        False,
    ]


def test_5_9_partition_at_rest() -> None:
    """D14: the reference tells of an update of replicas 2 to -1."""
    play(
        rolling(4, 1, 0),
        [
            Row("P = 2", "(2,4)", (), ""),
            Row("P = 0", "(0,4)", ("Updating replicas 0 to 1 (inclusive)",), ""),
        ],
    )
