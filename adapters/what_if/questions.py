"""What is asked: a changed set, a drained node, lost nodes. Each does to the simulated cluster what it is named for."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import msgspec
import yaml

from adapters.simulation import ApiError, Simulation, kinds, objects
from adapters.simulation import defaults as simulated_defaults
from adapters.simulation.objects import Object
from adapters.what_if.world import World
from lws_events import names
from lws_events.admission import Admitted, Denied, Surroundings, admit
from lws_events.admission.decide import BAD_REQUEST
from lws_events.subjects import SetName
from projections.difference import Change, difference


class QuestionError(ValueError):
    """What is asked cannot be meant; the message says why."""


class NoSuchSetError(QuestionError):
    """The set that is asked about is not there, or it is not clear which one is meant."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What admission says of a changed set, and what the change comes to."""

    operation: str
    """``CREATE`` or ``UPDATE``."""
    accepted: bool
    messages: tuple[str, ...] = ()
    """Why it is rejected, one for each violation."""
    warnings: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    """Of labels, annotations and spec, as stored before and after."""
    defaulted: tuple[str, ...] = ()
    """Paths of the fields that the manifest leaves open, with the values that are filled in."""


def read_manifest(text: str, *, path: str) -> Object:
    """The one LeaderWorkerSet of a text, JSON or YAML; ``path`` is where it is from. Raises ``QuestionError``."""
    try:
        documents = [one for one in yaml.safe_load_all(text) if one is not None]
    except yaml.YAMLError as error:
        raise QuestionError(f"{path} cannot be read: {error}") from error
    found = [one for one in documents if isinstance(one, dict) and one.get("kind") == names.KIND]
    if len(found) != 1:
        raise QuestionError(f"{path} holds {len(found)} objects of kind {names.KIND}, and must hold one")
    manifest: Object = found[0]
    metadata = manifest.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        raise QuestionError(f"{path}: metadata.name is missing")
    if not isinstance(manifest.get("spec"), dict):
        raise QuestionError(f"{path}: spec is missing")
    for part in ("labels", "annotations"):
        if not isinstance(metadata.get(part) or {}, dict):
            raise QuestionError(f"{path}: metadata.{part} is no mapping")
    return manifest


def apply_manifest(world: World, manifest: Object, set_name: SetName) -> Verdict:
    """Put a manifest in the place of the present set, as far as admission lets it.

    The spec is replaced, but for ``replicas`` where the manifest leaves it to an autoscaler; labels and annotations
    that the manifest does not name stay.
    """
    api = world.simulation.api
    old = api.find(kinds.LEADERWORKERSETS, set_name.name, namespace=set_name.namespace)
    if old is None and api.find(kinds.NAMESPACES, set_name.namespace) is None:
        api.create(kinds.NAMESPACES, {"metadata": {"name": set_name.namespace}})
    wanted = _wanted(manifest, old, set_name)
    operation = "CREATE" if old is None else "UPDATE"
    read = admit(names.KIND, "CREATE", wanted)
    if isinstance(read, Denied) and read.code == BAD_REQUEST:
        return Verdict(operation=operation, accepted=False, messages=(read.message,))
    defaulted = simulated_defaults.apply(kinds.LEADERWORKERSETS, wanted)
    answer = admit(
        names.KIND, "CREATE" if old is None else "UPDATE", defaulted, old, surroundings=_surroundings(world, set_name)
    )
    if isinstance(answer, Denied):
        messages = tuple(one.text for one in answer.violations) or (answer.message,)
        return Verdict(operation=operation, accepted=False, messages=messages)
    try:
        if old is None:
            stored = api.create(kinds.LEADERWORKERSETS, wanted, namespace=set_name.namespace)
        else:
            stored = api.update(kinds.LEADERWORKERSETS, wanted, namespace=set_name.namespace)
    except ApiError as error:
        return Verdict(operation=operation, accepted=False, messages=(error.message,))
    return _accepted(operation, answer, wanted=wanted, old=old, stored=stored)


def drain(world: World, node: str) -> None:
    """What ``kubectl drain`` does: no more pods there, those of sets are evicted. Raises ``QuestionError``."""
    simulation = world.simulation
    found = _node(simulation, node)
    cordoned = {**found, "spec": {**objects.spec(found), "unschedulable": True}}
    simulation.api.update(kinds.NODES, cordoned)
    for pod in pods_on(simulation, [node]):
        if not objects.terminating(pod):
            simulation.api.delete(kinds.PODS, objects.name(pod), namespace=objects.namespace(pod))


