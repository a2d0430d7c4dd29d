"""Subject filters as NATS defines them, for streams that are not NATS.

``*`` is one token, a final ``>`` is one or more.
"""

from collections.abc import Callable


def matcher(subject_filter: str) -> Callable[[str], bool]:
    """A predicate for subjects, made once per filter. ``>`` needs at least one token."""
    wanted = subject_filter.split(".")
    open_end = wanted[-1] == ">"
    if open_end:
        wanted.pop()
    positions = [(index, token) for index, token in enumerate(wanted) if token != "*"]

    def matches(subject: str) -> bool:
        tokens = subject.split(".")
        if len(tokens) <= len(wanted) if open_end else len(tokens) != len(wanted):
            return False
        return all(tokens[index] == token for index, token in positions)

    return matches
