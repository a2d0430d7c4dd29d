"""The traces of what changes in mid-rollout (spec 5.10 to 5.15), row by row.

A row is the trigger, what is written, what the StatefulSet controller does, and the status.
The rows are those of the reference; where ours differs on purpose the row says by which rule.
"""

from lws_events import commands
from tests.unit.machine.rollout_trace import Row, brief, play, rolling


def test_5_10_scaled_up_in_mid_rollout() -> None:
    play(
        rolling(4, 1, 0),
        [
            Row("template B", "(4,4) (3,4)", ("Updating replica 3",), "restarts 3", "4/3/1 A2"),
            Row("3 ready", "(2,4)", ("Updating replica 2",), "restarts 2", "4/3/2 A2"),
            Row("R = 6", "(2,6)", (), "creates 4, 5", "6/3/4 A2"),
            Row("5, 4 ready", "", (), "", "6/5/4 A2"),
            Row("2 ready", "(1,6)", ("Updating replica 1",), "restarts 1", "6/5/5 A2"),
            Row("1 ready", "(0,6)", ("Updating replica 0",), "restarts 0", "6/5/6 A4"),
            Row("0 ready", "", (), "", "6/6/6 A3, done"),
        ],
    )


def test_5_10_scaled_down_in_mid_rollout() -> None:
    play(
        rolling(6, 1, 0),
        [
            Row("template B", "(6,6) (5,6)", ("Updating replica 5",), "restarts 5", "6/5/1 A2"),
            Row("5 ready", "(4,6)", ("Updating replica 4",), "restarts 4", "6/5/2 A2"),
            Row(
                "R = 3",
                "(3,3) (2,3)",
                ("deleting surge replicas from lws-3 to lws-5", "Updating replica 3", "Updating replica 2"),
                "deletes 3, 4, 5; restarts 2",
                "3/2/1 A2",
            ),
            Row("2 ready", "(1,3)", ("Updating replica 1",), "restarts 1", "3/2/2 A2"),
            Row("1 ready", "(0,3)", ("Updating replica 0",), "restarts 0", "3/2/3 A4"),
            Row("0 ready", "", (), "", "3/3/3 A3, done"),
        ],
    )


def test_5_10_scaled_up_and_down_with_surge() -> None:
    play(
        rolling(4, 1, 2),
        [
            Row("template B", "(4,6) (3,6)", ("Updating replica 3",), "creates 4, 5; restarts 3", "6/3/3 A2"),
            Row("R = 6", "(3,8)", (), "creates 6, 7", "8/3/5 A2"),
            Row("7, 6 ready", "", (), "", "8/5/5 A2"),
            Row(
                "R = 2",
                "(3,3) (1,3)",
                ("deleting surge replicas from lws-3 to lws-7", "Updating replicas 1 to 2 (inclusive)"),
                "deletes 3, 4, 5, 6, 7; restarts 2, 1",
                "3/1/2 A2",
            ),
            Row("2 ready", "(0,3)", ("Updating replica 0",), "restarts 0", "3/1/3 A4"),
            Row("1 ready", "(0,2)", ("deleting surge replica lws-2",), "deletes 2", "2/1/2 A4"),
            Row("0 ready", "", (), "", "2/2/2 A3, done"),
        ],
    )


def test_5_10_scaled_beyond_the_surge() -> None:
    play(
        rolling(4, 1, 2),
        brief(
            "template B: (4,6) (3,6)",
            "R = 8: (3,8) (3,10)",
            "9, 8, 7, 6 ready: ",
            "5 ready: (2,10)",
            "4 ready: (1,10)",
            "3 ready: (0,10)",
            "2 ready: (0,9)",
            "1 ready: (0,8)",
            "0 ready: ",
        ),
    )


def test_5_10_template_and_more_groups_in_one_update() -> None:
    play(
        rolling(2, 1, 2),
        brief(
            "template B, R = 4: (2,4) (2,6)",
            "5 ready: ",
            "4 ready: (1,6)",
            "3 ready: (0,6)",
            "2 ready: (0,5)",
            "1 ready: (0,4)",
            "0 ready: ",
        ),
    )


def test_5_10_template_and_fewer_groups_in_one_update() -> None:
    model = rolling(6, 1, 2)
    play(model, [Row("template B, R = 3", "(3,5) (2,5)")])
    assert model.notes[0] == "deleting surge replica sample-5"
    assert {3, 4} <= set(model.restarted), "they are surge groups now"
    play(
        model,
        brief("4 ready: (1,5)", "3 ready: (0,5)", "2 ready: (0,4)", "1 ready: (0,3)", "0 ready: "),
    )


