"""The groups of a set by the leaders that they had: which ends were restarts, and which groups came or went."""

from collections.abc import Iterable, Sequence

import msgspec

from adapters.what_if.course import Course, Entry, Pod, What
from lws_events.decisions import GroupRecreationStarted, LeaderReplacementStarted
from lws_events.names import pod_ordinal
from lws_events.subjects import SetName


class Restart(msgspec.Struct, frozen=True, kw_only=True):
    """A group that ends and comes again."""

    group: int
    at_seconds: float
    because: str
    ready_after_seconds: float | None
    """From its end until it is ready again; None where that does not come."""


class Lives:
    """Read once from a whole course."""

    def __init__(self, course: Course, entries: Sequence[Entry], set_name: SetName) -> None:
        self._entries = entries
        self._keys = course.keys
        before = [pod for pod in course.before.values() if pod.set_name == set_name]
        self.pods_before = {pod.name: pod.uid for pod in before if not pod.ended}
        self.pods_after = {pod.name for pod in course.pods.values() if pod.set_name == set_name and not pod.ended}
        leaders: dict[int, list[str]] = {}
        for pod in before:
            if pod.leads:
                leaders.setdefault(pod.group, []).append(pod.uid)
        began = set(leaders)
        for entry in entries:
            if entry.what is What.BORN and entry.leads:
                leaders.setdefault(entry.group, []).append(entry.uid)
        self._next = {uid: uids[at + 1] for uids in leaders.values() for at, uid in enumerate(uids[:-1])}
        self._first = {uids[0] for uids in leaders.values()}
        self._reasons = dict(self._told())
        self._ready = self._ready_times()
        self.restarts = tuple(self._restarts())
        stays = {
            group for group, uids in leaders.items() if uids[-1] in course.pods and not course.pods[uids[-1]].ended
        }
        due_again = stays | {group for group in leaders if group < course.wanted(set_name)}
        self.created = tuple(sorted(stays - began))
        self.removed = tuple(sorted(began - due_again))
        self.surge = tuple(sorted(leaders.keys() - due_again - began))
        self.replaced = self._replaced()
        sizes = {pod.group: pod.size for pod in course.pods.values() if pod.set_name == set_name and pod.leads}
        self.missing = {
            pod.name
            for pod in before
            if pod.group in due_again and pod.name not in self.pods_after and _is_of(pod, size=sizes.get(pod.group))
        }
        """Pods of wanted groups that do not come again, although their group is to have them."""

    def comes_again(self, uid: str) -> bool:
        """Whether another leader follows this one."""
        return uid in self._next

    def is_first(self, uid: str) -> bool:
        """Whether the group had no leader before this one."""
        return uid in self._first

    def because(self, uid: str) -> str:
        """Why a leader ended that another one follows."""
        if uid in self._reasons:
            return self._reasons[uid]
        follows = self._next.get(uid, "")
        is_updated = follows and self._keys.get(uid) != self._keys.get(follows)
        return "updated" if is_updated else "its leader pod ended"

    def _told(self) -> Iterable[tuple[str, str]]:
        for entry in self._entries:
            if isinstance(entry.fact, GroupRecreationStarted):
                yield entry.fact.leader_uid, f"pod {entry.fact.failed_pod} {entry.fact.failure}"
            elif isinstance(entry.fact, LeaderReplacementStarted):
                yield entry.fact.leader_uid, entry.fact.because

    def _ready_times(self) -> dict[str, float]:
        """When the group of each leader that was born became ready first."""
        present: dict[int, str] = {}
        found: dict[str, float] = {}
        for entry in self._entries:
            if entry.what is What.BORN and entry.leads:
                present[entry.group] = entry.uid
            elif entry.what is What.READY and entry.group in present:
                found.setdefault(present[entry.group], entry.at_seconds)
        return found

    def _restarts(self) -> Iterable[Restart]:
        for entry in self._entries:
            if entry.what is What.ENDED and entry.leads and entry.uid in self._next:
                again = self._ready.get(self._next[entry.uid])
                yield Restart(
                    group=entry.group,
                    at_seconds=round(entry.at_seconds, 2),
                    because=self.because(entry.uid),
                    ready_after_seconds=None if again is None else round(again - entry.at_seconds, 2),
                )

    def _replaced(self) -> tuple[str, ...]:
        """Pods of before that ended and have a successor, in the order of their ends."""
        born = {entry.pod for entry in self._entries if entry.what is What.BORN}
        ended = (
            entry.pod
            for entry in self._entries
            if entry.what is What.ENDED and self.pods_before.get(entry.pod) == entry.uid
        )
        return tuple(name for name in ended if name in born)


def _is_of(pod: Pod, *, size: int | None) -> bool:
    """Whether a group of this size has the pod; a group without a leader is to have all that it had."""
    return pod.leads or size is None or pod_ordinal(pod.name).ordinal < size
