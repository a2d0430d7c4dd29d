"""Bodies of the journal as released: every kind with nothing but what it must have, and the defaults of the rest.

A line is never changed or taken away (``docs/decisions/0006``): journals with such bodies exist. A new kind, or a new
field of a kind, gets its own.
"""

from typing import Any, get_args

import msgspec
import pytest

from lws_events import commands, decisions, events
from lws_events.errors import UnknownShapeError

FACTS: list[tuple[str, dict[str, Any]]] = [
    (
        '{"type":"SetObserved","uid":"uid","resource_version":"resource_version","generation":1}',
        {"deleting_since": None, "labels": {}, "annotations": {}, "spec": {}, "managers": []},
    ),
    (
        '{"type":"SetStatusObserved","uid":"uid","resource_version":"resource_version"}',
        {"deleting_since": None, "status": {}},
    ),
    (
        '{"type":"StatefulSetObserved","uid":"uid","resource_version":"resource_version","generation":1}',
        {
            "deleting_since": None,
            "labels": {},
            "annotations": {},
            "owner": None,
            "replicas": 0,
            "partition": None,
            "status_replicas": 0,
            "ready_replicas": 0,
            "available_replicas": 0,
            "current_revision": "",
            "update_revision": "",
            "claims": None,
            "max_unavailable": None,
        },
    ),
    (
        '{"type":"PodObserved","uid":"uid","resource_version":"resource_version"}',
        {
            "deleting_since": None,
            "labels": {},
            "annotations": {},
            "owner": None,
            "phase": "Pending",
            "ready": False,
            "restarts": 0,
            "last_exit": None,
            "reason": "",
            "waiting": "",
            "node": "",
            "topology": {},
            "requests_tpus": False,
            "gang_group": "",
            "grace_seconds": 30,
            "disruption": None,
            "deleted_in_foreground": False,
        },
    ),
    (
        '{"type":"ServiceObserved","uid":"uid","resource_version":"resource_version"}',
        {"deleting_since": None, "owner": None, "headless": False, "selector": {}},
    ),
    (
        '{"type":"RevisionObserved","uid":"uid","resource_version":"resource_version","key":"key","number":1}',
        {"deleting_since": None, "owner": None, "data": {}},
    ),
    ('{"type":"SetDeleted","uid":"uid","resource_version":"resource_version"}', {"inferred": False}),
    ('{"type":"StatefulSetDeleted","uid":"uid","resource_version":"resource_version"}', {"inferred": False}),
    (
        '{"type":"PodDeleted","uid":"uid","resource_version":"resource_version"}',
        {"inferred": False, "last_exit": None, "reason": "", "disruption": None},
    ),
    ('{"type":"ServiceDeleted","uid":"uid","resource_version":"resource_version"}', {"inferred": False}),
    ('{"type":"RevisionDeleted","uid":"uid","resource_version":"resource_version"}', {"inferred": False}),
    (
        '{"type":"PodGroupObserved","uid":"uid","resource_version":"resource_version"}',
        {"deleting_since": None, "owner": None, "min_member": 0, "phase": ""},
    ),
    ('{"type":"PodGroupDeleted","uid":"uid","resource_version":"resource_version"}', {"inferred": False}),
    (
        '{"type":"CommandSucceeded","command_id":"command_id","target":"target"}',
        {"uid": "", "resource_version": "", "generation": 0},
    ),
    (
        '{"type":"CommandFailed","command_id":"command_id","target":"target","code":1,"reason":"reason"}',
        {"message": ""},
    ),
    ('{"type":"TimerFired","timer":"timer"}', {}),
    (
        '{"type":"SpecChangeRequested","user":"user"}',
        {
            "groups": [],
            "operation": "UPDATE",
            "uid": "",
            "generation": 0,
            "subresource": "",
            "replicas": None,
            "asked_ms": 0,
            "request": "",
        },
    ),
    ('{"type":"EpochStarted","epoch":"epoch"}', {}),
    (
        '{"type":"ObjectNotRecorded","uid":"uid","resource_version":"resource_version","kind":"kind","problem":"problem"}',
        {},
    ),
    ('{"type":"SetChangeMissed","uid":"uid","resource_version":"resource_version"}', {}),
    (
        '{"type":"LogCaptured","pod_uid":"pod_uid","command_id":"command_id"}',
        {
            "container": "",
            "reference": "",
            "bytes": 0,
            "lines": 0,
            "truncated": False,
            "previous": False,
            "problem": "",
        },
    ),
    (
        '{"type":"DifferenceFound","kind":"kind","target":"target","what":"what"}',
        {"because": "", "uid": "", "command_id": "", "fields": [], "known": "", "waited_ms": 0},
    ),
    (
        '{"type":"DeletionRequested","kind":"pod","name":"name","user":"user"}',
        {
            "groups": [],
            "uid": "",
            "eviction": False,
            "propagation": "",
            "grace_seconds": None,
            "asked_ms": 0,
            "request": "",
        },
    ),
]
COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ('{"command":"CreateControllerRevision","name":"name","manifest":{}}', {"leader_set": "", "template": None}),
    (
        '{"command":"ApplyLeaderStatefulSet","name":"name","owner_uid":"owner_uid","manifest":{}}',
        {"uid": "", "inputs": "", "adopts": False},
    ),
    ('{"command":"CreateWorkerStatefulSet","name":"name","owner_uid":"owner_uid","manifest":{}}', {}),
    ('{"command":"CreateService","name":"name","owner_uid":"owner_uid","manifest":{}}', {}),
    ('{"command":"DeleteLeaderPod","name":"name","uid":"uid"}', {}),
    ('{"command":"DeleteControllerRevision","name":"name","uid":"uid"}', {}),
    ('{"command":"UpdateSetStatus","name":"name","uid":"uid","status":{}}', {}),
    (
        '{"command":"RecordEvent","type":"type","reason":"reason","action":"action","note":"note","regarding_uid":"regarding_uid"}',
        {"related_kind": "", "related_name": "", "related_uid": "", "about": ""},
    ),
    ('{"command":"SetTimer","timer":"timer","fire_at_ms":1}', {}),
    (
        '{"command":"CreatePodGroup","name":"name","leader":"leader","owner_uid":"owner_uid","manifest":{}}',
        {},
    ),
    ('{"command":"MarkLeaderPod","name":"name","uid":"uid"}', {"annotations": {}, "labels": {}}),
    (
        '{"command":"ApplyWorkerMetadata","name":"name","uid":"uid","manifest":{}}',
        {"dropped_labels": [], "dropped_annotations": []},
    ),
]
LIFECYCLE: list[tuple[str, dict[str, Any]]] = [
    ('{"type":"RevisionChosen","key":"key","revision":"revision"}', {}),
    ('{"type":"GroupChanged","group":"group","before":"before","after":"after"}', {"because": ""}),
    (
        '{"type":"GroupRecreationStarted","group":"group","leader":"leader","leader_uid":"leader_uid","failed_pod":"failed_pod","failed_uid":"failed_uid","failure":"failure"}',
        {"attempt": 0},
    ),
    (
        '{"type":"FailureLeftAlone","group":"group","pod":"pod","pod_uid":"pod_uid","failure":"failure","because":"because"}',
        {},
    ),
    ('{"type":"ConditionChanged","condition":"condition","status":"status"}', {}),
    ('{"type":"ObjectLeftAlone","kind":"kind","name":"name","because":"because"}', {"uid": ""}),
    (
        '{"type":"RolloutStepped","key":"key","partition_before":1,"partition":1,"replicas_before":1,"replicas":1,"because":"because"}',
        {},
    ),
    ('{"type":"RolloutBlocked","key":"key","partition":1,"groups":["group"],"count":1}', {}),
    (
        '{"type":"LeaderReplacementStarted","group":"group","leader_uid":"leader_uid","partition":1,"because":"because"}',
        {},
    ),
    (
        '{"type":"GroupRecreationPostponed","group":"group","leader":"leader","leader_uid":"leader_uid","failed_pod":"failed_pod","failed_uid":"failed_uid","failure":"failure","failed_ms":1,"until_ms":2,"attempt":3}',
        {},
    ),
    (
        '{"type":"GroupKept","group":"group","leader":"leader","leader_uid":"leader_uid","failed_pod":"failed_pod","failed_uid":"failed_uid","failure":"failure","failed_ms":1,"recreations":2}',
        {},
    ),
    (
        '{"type":"GroupTerminationOverdue","group":"group","leader":"leader","leader_uid":"leader_uid","pods":["pod"],"since_ms":1}',
        {},
    ),
]


