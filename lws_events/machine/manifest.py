"""The set as the plain Kubernetes object that the builders of ``revisions`` and ``objects`` read."""

from typing import Any

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
