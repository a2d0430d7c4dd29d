"""A controller with one rule switched off, in a process of its own: what a shadow beside it has to find.

``python -m tests.mutated_controller MUTATION run …`` is ``lws-events run …`` with that mutation. The names say what the
controller no longer does.
"""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from lws_events.machine import failures, restart, services, status
from lws_events.machine.rollout import refinements

_RULES: Final = importlib.import_module("lws_events.machine.decide")
"""The module; the package has a function of the same name."""


_DELETIONS: Final = ("deleted", "replaced under the same name")


def _replace(module: ModuleType, name: str, rule: Callable[..., Any]) -> None:
    """Put a rule in the place of one that is there."""
    assert hasattr(module, name), f"{module.__name__} has no {name} any more"
    setattr(module, name, rule)


def _sees_no_deletions() -> None:
    """As the reference where it is too slow (D1): a worker that is deleted leaves no trace."""
    note: Callable[..., Any] = vars(failures)["_note"]

    def blind(*arguments: Any, what: str, **named: Any) -> None:
        if what not in _DELETIONS:
            note(*arguments, what=what, **named)

    _replace(failures, "_note", blind)


def _restarts_nothing() -> None:
    """No failure ends a group."""
    _replace(restart, "judge", lambda *_, **__: restart.Verdict("leave", "switched off"))


def _writes_no_metadata() -> None:
    """As the reference (D31): changed labels do not reach worker StatefulSets."""
    _replace(_RULES, "decide_worker_metadata", lambda _: None)


def _as_the_reference() -> None:
    """What a reader of docs/shadow.md sees."""
    _sees_no_deletions()
    _writes_no_metadata()


def _makes_no_service() -> None:
    """The set's own Service is never created."""
    _replace(_RULES, "decide_shared_service", lambda _: None)


def _counts_wrongly() -> None:
    """The status says one ready group too many."""
    counts: Callable[..., Any] = vars(status)["_counts"]

    def wrong(*arguments: Any) -> Any:
        found = counts(*arguments)
        return found | {"readyReplicas": found.get("readyReplicas", 0) + 1}

    _replace(status, "_counts", wrong)


def _selects_too_much() -> None:
    """Services select the pods of all sets."""
    shared: Callable[..., Any] = vars(services)["shared_service"]

    def wrong(*arguments: Any, **named: Any) -> Any:
        manifest = shared(*arguments, **named)
        manifest["spec"]["selector"] = {"app": "everything"}
        return manifest

    _replace(services, "shared_service", wrong)


def _updates_all_at_once() -> None:
    """The partition goes to 0 without waiting for anybody."""
    plan: Callable[..., Any] = vars(refinements)["plan"]
    _replace(refinements, "plan", lambda now: plan(now)._replace(partition=0))


MUTATIONS: Final[dict[str, Callable[[], None]]] = {
    "sees-no-deletions": _sees_no_deletions,
    "restarts-nothing": _restarts_nothing,
    "writes-no-metadata": _writes_no_metadata,
    "as-the-reference": _as_the_reference,
    "makes-no-service": _makes_no_service,
    "counts-wrongly": _counts_wrongly,
    "selects-too-much": _selects_too_much,
    "updates-all-at-once": _updates_all_at_once,
}


def main() -> None:
    """Mutate, then be the program."""
    from adapters.cli.main import app

    MUTATIONS[sys.argv[1]]()
    app(sys.argv[2:], prog_name="lws-events")


if __name__ == "__main__":
    main()