def lose(world: World, nodes: Sequence[str], *, removed_after_seconds: float | None) -> None:
    """Nodes fall silent; after a time their Node objects may be removed. Raises ``QuestionError``."""
    simulation = world.simulation
    for node in nodes:
        _node(simulation, node)
    for node in nodes:
        simulation.node_lifecycle.lose(node)
        if removed_after_seconds is not None:
            due = simulation.clock.now + removed_after_seconds
            simulation.clock.at(due, partial(simulation.api.delete, kinds.NODES, node))


def nodes_with(simulation: Simulation, label: str) -> list[str]:
    """Nodes that carry ``key=value``. Raises ``QuestionError`` where there is none."""
    key, separator, value = label.partition("=")
    if not (key and separator and value):
        raise QuestionError(f"{label!r} is not TOPOLOGY=VALUE, such as topology.kubernetes.io/rack=r3")
    nodes = simulation.api.select(kinds.NODES)
    found = [objects.name(node) for node in nodes if objects.labels(node).get(key) == value]
    if not found:
        there = sorted({objects.labels(node)[key] for node in nodes if key in objects.labels(node)})
        hint = f"its values are {', '.join(there)}" if there else f"no node is known to have the label {key}"
        raise QuestionError(f"no node has {label}: {hint}")
    return found


def pods_on(simulation: Simulation, nodes: Iterable[str]) -> list[Object]:
    """Pods of sets on some nodes."""
    there = set(nodes)
    return [pod for pod in simulation.api.select(kinds.PODS) if objects.spec(pod).get("nodeName") in there]


def _node(simulation: Simulation, name: str) -> Object:
    found = simulation.api.find(kinds.NODES, name)
    if found is None:
        there = [objects.name(node) for node in simulation.api.select(kinds.NODES)]
        shown = ", ".join(there[:8]) + (f" and {len(there) - 8} more" if len(there) > 8 else "")
        raise QuestionError(f"no node {name} is known: there are {shown or 'none'}")
    return found


def _wanted(manifest: Object, old: Object | None, set_name: SetName) -> Object:
    metadata: Object = {"name": set_name.name, "namespace": set_name.namespace}
    spec = dict(manifest["spec"])
    given = manifest["metadata"]
    kept: Object = {} if old is None else old["metadata"]
    for part in ("labels", "annotations"):
        merged = {**(kept.get(part) or {}), **(given.get(part) or {})}
        merged.pop(names.LAST_APPLIED, None)
        if merged:
            metadata[part] = {key: value if isinstance(value, str) else str(value) for key, value in merged.items()}
    if old is not None:
        metadata["resourceVersion"] = old["metadata"]["resourceVersion"]
        if spec.get("replicas") is None:
            spec["replicas"] = objects.spec(old).get("replicas", 1)
    return {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": metadata, "spec": spec}


def _surroundings(world: World, set_name: SetName) -> Surroundings:
    api = world.simulation.api
    siblings = (objects.name(one) for one in api.select(kinds.LEADERWORKERSETS, namespace=set_name.namespace))
    leader = api.find(kinds.STATEFULSETS, set_name.name, namespace=set_name.namespace)
    claims = tuple(objects.spec(leader).get("volumeClaimTemplates") or ()) if leader is not None else None
    return Surroundings(
        sibling_names=tuple(name for name in siblings if name != set_name.name),
        leader_claim_templates=claims,
        gang_provider=world.gang.provider.name if world.gang is not None else None,
    )


def _accepted(operation: str, answer: Admitted, *, wanted: Object, old: Object | None, stored: Object) -> Verdict:
    before = {} if old is None else _content(old)
    after = _content(stored)
    filled = difference(_content(wanted), after)
    return Verdict(
        operation=operation,
        accepted=True,
        warnings=answer.warnings,
        changes=difference(before, after) if old is not None else (),
        defaulted=tuple(str(one) for one in filled),
    )


def _content(obj: Object) -> dict[str, Any]:
    metadata = obj["metadata"]
    annotations = {key: value for key, value in objects.annotations(obj).items() if key != names.LAST_APPLIED}
    content = {"labels": metadata.get("labels") or {}, "annotations": annotations, "spec": objects.spec(obj)}
    return {key: value for key, value in content.items() if value}
