"""The command ``python -m tests.bench`` (``make bench``): options, the order of the runs, and the end of everything.

Runs follow each other, never side by side: they would measure each other. Whatever a run has started ends with it, also
on Ctrl-C and SIGTERM; what is finished by then is still printed and written.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from rich.console import Console

from adapters.observability.logs import configure_tool_logs
from tests.bench import (
    cluster_run,
    cost_per_event,
    floor,
    journal_run,
    life_run,
    long_run,
    machine,
    questions,
    recorded,
    take_over,
)
from tests.bench.controllers import OUR_COMMAND, OUR_USER_AGENT, OURS, Controller, ControllerEnded
from tests.bench.figures import (
    ClusterRun,
    CostPerEvent,
    JournalFigures,
    JournalLife,
    LongJournal,
    QuestionFigures,
    Report,
    TakeOver,
)
from tests.bench.printing import print_report
from tests.controlplane.build import BuildError, binaries

_DESCRIPTION: Final = """\
Measure the controller on a real control plane (etcd, kube-apiserver, kube-controller-manager, kube-scheduler), its
state machine and its journal. For each set: a fresh control plane; a LeaderWorkerSet is created, then its template is
changed (a rolling update), then one worker of each group is force-deleted at once, each time until all is Available
again and the controller silent; then the same StatefulSets are posted to another fresh control plane, without
controller and webhooks: the floor. The machine alone, the journal of the last run, and questions to a journal of a
million events are measured at the end.
Absolute figures depend on the machine: compare within one report.
"""
_EPILOG: Final = """\
another controller, side by side:
  --against takes its command line, with these placeholders:
    {kubeconfig}    file with administrator's rights
    {webhook_port}  where it must serve its webhooks over HTTPS, on 127.0.0.1, at the usual paths
    {cert_dir}      folder with tls.crt and tls.key to serve them with; the webhooks are registered for it
    {health_port}   a free port; if it is used, the run begins when GET /readyz there answers 200
    {data_dir}      an empty folder
  Its requests are told apart by --against-user-agent, the beginning of the User-Agent that it sends.

examples:
  make bench
  make bench BENCH_ARGS='--sets 100x8 --json /tmp/bench.json'
  make bench BENCH_ARGS=--journal-only
  python -m tests.bench --journal-only -o json | jq .long_journal
  python -m tests.bench --sets 100x8 --against 'manager --kubeconfig {kubeconfig} --config lws.yaml'
