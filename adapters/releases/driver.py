"""Run by the interpreter of another release: takes events, answers with what that release's machine decides.

It is sent as text (``python -c``), so it imports nothing of this release, and of the other one only what every release
has: ``events.decode``, ``decisions.decode``, ``decisions.encode`` and ``Fleet.propose``.

The first line written is JSON: version, machine, path, or an error. Then one line for each line read, in order:

    read:   <sequence> TAB <subject> TAB <envelope> TAB <recorded decision, or nothing>
    write:  <decision, or nothing>    (a line that begins with "!" is an error, and the last one)

Answers are written when an empty line is read: whoever writes many lines at once need not read meanwhile.
"""

import json
import sys


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
        sequence, subject, envelope, recorded = line[:-1].split(b"\t")
        try:
            known = decisions.decode(recorded) if recorded else None
            decided = fleet.propose(int(sequence), subject.decode(), events.decode(envelope), known)
        except Exception as error:
            text = f"!event {int(sequence)} cannot be taken in: {type(error).__name__}: {error}"
            write.write(b"".join(answers) + text.encode().replace(b"\n", b" ") + b"\n")
            break
        answers.append((decisions.encode(decided) if decided is not None else b"") + b"\n")
    write.flush()


if __name__ == "__main__":
    main()