def test_5_10_scaled_without_a_rollout() -> None:
    play(rolling(2, 1, 0), [Row("R = 5", "(0,5)", (), "creates 2, 3, 4")])
    play(
        rolling(5, 1, 0),
        [
            Row("R = 2", "(0,2)", ("deleting surge replicas from lws-2 to lws-4",), "deletes 2, 3, 4"),
            Row("R = 0", "(0,0)", ("deleting surge replicas from lws-0 to lws-1",), "deletes 0, 1", "0/0/0 A3, done"),
            Row("R = 3", "(0,3)", (), "creates 0, 1, 2"),
        ],
    )


def test_5_10_scaled_to_nothing_in_mid_rollout() -> None:
    play(
        rolling(3, 1, 0),
        [
            Row("template B", "(3,3) (2,3)"),
            Row(
                "R = 0",
                "(0,0)",
                ("deleting surge replicas from lws-0 to lws-2", "Updating replicas 0 to 1 (inclusive)"),
                "deletes 0, 1, 2",
            ),
        ],
    )


def test_5_11_another_size() -> None:
    model = rolling(2, 1, 0)
    play(
        model,
        [
            Row("size = 4", "(2,2) (1,2)"),
            Row("1 ready", "(0,2)"),
            Row("0 ready", "", status="2/2/2 A3, done"),
        ],
    )
    assert [group.worker_set.replicas for group in model.state.groups.values() if group.worker_set] == [3, 3]
    texts = [each.announce.note for each in model.issued(commands.UpdateSetStatus) if each.announce]
    assert "Rolling Upgrade is in progress, with 2 groups ready of total 2 groups" in texts


def test_5_11_from_size_1_to_3() -> None:
    """D29: old groups keep their own size, so that they stay visible and ready; in the reference they vanish."""
    play(
        rolling(4, 1, 0, leaderWorkerTemplate={"size": 1}),
        [
            Row("size = 3", "(4,4) (3,4)", does="restarts 3", status="4/3/1 A2"),
            Row("3 ready", "(2,4)", does="restarts 2", status="4/3/2 A2"),
            Row("2 ready", "(1,4)", does="restarts 1", status="4/3/3 A2"),
            Row("1 ready", "(0,4)", does="restarts 0", status="4/3/4 A4"),
            Row("0 ready", "", does="", status="4/4/4 A3, done"),
        ],
    )


def test_5_11_from_size_3_to_1() -> None:
    model = rolling(4, 1, 0)
    play(
        model,
        [
            Row("size = 1", "(4,4) (3,4)", does="restarts 3", status="4/3/1 A2"),
            Row("3 ready", "(2,4)", does="restarts 2", status="4/3/2 A2"),
            Row("2 ready", "(1,4)", does="restarts 1", status="4/3/3 A2"),
            Row("1 ready", "(0,4)", does="restarts 0", status="4/3/4 A4"),
            Row("0 ready", "", does="", status="4/4/4 A3, done"),
        ],
    )
    assert [group.worker_set for group in model.state.groups.values()] == [None] * 4


def test_5_13_revert() -> None:
    """The revision of A is used again (D12): the reference makes another one, and keeps both."""
    model = rolling(4, 1, 0)
    play(
        model,
        [
            Row("template B", "(4,4) (3,4)", ("Updating replica 3",), "restarts 3", "4/3/1 A2"),
            Row("3 ready", "(2,4)", ("Updating replica 2",), "restarts 2", "4/3/2 A2"),
            Row("2 ready", "(1,4)", ("Updating replica 1",), "restarts 1", "4/3/3 A2"),
            Row("template i", "(4,4)", (), "", "4/3/1 A2"),
            Row("1 ready", "(3,4)", ("Updating replica 3",), "restarts 3", "4/3/2 A2"),
            Row("3 ready", "(2,4)", ("Updating replica 2",), "restarts 2", "4/3/3 A2"),
            Row("2 ready", "(1,4)", ("Updating replica 1",), "restarts 1", "4/3/4 A4"),
            Row("1 ready", "(0,4)", ("Updating replica 0",), "", "4/4/4 A3, done"),
        ],
    )
    assert len(model.issued(commands.CreateControllerRevision)) == 2


