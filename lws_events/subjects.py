"""Subjects of the journal: an address for every object, so that a reader can follow one set.

``lws.events.<cluster>.<partition>.<namespace>.<set>.<kind>.<object>`` for events,
``lws.decisions.<cluster>.<partition>.<namespace>.<set>`` for decisions. Names of objects may hold dots, which
separate tokens: they are written as ``%2E`` (and ``%`` as ``%25``). The last message of an observation's subject is
the last known state of that object.
"""

import functools
import hashlib
from typing import Final, NamedTuple

PARTITIONS: Final = 64
"""More than any number of instances that will share one cluster. Subjects hold it: it stays the same for ever."""

EVENTS: Final = "lws.events"
DECISIONS: Final = "lws.decisions"
SNAPSHOTS: Final = "lws.snapshots"
SEALS: Final = "lws.seals"
AUDIT: Final = "lws.audit"
LIFECYCLE: Final = "lws.lifecycle"

# Kinds of object in the last but one token.
SET: Final = "set"
SET_STATUS: Final = "setstatus"
STATEFULSET: Final = "statefulset"
POD: Final = "pod"
SERVICE: Final = "service"
REVISION: Final = "revision"
POD_GROUP: Final = "podgroup"
OUTCOME: Final = "outcome"
TIMER: Final = "timer"
REQUEST: Final = "request"
UNRECORDED: Final = "unrecorded"
MISSED: Final = "missed"
LOG: Final = "log"
DIFFERENCE: Final = "difference"

_PARSED_MAX: Final = 4096
"""How many subjects stay taken apart: journals are mostly about the same few objects, again and again."""

_EVENT_TOKENS: Final = 8
_DECISION_TOKENS: Final = 6


class SetName(NamedTuple):
    """A LeaderWorkerSet within one cluster."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Address(NamedTuple):
    """A subject taken apart. ``kind`` and ``name`` are empty in a decision's subject."""

    cluster: str
    partition: int
    set_name: SetName
    kind: str
    name: str


def encode_token(text: str) -> str:
    """Make one subject token of any text."""
    encoded = text.replace("%", "%25").replace(".", "%2E").replace(" ", "%20")
    return encoded.replace("*", "%2A").replace(">", "%3E") or "%"


def decode_token(token: str) -> str:
    """The inverse of ``encode_token``."""
    if "%" not in token:
        return token
    if token == "%":
        return ""
    for code, character in (("%20", " "), ("%2A", "*"), ("%3E", ">"), ("%2E", "."), ("%25", "%")):
        token = token.replace(code, character)
    return token


def partition(set_name: SetName) -> int:
    """Stable partition of a set: the first eight bytes of SHA-256 of ``namespace/name``, modulo ``PARTITIONS``."""
    digest = hashlib.sha256(str(set_name).encode()).digest()
    return int.from_bytes(digest[:8], "big") % PARTITIONS


def event_subject(cluster: str, set_name: SetName, kind: str, name: str) -> str:
    """Where events about one object of a set are published."""
    return f"{EVENTS}.{_set_tokens(cluster, set_name)}.{kind}.{encode_token(name)}"


def decision_subject(cluster: str, set_name: SetName) -> str:
    """Where decisions about a set are published."""
    return f"{DECISIONS}.{_set_tokens(cluster, set_name)}"


def epoch_subject(cluster: str) -> str:
    """Where the beginning of an epoch is recorded; it is about no set."""
    return f"{EVENTS}.{encode_token(cluster)}.epoch"


def observations_filter(cluster: str, kind: str) -> str:
    """Subject filter for the last known states of all objects of a kind in a cluster."""
    return f"{EVENTS}.{encode_token(cluster)}.*.*.*.{kind}.*"


def decisions_filter(cluster: str, *, namespace: str = "", name: str = "") -> str:
    """Subject filter for the decisions about the sets of a namespace, of a name, or both; empty: any."""
    if namespace and name:
        return decision_subject(cluster, SetName(namespace, name))
    tokens = (encode_token(part) if part else "*" for part in (namespace, name))
    return f"{DECISIONS}.{encode_token(cluster)}.*.{'.'.join(tokens)}"


def lifecycle_subject(cluster: str, set_name: SetName, kind: str) -> str:
    """Where a lifecycle fact is published for others; ``kind`` is some tokens, as in ``group.recreation.started``."""
    parts = (cluster, set_name.namespace, set_name.name)
    return f"{LIFECYCLE}.{'.'.join(map(encode_token, parts))}.{kind}"


def set_filter(cluster: str, set_name: SetName) -> str:
    """Subject filter for everything recorded about one set."""
    return f"{EVENTS}.{_set_tokens(cluster, set_name)}.>"


@functools.lru_cache(maxsize=_PARSED_MAX)
def parse(subject: str) -> Address | None:
    """Take an event's or decision's subject apart; None for one that is about no set."""
    tokens = subject.split(".")
    if len(tokens) not in (_EVENT_TOKENS, _DECISION_TOKENS):
        return None
    if not tokens[3].isdecimal():
        return None
    kind, last = (tokens[6], tokens[7]) if len(tokens) == _EVENT_TOKENS else ("", "")
    names = tokens[2], tokens[4], tokens[5], last
    cluster, namespace, name, object_name = map(decode_token, names) if "%" in subject else names
    return Address(cluster, int(tokens[3]), SetName(namespace, name), kind, object_name)


def _set_tokens(cluster: str, set_name: SetName) -> str:
    name_tokens = f"{encode_token(set_name.namespace)}.{encode_token(set_name.name)}"
    return f"{encode_token(cluster)}.{partition(set_name)}.{name_tokens}"
