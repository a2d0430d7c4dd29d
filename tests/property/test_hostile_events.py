"""Whatever a cluster tells, in whatever order: the machine goes on, decides the same again, and touches only its own.

``LWS_FUZZ_EXAMPLES`` multiplies the number of examples.
"""

from typing import Any

import hypothesis.strategies as st
import msgspec
from hypothesis import given

from lws_events import commands, decisions, events, names, subjects
from lws_events.decisions import Decision, Issued
from lws_events.fleet import Fleet
from lws_events.subjects import SetName
from tests.property.fuzzing import fuzzed
from tests.property.hostile_facts import HAPPENINGS, PRESENT, SETS, TIMES

ROUNDS_MAX = 60
"""After the last event, outcomes are answered with outcomes for so long at most."""
COMMANDS_FOR_AN_EVENT_MAX = 12
"""On average. What one event leads to is a few writes and their Events; a loop would know no bound."""

POLICIES = ("RecreateGroupOnPodRestart", "RecreateGroupAfterStart", "None")
TEMPLATE = {"spec": {"containers": [{"name": "c", "image": "i"}]}}

Told = tuple[str, tuple[str, str, events.Fact], int]
EVENTS = st.lists(st.tuples(st.sampled_from(["a", "a", *SETS]), HAPPENINGS, TIMES), min_size=5, max_size=50)
ANSWERS = st.lists(st.sampled_from(["done", "done", "AlreadyExists", "Conflict", "NotFound", "Invalid"]), min_size=1)


class Known:
    """What the journal has said about the objects of each set."""

    def __init__(self) -> None:
        self.sets: dict[str, set[str]] = {}
        self.pods: dict[tuple[str, str, str], set[events.Owner | None]] = {}
        self.statefulsets: dict[tuple[str, str], set[events.Owner | None]] = {}
        self.revisions: dict[tuple[str, str, str], set[events.Owner | None]] = {}

    def note(self, set_name: str, name: str, fact: events.Fact) -> None:
        match fact:
            case events.SetObserved():
                self.sets.setdefault(set_name, set()).add(fact.uid)
            case events.PodObserved():
                self.pods.setdefault((set_name, name, fact.uid), set()).add(fact.owner)
            case events.StatefulSetObserved():
                self.statefulsets.setdefault((set_name, fact.uid), set()).add(fact.owner)
            case events.RevisionObserved():
                self.revisions.setdefault((set_name, name, fact.uid), set()).add(fact.owner)
            case _:
                pass

    def check(self, set_name: str, issued: Issued) -> None:
        """The command concerns nothing but what is the set's own."""
        command, uids = issued.command, self.sets[set_name]
        match command:
            case commands.DeleteLeaderPod() | commands.MarkLeaderPod():
                self._is_leader(set_name, command.name, command.uid)
            case commands.CreatePodGroup():
                self._is_leader(set_name, command.leader, command.owner_uid)
                self._is_ours(set_name, command.manifest)
            case commands.ApplyWorkerMetadata():
                owners = self.statefulsets[set_name, command.uid]
                assert any(owner is not None and (owner.kind, owner.name) == ("Pod", command.name) for owner in owners)
                self._is_ours(set_name, command.manifest)
            case commands.CreateWorkerStatefulSet():
                self._is_leader(set_name, command.name, command.owner_uid)
                self._is_ours(set_name, command.manifest)
            case commands.ApplyLeaderStatefulSet():
                assert command.name == set_name
                assert command.owner_uid in uids
                owners = self.statefulsets[set_name, command.uid] if command.uid else {None}
                assert any(owner is None or owner.uid in uids for owner in owners)
                self._is_ours(set_name, command.manifest)
            case commands.CreateService():
                assert command.name == set_name or names.pod_ordinal(command.name).parent == set_name
                self._is_ours(set_name, command.manifest)
            case commands.CreateControllerRevision():
                self._is_ours(set_name, command.manifest)
            case commands.DeleteControllerRevision():
                owners = self.revisions[set_name, command.name, command.uid]
                assert any(owner is None or owner.uid in uids for owner in owners)
            case commands.UpdateSetStatus():
                assert (command.name, command.uid in uids) == (set_name, True)
            case commands.RecordEvent():
                assert command.regarding_uid in uids
            case _:
                pass
        assert all(event.regarding_uid in uids for event in issued.announcements)

    def _is_leader(self, set_name: str, name: str, uid: str) -> None:
        assert names.pod_ordinal(name).parent == set_name
        owners = self.pods[set_name, name, uid]
        assert any(owner is None or (owner.kind, owner.name) == ("StatefulSet", set_name) for owner in owners)

    def _is_ours(self, set_name: str, manifest: msgspec.Raw) -> None:
        metadata = msgspec.json.decode(manifest)["metadata"]
        assert metadata["namespace"] == "default"
        assert metadata.get("labels", {}).get(names.SET_NAME, set_name) == set_name


