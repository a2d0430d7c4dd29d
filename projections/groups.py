"""Which group an object of a set belongs to, and how big it is, so that a reader can follow one group.

A group is named by the token that stands behind the set's name in its pods' names: ``2`` for ``sample-2`` and
``sample-2-1``. It is taken as text: nothing here depends on groups being numbered, and the machine,
too, identifies a group by its leader pod's name.
"""

from lws_events.events import PodObserved
from lws_events.machine.state import read_number
from lws_events.names import SIZE
from lws_events.subjects import SetName

WHOLE_SET = ""
"""The group of what concerns the set as a whole."""


def group_of_object(set_name: SetName, object_name: str) -> str:
    """Of a pod, worker StatefulSet, PodGroup or own Service of a group by its name; ``WHOLE_SET`` for others."""
    prefix = f"{set_name.name}-"
    if not object_name.startswith(prefix):
        return WHOLE_SET
    return object_name.removeprefix(prefix).split("-", 1)[0]


def group_of_target(set_name: SetName, target: str) -> str:
    """Of the object that a command is about (``commands.target``)."""
    kind, _, name = target.partition("/")
    if kind in ("pod", "mark", "statefulset", "service", "podgroup"):
        return group_of_object(set_name, name)
    return WHOLE_SET


def group_token(set_name: SetName, group: str) -> str:
    """The token of a group that a record or a person names by its token or by its leader pod."""
    return group.removeprefix(f"{set_name.name}-") or group


def size_of(pod: PodObserved, *, default: int) -> int:
    """How many pods the pod's group is to have, by its annotation; ``default`` where that is no number."""
    size = read_number(pod.annotations.get(SIZE, ""))
    return default if size is None else size
