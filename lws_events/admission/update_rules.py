"""Rules V17 to V20 and D10: what an update may not change (spec 1.4)."""

from collections.abc import Iterator, Sequence

from lws_events.admission.claims import claim_violations
from lws_events.admission.defaulting import DEFAULT_SUBDOMAIN_POLICY
from lws_events.admission.lookup import Object, section, text
from lws_events.admission.subgroup_rules import SUBGROUP_SIZE, subgroup_policy, subgroup_size
from lws_events.admission.violations import Violation, invalid


def update_violations(
    new: Object, old: Object, *, leader_claim_templates: Sequence[Object] | None
) -> Iterator[Violation]:
    """What is wrong with the step from ``old`` to ``new``."""
    yield from _subgroup_size(new, old)
    network = section(new, "spec").get("networkConfig")
    if network is not None and network.get("subdomainPolicy") is None:
        before = text(old, "spec", "networkConfig", "subdomainPolicy") or DEFAULT_SUBDOMAIN_POLICY
        message = "cannot set subdomainPolicy as null"
        yield invalid("V20", "spec.networkConfig.subdomainPolicy", before, message)
    yield from claim_violations(new, old, leader_claim_templates=leader_claim_templates)


def _subgroup_size(new: Object, old: Object) -> Iterator[Violation]:
    # A policy without a size, which only an absent hook lets in, works nowhere: leaving that state is no change.
    before, after = subgroup_size(old), subgroup_size(new)
    had, has = subgroup_policy(old) is not None, subgroup_policy(new) is not None
    if before is not None and after is not None and before != after:
        yield invalid("V17", SUBGROUP_SIZE, after, "field is immutable")
    elif not had and after is not None:
        message = "cannot enable subGroupSize after the lws is already created"
        yield invalid("V18", SUBGROUP_SIZE, after, message)
    elif before is not None and not has:
        yield invalid("V19", SUBGROUP_SIZE, before, "cannot remove subGroupSize after enabled")