class Journal:
    """Two fleets that take in the same events: what one decides, the other takes over; both must agree."""

    def __init__(self) -> None:
        self.live, self.recalled, self.told = Fleet(), Fleet(), Known()
        self.sequence = 0
        self.version = 1_000
        self.commands = 0

    def record(self, set_name: str, kind: str, name: str, fact: events.Fact, *, at_ms: int) -> Decision | None:
        self.sequence += 1
        fact = self._aimed(set_name, fact)
        self.told.note(set_name, name, fact)
        subject = subjects.event_subject("test", SetName("default", set_name), kind, name)
        envelope = events.Envelope(at_ms=at_ms, fact=fact)
        stepped = self.live.step(self.sequence, subject, envelope)
        decision = stepped[1] if stepped is not None else None
        recorded = decisions.decode(decisions.encode(decision)) if decision is not None else None
        proposed = self.recalled.propose(self.sequence, subject, envelope, recorded)
        assert proposed == decision
        for issued in decision.commands if decision is not None else ():
            self.commands += 1
            self.told.check(set_name, issued)
        return decision

    def _aimed(self, set_name: str, fact: events.Fact) -> events.Fact:
        if not isinstance(fact, events.PodObserved) or fact.labels.get(names.REVISION_KEY) != PRESENT:
            return fact
        state = self.live.aggregates.get(SetName("default", set_name))
        key = state.target_key if state is not None else ""
        return msgspec.structs.replace(fact, labels={**fact.labels, names.REVISION_KEY: key})

    def bring_up(self, set_name: str, *, size: int, policy: str) -> None:
        """A set as it should be: two groups, complete and ready."""
        template: dict[str, Any] = {"size": size, "restartPolicy": policy, "workerTemplate": TEMPLATE}
        spec = msgspec.json.encode({"replicas": 2, "leaderWorkerTemplate": template})
        fact = events.SetObserved(uid="u1", resource_version="1", generation=1, spec=msgspec.Raw(spec))
        self.record(set_name, subjects.SET, set_name, fact, at_ms=0)
        self.answer(["done"])
        for leader in (f"{set_name}-0", f"{set_name}-1"):
            self._pod(set_name, leader, owner=set_name, size=size)
            self.answer(["done"])
            for worker in range(1, size):
                self._pod(set_name, f"{leader}-{worker}", owner=leader, size=size)

    def _pod(self, set_name: str, name: str, *, owner: str, size: int) -> None:
        labels = {
            names.SET_NAME: set_name,
            names.REVISION_KEY: self.live.aggregates[SetName("default", set_name)].target_key,
        }
        fact = events.PodObserved(
            uid="u2",
            resource_version="2",
            labels=labels,
            annotations={names.SIZE: str(size)},
            owner=events.Owner("StatefulSet", owner, "u3"),
            phase="Running",
            ready=True,
            node="node",
        )
        self.record(set_name, subjects.POD, name, fact, at_ms=0)

    def _version(self) -> str:
        """As the API server gives them: higher than all before. Only it does, so that they cannot be forged."""
        self.version += 1
        return str(self.version)

    def _show(self, set_name: str, issued: Issued) -> None:
        """What a watch shows of an object that a command made."""
        command = issued.command
        manifest = msgspec.json.decode(getattr(command, "manifest", b"null"))
        if manifest is None:
            return
        metadata = manifest["metadata"]
        if "ownerReferences" not in metadata:
            return  # nothing is made by it
        labels, reference = metadata.get("labels", {}), metadata["ownerReferences"][0]
        view = {"uid": "u3", "resource_version": self._version()}
        owner = events.Owner(reference["kind"], reference["name"], reference["uid"])
        match command:
            case commands.CreateControllerRevision():
                data = msgspec.Raw(msgspec.json.encode(manifest["data"]))
                key = labels[names.REVISION_KEY]
                self.record(
                    set_name,
                    subjects.REVISION,
                    command.name,
                    events.RevisionObserved(**view, key=key, number=manifest["revision"], owner=owner, data=data),
                    at_ms=0,
                )
            case commands.ApplyLeaderStatefulSet() | commands.CreateWorkerStatefulSet():
                replicas = manifest["spec"]["replicas"]
                fact = events.StatefulSetObserved(
                    **view, generation=1, labels=labels, owner=owner, replicas=replicas, available_replicas=replicas
                )
                self.record(set_name, subjects.STATEFULSET, command.name, fact, at_ms=0)
            case _:
                pass

    def answer(self, answers: list[str]) -> None:
        """Answer every command in flight, and what that leads to, until nothing is."""
        for number in range(ROUNDS_MAX):
            flying = [
                (name.name, issued)
                for name, state in self.live.aggregates.items()
                for issued in state.in_flight.values()
            ]
            if not flying:
                return
            for position, (set_name, issued) in enumerate(flying):
                target = commands.target(issued.command)
                answer = answers[(number + position) % len(answers)]
                outcome: events.Outcome = events.CommandFailed(
                    command_id=issued.id, target=target, code=409, reason=answer
                )
                if answer == "done":
                    self._show(set_name, issued)
                    outcome = events.CommandSucceeded(
                        command_id=issued.id, target=target, uid="u3", resource_version=self._version()
                    )
                self.record(set_name, subjects.OUTCOME, target, outcome, at_ms=100_000)
        raise AssertionError("commands never end")

    def states(self, fleet: Fleet) -> bytes:
        return msgspec.json.encode(sorted(fleet.aggregates.items()), order="sorted")


@fuzzed(150)
@given(told=EVENTS, answers=ANSWERS, running=st.booleans(), policy=st.sampled_from(POLICIES), size=st.integers(1, 3))
def test_hostile_events_end_in_decisions_about_our_own_objects(
    told: list[Told], answers: list[str], running: bool, policy: str, size: int
) -> None:
    journal = Journal()
    if running:
        for set_name in SETS:
            journal.bring_up(set_name, size=size, policy=policy)
    for set_name, (kind, name, fact), at_ms in told:
        journal.record(set_name, kind, name, fact, at_ms=at_ms)
    journal.answer(answers)
    assert journal.states(journal.live) == journal.states(journal.recalled)
    assert journal.commands <= COMMANDS_FOR_AN_EVENT_MAX * (journal.sequence + 1)
