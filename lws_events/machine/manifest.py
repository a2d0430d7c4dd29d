"""Kubernetes objects in and out of the machine: the set as the builders read it, and what they build as JSON."""

from typing import Any

import msgspec

from lws_events import names
from lws_events.machine.state import Aggregate


def lws_object(state: Aggregate) -> dict[str, Any]:
    """The LeaderWorkerSet as last observed, without its status. The set must have been observed."""
    assert state.set_ is not None
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {
            "name": state.name.name,
            "namespace": state.name.namespace,
            "uid": state.set_.uid,
            "labels": state.set_.labels,
            "annotations": state.set_.annotations,
        },
        "spec": state.spec_json,
    }


def as_json(built: dict[str, Any]) -> msgspec.Raw:
    """An object to write. Keys are sorted: the same object has the same bytes, whatever order it was built in."""
    return msgspec.Raw(msgspec.json.encode(built, order="sorted"))
