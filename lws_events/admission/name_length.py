"""Names that are too long for the pods and labels made from them (D35).

A pod's hostname is its name and has at most 63 characters. The StatefulSet controller labels pods with its own
revision name, ``<StatefulSet>-<hash of up to 10 characters>``, which a label's 63 characters must hold as well.
"""

from typing import Final

from lws_events.admission.budgets import budget_in_groups, replicas_of, size_of
from lws_events.admission.lookup import Object, section, text
from lws_events.admission.violations import Violation, invalid

_HOSTNAME_LENGTH_MAX: Final = 63
_STATEFULSET_NAME_LENGTH_MAX: Final = 52


def hostname_violations(lws: Object) -> list[Violation]:
    """Denied at creation: a pod of the set that is certain to be made cannot have its name as hostname."""
    name, replicas, size = text(lws, "metadata", "name"), replicas_of(lws), size_of(lws)
    if replicas < 1 or size < 1:
        return []
    longest = f"{name}-{replicas - 1}" + (f"-{size - 1}" if size > 1 else "")
    if len(name) > _HOSTNAME_LENGTH_MAX or len(longest) <= _HOSTNAME_LENGTH_MAX:
        return []  # a name that is too long by itself breaks V1
    message = (
        f"is too long for {replicas} groups of {size}: pod {longest} would have {len(longest)} characters, "
        f"its hostname may have {_HOSTNAME_LENGTH_MAX}"
    )
    return [invalid("D35", "metadata.name", name, message)]


def name_length_advice(lws: Object) -> list[str]:
    """Warned of: the name of a StatefulSet of the set leaves no room for the hash in its pods' labels."""
    name, replicas = text(lws, "metadata", "name"), replicas_of(lws)
    surge = section(lws, "spec", "rolloutStrategy", "rollingUpdateConfiguration").get("maxSurge") or 0
    extra = budget_in_groups(surge, replicas=replicas, round_up=True) or 0
    groups = replicas + max(0, min(extra, replicas))
    longest = f"{name}-{groups - 1}" if size_of(lws) > 1 and groups > 0 else name
    if len(longest) <= _STATEFULSET_NAME_LENGTH_MAX:
        return []
    return [
        f"metadata.name: StatefulSet {longest} has {len(longest)} characters; "
        f"beyond {_STATEFULSET_NAME_LENGTH_MAX} its pods may be refused"
    ]
