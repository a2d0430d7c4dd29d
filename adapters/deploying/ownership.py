"""What a patch has changed in a manager's name becomes part of what that manager applies.

The API server keeps what a manager applies apart from what it patches. Fields that are left with a patch would be a
conflict of ``deploy`` with itself at the next apply, and those that the next file does not name would stay for ever. So
after a patch its fields are moved over to the manager's applies; which fields other managers own is not touched.
"""

from typing import Any, Final

import msgspec

from adapters.kubernetes import resources
from adapters.kubernetes.client import MERGE_PATCH, ApiClient
from adapters.kubernetes.errors import ApiError
from lws_events.subjects import SetName

Entry = dict[str, Any]

_ATTEMPTS_MAX: Final = 10
"""The object changes with every status; a new look is taken each time."""

_CONFLICT: Final = 409


async def take_over_patched(client: ApiClient, set_name: SetName, *, manager: str) -> None:
    """Move what ``manager`` owns by patches to what it applies. Raises the errors of ``adapters.kubernetes.errors``."""
    for attempt in range(1, _ATTEMPTS_MAX + 1):
        metadata = msgspec.json.decode(await client.get(resources.LEADER_WORKER_SETS, *set_name))["metadata"]
        entries = as_applied(metadata.get("managedFields") or [], manager=manager)
        if entries is None:
            return
        patch = {"metadata": {"resourceVersion": metadata["resourceVersion"], "managedFields": entries}}
        try:
            await client.request(
                "PATCH",
                resources.LEADER_WORKER_SETS.path(*set_name),
                query={"fieldManager": manager},
                body=msgspec.json.encode(patch),
                content_type=MERGE_PATCH,
            )
        except ApiError as error:
            if error.code != _CONFLICT or attempt == _ATTEMPTS_MAX:
                raise
        else:
            return


def as_applied(entries: list[Entry], *, manager: str) -> list[Entry] | None:
    """The entries of ``managedFields`` with those of the manager's patches in its apply's; None: there are none."""
    patched = [one for one in entries if _is_of(one, manager, "Update")]
    if not patched:
        return None
    applied = next((one for one in entries if _is_of(one, manager, "Apply")), None)
    fields: Entry = {} if applied is None else applied["fieldsV1"]
    for one in patched:
        fields = _union(fields, one["fieldsV1"])
    others = [one for one in entries if one is not applied and one not in patched]
    return [*others, {**(applied or patched[-1]), "operation": "Apply", "fieldsV1": fields}]


def _is_of(entry: Entry, manager: str, operation: str) -> bool:
    return (entry["manager"], entry["operation"], entry.get("subresource", "")) == (manager, operation, "")


def _union(one: Entry, other: Entry) -> Entry:
    """Sets of fields are trees of objects, whose leaves are empty."""
    return one | {key: _union(one.get(key, {}), fields) for key, fields in other.items()}