def _kind(body: str) -> str:
    parsed = msgspec.json.decode(body)
    return str(parsed.get("command") or parsed["type"])


def _fact(body: str) -> Any:
    return events.decode(f'{{"at_ms":1,"fact":{body}}}'.encode()).fact


def _command(body: str) -> Any:
    (issued,) = _decision(commands=f'[{{"id":"e-1-0","command":{body}}}]').commands
    return issued.command


def _lifecycle(body: str) -> Any:
    (fact,) = _decision(facts=f"[{body}]").facts
    return fact


def _decision(*, commands: str = "[]", facts: str = "[]") -> decisions.Decision:
    return decisions.decode(f'{{"epoch":"e","cause":1,"machine":"1","commands":{commands},"facts":{facts}}}'.encode())


BODIES = [
    *((_fact, *each) for each in FACTS),
    *((_command, *each) for each in COMMANDS),
    *((_lifecycle, *each) for each in LIFECYCLE),
]


@pytest.mark.parametrize(("read", "body", "defaults"), BODIES, ids=[_kind(each[1]) for each in BODIES])
def test_a_released_body_means_what_it_meant(read: Any, body: str, defaults: dict[str, Any]) -> None:
    value = read(body)
    meant = {**msgspec.json.decode(body), **defaults}
    for field in value.__struct_fields__:
        assert msgspec.json.decode(msgspec.json.encode(getattr(value, field))) == meant[field], field
    assert msgspec.json.decode(msgspec.json.encode(value)) == msgspec.json.decode(body)


