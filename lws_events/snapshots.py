"""A set's state written down, so that a journal need not be folded from its beginning (docs/decisions/0009).

A snapshot is exact: folding on from one that was read gives byte for byte the decisions of folding on from the state
itself. What cannot be read exactly is refused, never guessed. Where snapshots are kept, and which belong together, is
not decided here.
"""

import hashlib
from collections.abc import Callable
from typing import Any, Final

import msgspec

from lws_events.decisions import MACHINE_VERSION
from lws_events.machine.state import Aggregate
from lws_events.subjects import SetName

STATE_VERSION: Final = 1
"""Raised by any change after which a state of before would be read, or folded on, otherwise: another meaning, another
shape, a new part that is no default in a state which has lived. ``tests/unit/test_snapshots.py`` watches the shape."""

UPCASTERS: Final[dict[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {}
"""State version → what makes the next version's JSON of it. A version without one is not read any more."""


class SnapshotUnusableError(Exception):
    """A snapshot cannot be read exactly: the message says why. The journal has to be folded instead."""


class Snapshot(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The state of one set after one event of the journal and the decision about it."""

    state_version: int
    machine: str
    """``decisions.MACHINE_VERSION`` of whoever folded it."""
    epoch: str
    sequence: int
    """Last event that was taken in, of any set."""
    decisions: int
    """Sequence of the last decision that was recorded by then."""
    digest: str
    """Of that last event (``record_digest``): in a stream that has lost its tail another one has its sequence."""
    aggregate: msgspec.Raw


class Sweep(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Snapshots of all sets that together are a place to begin from: every set is as of ``sequence`` or later."""

    state_version: int
    machine: str
    epoch: str
    sequence: int
    """Last event that had been taken in when it began: folding goes on after it."""
    decisions: int
    """Sequence of the last decision that had been recorded by then."""
    digest: str
    sets: tuple[tuple[str, str, int], ...] = ()
    """Namespace, name and at least which sequence the snapshot of the set must have; sorted."""


_ENCODER: Final = msgspec.json.Encoder()
_SNAPSHOT: Final = msgspec.json.Decoder(Snapshot)
_SWEEP: Final = msgspec.json.Decoder(Sweep)
_AGGREGATE: Final = msgspec.json.Decoder(Aggregate)


def take_snapshot(state: Aggregate, *, epoch: str, sequence: int, decisions: int, digest: str) -> bytes:
    """Write down a state as it is now, after event ``sequence``. Changes of the state afterwards do not matter."""
    snapshot = Snapshot(
        state_version=STATE_VERSION,
        machine=MACHINE_VERSION,
        epoch=epoch,
        sequence=sequence,
        decisions=decisions,
        digest=digest,
        aggregate=msgspec.Raw(_ENCODER.encode(state)),
    )
    return _ENCODER.encode(snapshot)


def encode_sweep(sweep: Sweep) -> bytes:
    """One JSON object."""
    return _ENCODER.encode(sweep)


def decode_sweep(data: bytes) -> Sweep:
    """Raises ``SnapshotUnusableError``."""
    try:
        return _SWEEP.decode(data)
    except msgspec.DecodeError as error:
        raise SnapshotUnusableError(f"the record of a sweep cannot be read: {error}") from error


def decode_snapshot(data: bytes) -> Snapshot:
    """Without its aggregate, which ``restore`` reads. Raises ``SnapshotUnusableError``."""
    try:
        return _SNAPSHOT.decode(data)
    except msgspec.DecodeError as error:
        raise SnapshotUnusableError(f"a snapshot cannot be read: {error}") from error


def restore(snapshot: Snapshot, name: SetName) -> Aggregate:
    """The state that was written down. Raises ``SnapshotUnusableError``."""
    try:
        state = _AGGREGATE.decode(_brought_up(snapshot))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SnapshotUnusableError(f"the snapshot of {name} cannot be read: {error}") from error
    if state.name != name:
        raise SnapshotUnusableError(f"the snapshot of {name} is one of {state.name}")
    return _of_its_own(state)


def _brought_up(snapshot: Snapshot) -> bytes | msgspec.Raw:
    version = snapshot.state_version
    if version == STATE_VERSION:
        return snapshot.aggregate
    if version > STATE_VERSION or version not in UPCASTERS:
        raise SnapshotUnusableError(
            f"the state has version {version}, this release reads {STATE_VERSION}: another release has written it"
        )
    plain = msgspec.json.decode(snapshot.aggregate)
    while version < STATE_VERSION:
        plain = UPCASTERS[version](plain)
        version += 1
    return _ENCODER.encode(plain)


def _of_its_own(state: Aggregate) -> Aggregate:
    """Raw JSON that was decoded points into the whole snapshot, which would stay in memory for it."""
    state.set_ = _detached(state.set_)
    state.leader_set = _detached(state.leader_set)
    state.revisions = {name: _detached(view) for name, view in state.revisions.items()}
    state.in_flight = {
        target: msgspec.structs.replace(issued, command=_detached(issued.command))
        for target, issued in state.in_flight.items()
    }
    for group in state.groups.values():
        group.worker_set = _detached(group.worker_set)
    return state


def _detached(struct: Any) -> Any:
    if struct is None:
        return None
    defaults = dict(zip(reversed(struct.__struct_fields__), reversed(struct.__struct_defaults__), strict=False))
    raw: dict[str, msgspec.Raw] = {}
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if isinstance(value, msgspec.Raw):
            default = defaults.get(name)
            raw[name] = default if isinstance(default, msgspec.Raw) and default == value else msgspec.Raw(bytes(value))
    return msgspec.structs.replace(struct, **raw) if raw else struct


def record_digest(subject: str, data: bytes) -> str:
    """What tells a record from any other that might have had its sequence: 32 hexadecimal digits."""
    return hashlib.sha256(subject.encode() + b"\n" + data).hexdigest()[:32]
