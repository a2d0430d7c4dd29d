"""What ``why`` and ``why-not`` found, for programs (docs/why.md): the same wherever it is asked."""

from collections.abc import Iterable
from typing import Any

import msgspec

from projections.explain import timestamp
from projections.why.model import Chain
from projections.why.verdict import Verdict
from projections.why.waits import Waiting


def chain_json(chain: Chain, *, texts: Iterable[str | None] = ()) -> dict[str, Any]:
    """A chain for programs (docs/why.md). ``texts``: of its logs, in their order, where they were asked for."""
    found: dict[str, Any] = msgspec.to_builtins(chain)
    for log, text in zip(found["logs"], texts, strict=False):
        log["text"] = text
    began_ms = chain.links[0].at_ms - chain.links[0].elapsed_ms
    return found | {"began": timestamp(began_ms), "elapsed_ms": chain.elapsed_ms}


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict for programs."""
    found: dict[str, Any] = msgspec.to_builtins(verdict)
    return {"at": timestamp(verdict.at_ms)} | found


def waiting_json(waiting: Waiting) -> dict[str, Any]:
    """The same for programs."""
    found: dict[str, Any] = msgspec.to_builtins(waiting)
    return found | {"for_ms": waiting.for_ms}
