"""Who asked for something: what passed admission, as facts of the journal (``events``).

They are for people, and the machine decides nothing by them. They are recorded beside admission, which waits for
nothing: one may stand behind the change that came of it, or have led to none.
"""

import msgspec


class SpecChangeRequested(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="SpecChangeRequested"):
    """A user's change of a set passed admission. Kept for the audit; the machine decides nothing by it."""

    user: str
    groups: tuple[str, ...] = ()
    operation: str = "UPDATE"
    uid: str = ""
    generation: int = 0
    """0 where admission does not show it: through the subresource ``scale``."""
    subresource: str = ""
    """``scale`` for a change of ``spec.replicas`` alone, as ``kubectl scale`` and autoscalers ask for it."""
    replicas: int | None = None
    """What was asked for through ``scale``."""
    asked_ms: int = 0
    """When admission was asked, by the webhook server's clock: it may reach the journal later. 0: not recorded."""
    request: str = ""
    """The uid of the admission review."""


class DeletionRequested(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="DeletionRequested"):
    """Somebody asked for the deletion of a set, or of a pod of a set, and our webhook was told of it.

    Kept for people; the machine decides nothing by it. Whether it was carried out, observations say.
    """

    kind: str
    """Token of the object's subject: ``set`` or ``pod``."""
    name: str
    user: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    """Of the object; empty where admission does not show it and the journal does not know it."""
    eviction: bool = False
    """Asked for through the pod's subresource ``eviction``, as a drain does."""
    propagation: str = ""
    """``propagationPolicy`` of the request; empty where it gave none."""
    grace_seconds: int | None = None
    """``gracePeriodSeconds`` of the request."""
    asked_ms: int = 0
    """When admission was asked, by the webhook server's clock: it may reach the journal later."""
    request: str = ""
    """The uid of the admission review."""
