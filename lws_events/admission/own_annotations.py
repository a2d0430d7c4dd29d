"""Annotations of our own, below ``lws-events.io/``: which there are, where they belong, and what they may hold.

A key that nobody knows is a spelling mistake, which would switch nothing on without a word: it is refused. What
annotations mean is written in docs/annotations.md. An update is held only against what it changes (spec D20).
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from lws_events import names
from lws_events.admission.lookup import Object, annotations, labels, text
from lws_events.admission.templates import TEMPLATES, pod_templates
from lws_events.admission.violations import Violation, invalid
from lws_events.durations import duration_ms
from lws_events.machine.crash_loop_rules import LIMIT_MAX, read_limit
from lws_events.machine.spec import RECREATE_AFTER_START, RECREATE_ON_RESTART


class _Kind(NamedTuple):
    """What a value must be."""

    accepts: Callable[[str], bool]
    words: str
    example: str


_DURATION: Final = _Kind(lambda value: bool(duration_ms(value)), "a positive duration of at most a year", "10s")
_COUNT: Final = _Kind(lambda value: read_limit(value) is not None, f"a whole number from 1 to {LIMIT_MAX}", "5")
_FLAG: Final = _Kind(lambda value: value in ("true", "false"), "true or false", "true")

ON_SETS: Final = {
    names.REPLACE_BROKEN_GROUPS_FIRST: _FLAG,
    names.RESTART_BACKOFF: _DURATION,
    names.RESTART_BACKOFF_MAX: _DURATION,
    names.RESTART_LIMIT: _COUNT,
    names.RESTART_STABLE_AFTER: _DURATION,
}
"""Keys of a LeaderWorkerSet's annotations → what their values must be."""

ON_PODS: Final = {names.IGNORE_FAILURE: _FLAG}
"""The same for the annotations of pod templates."""


def own_annotation_violations(lws: Object) -> Iterator[Violation]:
    """What is wrong with the annotations of our own, of the set and of its pod templates."""
    values = annotations(lws)
    yield from _annotations(values, "metadata.annotations", known=ON_SETS, elsewhere=ON_PODS, place="a pod template")
    yield from _order(values)
    for name, template in pod_templates(lws):
        path = f"{TEMPLATES}.{name}.metadata"
        place = "the LeaderWorkerSet"
        yield from _annotations(
            annotations(template), f"{path}.annotations", known=ON_PODS, elsewhere=ON_SETS, place=place
        )
        for key, value in sorted(labels(template).items()):
            if key.startswith(names.OWN_PREFIX):
                yield _wrong(f"{path}.labels", key, value, "labels below this prefix are the controller's: remove it")


def own_annotation_advice(lws: Object) -> Iterator[str]:
    """What is allowed and has no effect."""
    values = annotations(lws)
    policy = text(lws, "spec", "leaderWorkerTemplate", "restartPolicy")
    counting = (names.RESTART_BACKOFF, names.RESTART_LIMIT)
    for key in sorted(values):
        if key not in (*counting, names.RESTART_BACKOFF_MAX, names.RESTART_STABLE_AFTER):
            continue
        path = f"metadata.annotations[{key}]"
        if policy not in (RECREATE_ON_RESTART, RECREATE_AFTER_START):
            yield f"{path}: has no effect, because restartPolicy {policy} recreates no groups"
        elif key == names.RESTART_BACKOFF_MAX and names.RESTART_BACKOFF not in values:
            yield f"{path}: has no effect without {names.RESTART_BACKOFF}"
        elif key == names.RESTART_STABLE_AFTER and not any(other in values for other in counting):
            yield f"{path}: has no effect without {names.RESTART_BACKOFF} or {names.RESTART_LIMIT}"


def _annotations(
    values: dict[str, str], path: str, *, known: dict[str, _Kind], elsewhere: dict[str, _Kind], place: str
) -> Iterator[Violation]:
    for key, raw in sorted(values.items()):
        value = raw or ""
        if not key.startswith(names.OWN_PREFIX):
            continue
        if key in known:
            kind = known[key]
            if not kind.accepts(value):
                yield _wrong(path, key, value, f"must be {kind.words}, for example {key}: {kind.example!r}")
        elif key in elsewhere:
            yield _wrong(path, key, value, f"belongs to the annotations of {place}")
        else:
            there = ", ".join(f"{other}: {kind.example!r}" for other, kind in sorted(known.items()))
            yield _wrong(path, key, value, f"is not known; annotations are, for example, {there}")


def _order(values: dict[str, str]) -> Iterator[Violation]:
    first, longest = values.get(names.RESTART_BACKOFF) or "", values.get(names.RESTART_BACKOFF_MAX) or ""
    first_ms, longest_ms = duration_ms(first), duration_ms(longest)
    if first_ms and longest_ms and longest_ms < first_ms:
        message = f"must not be shorter than {names.RESTART_BACKOFF}, which is {first}, for example {first}"
        yield _wrong("metadata.annotations", names.RESTART_BACKOFF_MAX, longest, message)


def _wrong(path: str, key: str, value: str, message: str) -> Violation:
    # The value is part of the rule: another bad value is a new mistake.
    return invalid(f"own {value!r} {message}", f"{path}[{key}]", value, message)
