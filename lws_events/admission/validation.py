"""The validating hook of LeaderWorkerSets: all violations together, in the order of the reference (spec 1.4).

An update is judged more kindly than a creation (D20): an object on its way out may change freely, and a mistake that
the old object already had is not held against an update that did not make it. Rules that are stricter than the
reference's apply to creations only.
"""

from collections.abc import Sequence

import msgspec

from lws_events.admission.budgets import budget_violations, count_violations
from lws_events.admission.errors import UnreadableObjectError
from lws_events.admission.lookup import Object, section
from lws_events.admission.metadata import metadata_violations
from lws_events.admission.name_length import hostname_violations
from lws_events.admission.own_annotations import own_annotation_violations
from lws_events.admission.subgroup_rules import subgroup_violations
from lws_events.admission.templates import reserved_key_violations, template_violations
from lws_events.admission.typed_reading import read_set
from lws_events.admission.update_rules import update_violations
from lws_events.admission.violations import Violation
from lws_events.gang import GangScheduling, configured


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What admission may know beyond the request. Everything is optional: without it fewer warnings are given."""

    sibling_names: tuple[str, ...] = ()
    """Names of the other LeaderWorkerSets of the namespace (D34)."""
    leader_claim_templates: tuple[Object, ...] | None = None
    """Claim templates of the set's live leader StatefulSet (D10); None where unknown."""
    gang_provider: str | None = None
    """The gang scheduling provider, ``volcano`` or None (spec 3.1)."""
    gang_match_scheduler_name: bool = False
    """Only pods that name that scheduler in ``schedulerName`` take part in gang scheduling (spec D53)."""

    @property
    def gang(self) -> GangScheduling | None:
        """Gang scheduling as configured; None where it is off. The provider must be a known one."""
        return configured(self.gang_provider, match_scheduler_name=self.gang_match_scheduler_name)


NOTHING_KNOWN = Surroundings()


def creation_violations(lws: Object) -> list[Violation]:
    """What is wrong with a new set. Raises ``UnreadableObjectError`` where a field has the wrong type."""
    read = read_set(lws)
    return [*_object_violations(read), *hostname_violations(read), *reserved_key_violations(read)]


def change_violations(
    lws: Object, old: Object, *, leader_claim_templates: Sequence[Object] | None = None
) -> list[Violation]:
    """What is wrong with an update of ``old`` to ``lws``.

    Raises:
        UnreadableObjectError: a field of the new object has the wrong type. An old object that cannot be read (it was
            stored while no hook was there) excuses nothing and forbids nothing.
    """
    read = read_set(lws)
    if section(read, "metadata").get("deletionTimestamp") is not None:
        return []
    found = _object_violations(read)
    try:
        before = read_set(old)
    except UnreadableObjectError:
        return found
    known = {violation.identity for violation in _object_violations(before)}
    fresh = [violation for violation in found if violation.identity not in known]
    return [*fresh, *update_violations(read, before, leader_claim_templates=leader_claim_templates)]


def _object_violations(lws: Object) -> list[Violation]:
    return [
        *metadata_violations(lws),
        *count_violations(lws),
        *budget_violations(lws),
        *subgroup_violations(lws),
        *template_violations(lws),
        *own_annotation_violations(lws),
    ]