"""
_INTERRUPTED: Final = 130
GROUPS_MIN: Final = 4
"""The rolling update takes a quarter of the groups at a time."""


class _Set(NamedTuple):
    """What a run creates."""

    groups: int
    size: int

    def __str__(self) -> str:
        return f"{self.groups} groups of {self.size}"


class _Results:
    """What is finished, so that an interruption loses only what was under way."""

    def __init__(self) -> None:
        self.runs: list[ClusterRun] = []
        self.costs: list[CostPerEvent] = []
        self.journal: JournalFigures | None = None
        self.take_over: TakeOver | None = None
        self.questions: QuestionFigures | None = None
        self.long_journal: LongJournal | None = None
        self.life: JournalLife | None = None


def main() -> int:
    """Measure, print, write. 0: all measured; 1: something failed; 130: interrupted."""
    options = _parser().parse_args()
    configure_tool_logs()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    described, results, code = machine.describe(), _Results(), 0
    try:
        _measure(options, results)
    except (BuildError, ControllerEnded, TimeoutError) as error:
        print(f"error: {error}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = _INTERRUPTED
    report = Report(
        machine=described,
        runs=results.runs,
        journal=results.journal,
        cost_per_event=results.costs,
        take_over=results.take_over,
        questions=results.questions,
        long_journal=results.long_journal,
        life=results.life,
    )
    if report.runs or report.cost_per_event:
        as_json = msgspec.json.format(msgspec.json.encode(report)) + b"\n"
        options.json.write_bytes(as_json)
        if options.output == "json":
            sys.stdout.buffer.write(as_json)
        else:
            print_report(report, Console(width=None if sys.stdout.isatty() else 160, highlight=False))
            print(f"written to {options.json}")
    return code


def _measure(options: argparse.Namespace, results: _Results) -> None:
    with tempfile.TemporaryDirectory(prefix="lws-bench-") as directory:
        journal_file = Path(directory) / "journal.jsonl"
        last = options.sets[-1]
        if options.journal_only:
            _progress(f"playing the life of {last}")
            recorded.play(journal_file, groups=last.groups, size=last.size)
            source = f"played: {last}"
        else:
            binaries()
            for each in options.sets:  # the last journal is kept
                asyncio.run(_cluster(options, results, each, journal_file=journal_file))
            source = f"recorded in the run of {last}"
            _progress("measuring a take-over")
            results.take_over = asyncio.run(take_over.measure())
        _progress("measuring the machine")
        results.costs = cost_per_event.measure()
        _progress("measuring the journal")
        results.journal = journal_run.measure(journal_file, source=source)
        with long_run.journals() as written:
            _progress("reading a journal of a million events")
            results.long_journal = long_run.measure(written)
            _progress("asking a journal of a million events, about one set of many and about all")
            results.questions = questions.measure(written)
        _progress("starting from snapshots, on a journal of a million events")
        results.life = life_run.measure()


async def _cluster(options: argparse.Namespace, results: _Results, wanted: _Set, *, journal_file: Path) -> None:
    """Every controller with this set, and the floor that all are compared with."""
    controllers = [Controller(OURS, OUR_COMMAND, OUR_USER_AGENT)]
    if options.against:
        controllers.append(Controller(options.against_name, options.against, options.against_user_agent))
    measured = []
    for controller in controllers:
        _progress(f"{controller.name}: {wanted}")
        kept = journal_file if controller.name == OURS else None
        found = await cluster_run.measure(controller, groups=wanted.groups, size=wanted.size, journal_file=kept)
        measured.append(found)
        results.runs.append(found.run)
    _progress(f"floor: {wanted}")
    seconds_max = cluster_run.seconds_max(wanted.groups)
    seconds = await floor.measure(measured[0].statefulsets, timeout_seconds=seconds_max)
    results.runs[-len(measured) :] = [each.with_floor(seconds) for each in measured]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--sets",
        type=_sets,
        default=_sets("10x8,1000x2,300x8,100x8"),
        metavar="GROUPSxSIZE,…",
        help="the sets, one after the other (default: 10x8,1000x2,300x8,100x8)",
    )
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="where to write (default: bench.json)")
    parser.add_argument(
        "-o", "--output", choices=("table", "json"), default="table", help="what to print (default: table)"
    )
    parser.add_argument(
        "--journal-only", action="store_true", help="no control plane: only the journal, played instead of recorded"
    )
    parser.add_argument("--against", metavar="COMMAND", default="", help="run another controller as well; see below")
    parser.add_argument(
        "--against-user-agent", metavar="PREFIX", default="lws/", help="by what it is known (default: lws/)"
    )
    parser.add_argument("--against-name", metavar="NAME", default="against", help="its name in the table")
    return parser


def _sets(text: str) -> list[_Set]:
    return [_one_set(part) for part in text.split(",")]


def _one_set(text: str) -> _Set:
    groups, by, size = text.partition("x")
    if not (by and groups.isdecimal() and size.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no set such as 100x8 (100 groups of 8 pods)")
    if int(groups) < GROUPS_MIN:
        raise argparse.ArgumentTypeError(f"a quarter of {groups} groups is none: take {GROUPS_MIN} or more")
    if int(size) < 2:
        raise argparse.ArgumentTypeError("a group of one has no worker to fail")
    return _Set(int(groups), int(size))


def _progress(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