def test_every_kind_has_its_line() -> None:
    classes = [*get_args(events.Fact), *get_args(commands.AnyCommand), *get_args(decisions.LifecycleFact)]
    assert [_kind(each[1]) for each in BODIES] == [each.__struct_config__.tag for each in classes]


def test_parts_of_facts_and_decisions() -> None:
    pod = _fact(
        '{"type":"PodObserved","uid":"u","resource_version":"1","owner":{"kind":"StatefulSet","name":"n","uid":"o"},'
        '"last_exit":{"container":"c","exit_code":137}}'
    )
    assert pod.owner == events.Owner("StatefulSet", "n", "o")
    assert pod.last_exit == events.ContainerExit("c", 137, "")
    bare = decisions.decode(b'{"epoch":"e","cause":1,"machine":"1"}')
    assert (bare.commands, bare.facts, bare.message_id) == ((), (), "e-1")
    (issued,) = _decision(commands=f'[{{"id":"e-1-0","command":{COMMANDS[0][0]}}}]').commands
    assert issued.announce is None


def test_fields_of_a_newer_release_are_passed_over() -> None:
    assert _fact('{"type":"TimerFired","timer":"t","news":1}') == events.TimerFired(timer="t")


@pytest.mark.parametrize(
    ("decode", "body"),
    [
        (events.decode, b'{"at_ms":1,"fact":{"type":"PodTeleported","uid":"u"}}'),
        (events.decode, b'{"at_ms":1,"schema":2,"fact":{"type":"TimerFired","timer":"t"}}'),
        (decisions.decode, b'{"epoch":"e","cause":1,"machine":"9","facts":[{"type":"SetTeleported"}]}'),
        (decisions.decode, b'{"epoch":"e","cause":1,"machine":"9","commands":[{"id":"i","command":{"command":"X"}}]}'),
    ],
)
def test_kinds_and_schemas_of_a_newer_release_are_refused_in_words(decode: Any, body: bytes) -> None:
    with pytest.raises(UnknownShapeError, match="a newer one may have written it"):
        decode(body)


@pytest.mark.parametrize("decode", [events.decode, decisions.decode])
def test_what_is_no_json_is_damaged_not_newer(decode: Any) -> None:
    with pytest.raises(msgspec.DecodeError) as raised:
        decode(b'{"at_ms":')
    assert not isinstance(raised.value, UnknownShapeError)
