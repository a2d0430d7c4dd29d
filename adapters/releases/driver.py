"""Run by the interpreter of another release: takes events, answers with what that release's machine decides.

It is sent as text (``python -c``), so it imports nothing of this release, and of the other one only what every release
has: ``events.decode``, ``decisions.decode``, ``decisions.encode`` and ``Fleet.propose``.

The first line written is JSON: version, machine, path, or an error. Then one line for each line read, in order:

    read:   <sequence> TAB <subject> TAB <envelope> TAB <recorded decision, or nothing>
    write:  <decision, or nothing>    (a line that begins with "!" is an error, and the last one)
            ?<kind>,<kind>… TAB <decision, or nothing>

"?" tells of kinds that a later release has recorded and this one does not know. Such an event is passed over, as it
would never have been recorded; of a decision the rest is applied.

Answers are written when an empty line is read: whoever writes many lines at once need not read meanwhile.
"""

import json
import sys
from typing import Any


def without_unknown(decode: Any, body: bytes, unknown: list[str]) -> Any:
    """A decision with what of it can be read; kinds of the rest are appended. Raises what ``decode`` raises."""
    try:
        return decode(body)
    except Exception:
        whole = json.loads(body)
    for part in ("facts", "commands"):
        kept = []
        for one in whole.get(part, ()):
            try:
                decode(json.dumps({**whole, "facts": [], "commands": [], part: [one]}).encode())
                kept.append(one)
            except Exception:
                unknown.append(one["type"] if part == "facts" else one["command"]["command"])
        whole[part] = kept
    return decode(json.dumps(whole).encode())


def answer(fleet: Any, events: Any, decisions: Any, line: bytes) -> bytes:
    """One line for one line."""
    sequence, subject, envelope, recorded = line[:-1].split(b"\t")
    unknown: list[str] = []
    decided = None
    try:
        event = events.decode(envelope)
    except Exception:
        event = None
        unknown.append(json.loads(envelope)["fact"]["type"])
    if event is not None:
        known = without_unknown(decisions.decode, recorded, unknown) if recorded else None
        decided = fleet.propose(int(sequence), subject.decode(), event, known)
    said = decisions.encode(decided) if decided is not None else b""
    return (b"?" + ",".join(unknown).encode() + b"\t" if unknown else b"") + said + b"\n"


def main() -> None:
    """Until the end of the input."""
    sys.path[:] = [entry for entry in sys.path if entry]  # the current folder is no release
    read, write = sys.stdin.buffer, sys.stdout.buffer
    try:
        import lws_events
        from lws_events import decisions, events
        from lws_events.fleet import Fleet

        fleet, folder = Fleet(), lws_events.__file__
        hello = {"version": lws_events.__version__, "machine": decisions.MACHINE_VERSION, "path": folder}
    except Exception as error:
        hello = {"error": f"{type(error).__name__}: {error}"}
    write.write(json.dumps(hello).encode() + b"\n")
    write.flush()
    if "error" in hello:
        return
    answers: list[bytes] = []
    for line in read:
        if line == b"\n":
            write.write(b"".join(answers))
            write.flush()
            answers = []
            continue
        try:
            answers.append(answer(fleet, events, decisions, line))
        except Exception as error:
            text = f"!event {int(line.split(maxsplit=1)[0])} cannot be taken in: {type(error).__name__}: {error}"
            write.write(b"".join(answers) + text.encode().replace(b"\n", b" ") + b"\n")
            break
    write.flush()


if __name__ == "__main__":
    main()
