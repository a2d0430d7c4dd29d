"""The end of a failed container's log, kept before its group is deleted: afterwards it is gone with the pod.

Opt-in (``run --capture-logs``), since it needs the right to read logs. The deletion waits for it, a second at most;
what does not come in that time is not kept, and the fact ``LogCaptured`` says why. Nothing of it has any bearing on
what is decided or done.
"""

import asyncio
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from adapters.journal.errors import JournalError
from adapters.journal.logs import LogStore
from adapters.journal.port import Message
from adapters.kubernetes import resources, wire
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.errors import ApiError, KubernetesError
from adapters.kubernetes.pace import Clock
from adapters.kubernetes.redaction import Redaction
from adapters.kubernetes.unreadable import UNREADABLE
from lws_events import events, subjects
from lws_events.commands import DeleteLeaderPod
from lws_events.decisions import Decision, GroupRecreationStarted, Issued, LeaderReplacementStarted
from lws_events.subjects import SetName

AT_ONCE: Final = 16
"""Logs that are read side by side: when a rack fails, deletions must not wait behind logs."""

_READ_BYTES_MAX: Final = 2 * 1024**2
_REMEMBERED_MAX: Final = 4096
_PROBLEM_MAX: Final = 512
_GONE: Final = "the pod is gone, and its log with it"
_FORBIDDEN: Final = (
    "the controller may not read logs: it needs the verb get for pods/log (deploy/components/capture-logs)"
)
_POD: Final = msgspec.json.Decoder(wire.Pod)


class LogCaptureSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of what is kept, and of the time that it may take."""

    seconds_max: float = 1.0
    bytes_max: int = 16 * 1024
    lines_max: int = 200
    redact: tuple[str, ...] = ()
    """Regular expressions beyond ``redaction.DEFAULT_PATTERNS``."""


class _Failed(NamedTuple):
    """The pod whose failure led to a deletion."""

    pod: str
    uid: str


class _Which(NamedTuple):
    container: str
    previous: bool


class _Text(NamedTuple):
    text: bytes
    lines: int
    truncated: bool


class LogCapture:
    """Keeps logs. It is told of decisions (``decided``), and asked before a command is sent (``before``)."""

    def __init__(
        self, client: ApiClient, store: LogStore, *, cluster: str, clock: Clock, settings: LogCaptureSettings
    ) -> None:
        """Raises ``re.error`` for a pattern that is none."""
        self._client = client
        self._store = store
        self._cluster = cluster
        self._clock = clock
        self._settings = settings
        self._redaction = Redaction(settings.redact)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._failed: dict[str, _Failed] = {}

    def decided(self, decision: Decision) -> None:
        """Remember which pod failed for each deletion that was decided."""
        pods = {}
        for fact in decision.facts:
            if isinstance(fact, GroupRecreationStarted):
                pods[fact.leader_uid] = _Failed(fact.failed_pod, fact.failed_uid)
            elif isinstance(fact, LeaderReplacementStarted):
                pods[fact.leader_uid] = _Failed(fact.group, fact.leader_uid)
        for issued in decision.commands:
            if isinstance(issued.command, DeleteLeaderPod) and issued.command.uid in pods:
                self._failed[issued.id] = pods[issued.command.uid]
                if len(self._failed) > _REMEMBERED_MAX:
                    del self._failed[next(iter(self._failed))]

    async def before(self, set_name: SetName, issued: Issued) -> list[Message]:
        """What is to be recorded before the command is sent. Takes no longer than the settings say; never raises."""
        failed = self._failed.pop(issued.id, None)
        if failed is None:
            return []
        which = _Which("", previous=False)
        try:
            async with asyncio.timeout(self._settings.seconds_max), self._slots:
                which = await self._which(set_name, failed)
                text = await self._read(set_name, failed, which)
                reference = "/".join((*set_name, failed.pod, which.container, issued.id))
                await self._store.put(reference, text.text)
        except TimeoutError:
            problem = f"it did not come within {self._settings.seconds_max:g} s, and the deletion did not wait longer"
        except _NoLogError as error:
            problem = str(error)
        except KubernetesError as error:
            problem = _problem(error)
        except JournalError as error:
            problem = f"it could not be stored: {error}"
        else:
            return [self._recorded(set_name, failed, issued, which, text=text, reference=reference)]
        return [self._recorded(set_name, failed, issued, which, problem=problem)]

    async def _which(self, set_name: SetName, failed: _Failed) -> _Which:
        """The container whose log is of interest: that of the newest end, else the first."""
        found = await self._pod(set_name, failed)
        ended = _newest_end(found.status)
        if ended is not None:
            return ended
        containers = found.spec.containers or []
        return _Which(containers[0].name if containers else "", previous=False)

    async def _pod(self, set_name: SetName, failed: _Failed) -> wire.Pod:
        try:
            found = _POD.decode(await self._client.get(resources.PODS, set_name.namespace, failed.pod))
        except ApiError as error:
            if error.code == 404:
                raise _NoLogError(_GONE) from error
            raise
        except UNREADABLE as error:
            raise _NoLogError(f"the pod cannot be understood: {error}") from error
        if found.metadata.uid != failed.uid:
            raise _NoLogError(f"{_GONE}: another pod has its name")
        return found

    async def _read(self, set_name: SetName, failed: _Failed, which: _Which) -> _Text:
        try:
            body = await self._log(set_name, failed, which)
        except ApiError as error:
            if not (which.previous and error.code == 400):
                raise
            body = await self._log(set_name, failed, which._replace(previous=False))
        await self._pod(set_name, failed)  # a log is asked for by name: it must not have been the successor's
        return _cut(self._redaction.apply(body.decode(errors="replace")), self._settings)

    async def _log(self, set_name: SetName, failed: _Failed, which: _Which) -> bytes:
        query = {"tailLines": str(self._settings.lines_max + 1), "limitBytes": str(_READ_BYTES_MAX)}
        query |= {"container": which.container} if which.container else {}
        query |= {"previous": "true"} if which.previous else {}
        path = f"{resources.PODS.path(set_name.namespace, failed.pod)}/log"
        return await self._client.request("GET", path, query=query)

    def _recorded(
        self,
        set_name: SetName,
        failed: _Failed,
        issued: Issued,
        which: _Which,
        *,
        text: _Text | None = None,
        reference: str = "",
        problem: str = "",
    ) -> Message:
        fact = events.LogCaptured(
            pod_uid=failed.uid,
            command_id=issued.id,
            container=which.container,
            reference=reference,
            bytes=0 if text is None else len(text.text),
            lines=0 if text is None else text.lines,
            truncated=text is not None and text.truncated,
            previous=which.previous,
            problem=problem[:_PROBLEM_MAX],
        )
        subject = subjects.event_subject(self._cluster, set_name, subjects.LOG, failed.pod)
        body = events.encode(events.Envelope(at_ms=self._clock.now_ms(), fact=fact))
        return Message(subject, body, f"{issued.id}.log")


class _NoLogError(Exception):
    """There is no log to keep; the text says why."""


def _problem(error: KubernetesError) -> str:
    if isinstance(error, ApiError):
        return _FORBIDDEN if error.code == 403 else f"{error.code} {error.reason}: {error.message}"
    return str(error)


def _newest_end(status: wire.PodStatus) -> _Which | None:
    """The container that ended last, and whether another run of it has begun since."""
    ends = [
        (state.terminated.finished_at or "", _Which(container.name, previous=previous))
        for initial, containers in ((True, status.init_container_statuses), (False, status.container_statuses))
        for container in containers or ()
        for previous, state in ((True, container.last_state), (False, container.state))
        if state is not None and state.terminated is not None
        if not (initial and state.terminated.exit_code == 0)
    ]
    return max(reversed(ends), key=lambda end: end[0])[1] if ends else None


def _cut(text: str, settings: LogCaptureSettings) -> _Text:
    """The last lines, whole ones where that is possible, within both bounds."""
    lines = text.splitlines()
    kept = lines[-settings.lines_max :]
    size, first = 0, len(kept)
    for line in reversed(kept):
        size += len(line.encode()) + 1
        if size > settings.bytes_max:
            break
        first -= 1
    if kept and first == len(kept):  # not even the last line fits
        return _Text(kept[-1].encode()[-settings.bytes_max :].decode(errors="ignore").encode(), 1, truncated=True)
    whole = kept[first:]
    return _Text(_joined(whole), len(whole), truncated=len(whole) < len(lines))


def _joined(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