def test_5_13_revert_of_a_template_that_never_worked() -> None:
    model = rolling(4, 1, 0)
    play(
        model,
        [
            Row("template B", "(4,4) (3,4)", does="restarts 3"),
            Row("template i", "(4,4) (3,4)", ("Updating replica 3",), does=""),
        ],
    )
    # The broken leader itself uses up the budget of the StatefulSet controller; D24 replaces it.
    timer = next(timer for timer in model.state.timers if timer.startswith("stuck-leader/"))
    model.fire(timer)
    model.settle()
    play(model, [Row("3 ready", "(0,4)", ("Updating replicas 0 to 2 (inclusive)",), "", "4/4/4 A3, done")])


def test_5_13_revert_of_a_template_that_broke_at_the_second_group() -> None:
    model = rolling(4, 1, 0)
    play(
        model,
        [
            Row("template B", "(4,4) (3,4)"),
            Row("3 ready", "(2,4)"),
            Row("template i", "(4,4)", (), ""),
            Row("maxUnavailable = 2", "(2,4)", ("Updating replicas 2 to 3 (inclusive)",)),
        ],
    )
    play(model, brief("3 ready: (1,4)", "2 ready: (0,4)"))


def test_5_14_second_template_before_the_first_is_rolled_out() -> None:
    model = rolling(4, 1, 2)
    play(
        model,
        [
            Row("template B", "(4,6) (3,6)", does="creates 4, 5; restarts 3", status="6/3/3 A2"),
            Row("5 ready", "(2,6)", does="restarts 2", status="6/3/4 A2"),
            Row("4 ready", "(1,6)", does="restarts 1", status="6/3/5 A2"),
            Row("template C", "(4,6)", does="", status="6/3/0 A2"),
        ],
    )
    assert len(model.state.revisions) == 3
    play(
        model,
        [
            Row("3 ready", "", does="restarts 5", status="6/3/1 A2"),
            Row("5 ready", "(3,6)", does="restarts 4", status="6/3/2 A2"),
            Row("4 ready", "(1,6)", does="restarts 3", status="6/3/3 A2"),
            Row("3 ready", "(0,6)", does="restarts 2, 1, 0", status="6/3/6 A4"),
            Row("2 ready", "(0,5)", does="deletes 5", status="5/3/5 A4"),
            Row("1 ready", "(0,4)", does="deletes 4", status="4/3/4 A4"),
            Row("0 ready", "", does="", status="4/4/4 A3, done"),
        ],
    )


def test_5_15_unhealthy_group() -> None:
    play(
        rolling(4, 1, 0),
        [
            Row("0 unready", "", (), ""),
            Row("template B", "(4,4)", (), "", "4/3/0 A2"),
            Row("maxUnavailable = 2", "(3,4)", ("Updating replica 3",), "restarts 3", "4/2/1 A2"),
            Row("3 ready", "(2,4)", ("Updating replica 2",), "restarts 2", "4/2/2 A2"),
            Row("2 ready", "(0,4)", ("Updating replicas 0 to 1 (inclusive)",), "restarts 1", "4/2/3 A2"),
            Row("1, 0 ready", "", (), "restarts 0", "4/4/4 A3, done"),
        ],
    )


def test_5_15_surge_instead() -> None:
    play(
        rolling(4, 1, 0),
        brief(
            "0 unready: ",
            "template B: (4,4)",
            "maxSurge = 1: (4,5)",
            "4 ready: (3,5)",
            "3 ready: (2,5)",
            "2 ready: (0,5)",
            "1 ready: (0,4)",
            "0 ready: ",
        ),
    )


def test_5_15_unhealthy_group_in_the_middle() -> None:
    play(rolling(4, 2, 0), brief("1 unready: ", "template B: (4,4) (3,4)", "3 ready: (1,4)", "2 ready: (0,4)"))


def test_5_15_no_workers_are_ready_but_all_leaders() -> None:
    model = rolling(2, 1, 0)
    for index in (0, 1):
        model.workers_unready(index)
    play(
        model,
        [
            Row("template B", "(2,2) (1,2)", does="restarts 1"),
            Row("1 ready", "(0,2)", does="restarts 0"),
            Row("0 ready", "", status="2/2/2 A3, done"),
        ],
    )


def test_5_15_reclaim_keeps_the_floor() -> None:
    """D18: the reference goes to (0,5) here, deletes the ready groups 5 and 6, and one ready group is left of four."""
    model = rolling(4, 2, 3)
    play(model, brief("template B: (4,7) (2,7)", "5 ready: ", "6 ready: (0,7)", "0 ready: (0,6)"))
    assert model.ready_groups() == 2
    play(model, brief("1 ready: (0,4)", "2, 3 ready: "))
