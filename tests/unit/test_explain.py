"""Every fact, command and lifecycle fact has its sentence."""

import inspect
import typing

import msgspec
import pytest

from lws_events import commands, decisions, events
from projections.explain import explain_command, explain_fact, explain_lifecycle, timestamp

_SAMPLES = {str: "x", int: 7, bool: True, msgspec.Raw: msgspec.Raw(b"{}"), tuple[str, ...]: ("x on node y",)}


def _sample(kind: type[msgspec.Struct]) -> msgspec.Struct:
    """An instance with something in every required field."""
    hints = typing.get_type_hints(kind)
    required = [f.name for f in msgspec.structs.fields(kind) if f.required]
    return kind(**{name: _SAMPLES[hints[name]] for name in required})


@pytest.mark.parametrize("kind", typing.get_args(events.Fact), ids=lambda kind: kind.__name__)
def test_facts(kind: type[msgspec.Struct]) -> None:
    text = explain_fact(_sample(kind), "sample-0")  # type: ignore[arg-type]
    assert len(text.split()) > 2
    assert "sample-0" in text or "x" in text


@pytest.mark.parametrize("kind", typing.get_args(commands.AnyCommand), ids=lambda kind: kind.__name__)
def test_commands(kind: type[msgspec.Struct]) -> None:
    text = explain_command(_sample(kind))  # type: ignore[arg-type]
    assert text.split()[0] in {"create", "apply", "delete", "write", "post", "wake", "mark"}


@pytest.mark.parametrize("kind", typing.get_args(decisions.LifecycleFact), ids=lambda kind: kind.__name__)
def test_lifecycle_facts(kind: type[msgspec.Struct]) -> None:
    assert len(explain_lifecycle(_sample(kind)).split()) > 3  # type: ignore[arg-type]


def test_no_kind_is_outside_the_unions() -> None:
    """A struct that nobody put into its union would be explained to nobody."""
    tagged = [
        kind
        for module in (events, commands, decisions)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, msgspec.Struct) and kind.__struct_config__.tag is not None and kind is not commands.Command
    ]
    known = (
        typing.get_args(events.Fact) + typing.get_args(commands.AnyCommand) + typing.get_args(decisions.LifecycleFact)
    )
    assert set(tagged) == set(known)


@pytest.mark.parametrize(
    ("pod", "told"),
    [
        (
            {"phase": "Running", "ready": True, "node": "n1", "restarts": 2},
            "pod p is Running and ready on node n1, 2 container restarts",
        ),
        ({"phase": "Failed", "reason": "Evicted"}, "pod p is Failed (Evicted)"),
        ({"waiting": "0/4 nodes are available"}, "pod p is Pending, waiting: 0/4 nodes are available"),
        (
            {
                "phase": "Running",
                "deleting_since": "2026-01-01T00:00:00Z",
                "last_exit": events.ContainerExit("main", 137, "OOMKilled"),
            },
            "pod p is being deleted, its grace period ends at 2026-01-01T00:00:00Z "
            "(container main exited with 137 (OOMKilled))",
        ),
    ],
)
def test_pods_say_the_most_telling_first(pod: dict[str, typing.Any], told: str) -> None:
    assert explain_fact(events.PodObserved(uid="u", resource_version="1", **pod), "p") == told


def test_failures_and_deletions_say_why() -> None:
    failed = events.CommandFailed(command_id="e-1-0", target="pod/p", code=0, reason="Conflict", message="other uid")
    assert explain_fact(failed, "") == "command e-1-0 about pod/p failed: not sent, Conflict: other uid"
    gone = events.PodDeleted(uid="u", resource_version="1", inferred=True)
    assert explain_fact(gone, "p") == "pod p is gone (inferred: a listing no longer had it)"
    made_room = events.Disruption("PreemptionByScheduler", "made room")
    preempted = events.PodDeleted(uid="u", resource_version="1", disruption=made_room)
    assert explain_fact(preempted, "p") == "pod p is gone (PreemptionByScheduler: made room)"
    killed = events.PodDeleted(uid="u", resource_version="1", last_exit=events.ContainerExit("c", 137, "Error", 9))
    assert explain_fact(killed, "p") == "pod p is gone (container c exited with 137 by signal 9 (Error))"


def test_what_was_kept_of_a_log() -> None:
    kept = events.LogCaptured(
        pod_uid="u", command_id="e-1-0", container="c", reference="r", bytes=90, lines=3, truncated=True, previous=True
    )
    assert explain_fact(kept, "p") == (
        "the end of the log of container c of pod p before its restart was kept (3 lines, 90 bytes)"
    )
    whole = events.LogCaptured(pod_uid="u", command_id="e-1-0", container="c", reference="r", bytes=90, lines=3)
    assert explain_fact(whole, "p") == "all of the log of container c of pod p was kept (3 lines, 90 bytes)"
    none = events.LogCaptured(pod_uid="u", command_id="e-1-0", problem="the pod is gone")
    assert explain_fact(none, "p") == "no log of pod p: the pod is gone"


def test_times_are_utc_with_milliseconds() -> None:
    assert timestamp(1_767_225_600_250) == "2026-01-01T00:00:00.250Z"
