"""``lws-events deploy``: apply sets, and with ``--follow`` show their rollouts until they have ended."""

import asyncio
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adapters.cli.options import ContextNamespaceOption, Output, OutputOption, reads_journal
from adapters.cli.rollout import StallOption, TimeoutOption
from adapters.errors import OK, PlainError, WrongUsage
from adapters.reading.source import JournalSource

if TYPE_CHECKING:
    from adapters.cli.watching_rollouts import Limits
    from adapters.deploying.cluster import Applied, PutBack
    from adapters.deploying.manifests import Manifest
    from adapters.kubernetes.errors import ApiError
    from projections.rollout_progress import RolloutProgress

_UNAUTHORIZED = 401
_NOT_FOUND = 404
_SERVER_FAILS = 500
_OF_MANAGERS = "FieldManagerConflict"


class DryRun(StrEnum):
    """Whether anything is written."""

    NONE = "none"
    SERVER = "server"


class OnStall(StrEnum):
    """What to do about a rollout that has stalled."""

    STOP = "stop"
    ROLLBACK = "rollback"


FilenameOption = Annotated[
    Path,
    typer.Option(
        "--filename",
        "-f",
        metavar="MANIFEST",
        help="LeaderWorkerSets in YAML or JSON, one or several documents; - for standard input.",
        show_default=False,
    ),
]
FollowOption = Annotated[bool, typer.Option("--follow", help="Show the rollouts, one after the other, to their end.")]
ForceOption = Annotated[
    bool, typer.Option("--force-conflicts", help="Take over fields that other managers have set otherwise.")
]
DryRunOption = Annotated[
    DryRun,
    typer.Option("--dry-run", help="server: defaults and admission are asked, what changes is shown, nothing is kept."),
]
OnStallOption = Annotated[
    OnStall,
    typer.Option("--on-stall", help="With --follow: rollback puts back the template with which all groups were ready."),
]
KubeconfigOption = Annotated[
    Path | None,
    typer.Option("--kubeconfig", dir_okay=False, help="Where the API server is.", show_default="as kubectl finds it"),
]


@reads_journal
def command(
    *,
    source: JournalSource,
    filename: FilenameOption,
    follow: FollowOption = False,
    namespace: ContextNamespaceOption = None,
    on_stall: OnStallOption = OnStall.STOP,
    stall_after: StallOption = "10m",
    timeout: TimeoutOption = None,
    force_conflicts: ForceOption = False,
    dry_run: DryRunOption = DryRun.NONE,
    kubeconfig: KubeconfigOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Apply LeaderWorkerSets, and show their rollouts group by group, live, until they have ended.

    It is a server-side apply with the field manager [bold]lws-events-deploy[/bold]. What is followed is read from the
    journal, so it can be left and taken up again with [bold]rollout follow[/bold].

    Exit codes: 0 done; 1 refused or failed; 5 stalled, with the groups that hold it, also if a rollback then succeeded;
    6 timed out.

    Examples:

      lws-events deploy -f sample.yaml
      lws-events deploy -f sample.yaml --dry-run server
      lws-events deploy -f sample.yaml --follow --timeout 1h
      lws-events deploy -f sample.yaml --follow --stall-after 5m --on-stall rollback
    """
    from adapters.cli.following import require_growing
    from adapters.cli.watching_rollouts import Limits
    from adapters.deploying.manifests import ManifestError, read_manifests
    from adapters.kubernetes.context_namespace import namespace_of_context

    if dry_run is DryRun.SERVER and follow:
        raise WrongUsage("a dry run rolls nothing out", hint="leave out --follow or --dry-run")
    if on_stall is OnStall.ROLLBACK and not follow:
        raise WrongUsage("--on-stall needs --follow: nobody else sees a stall")
    limits = Limits.of(stall_after, timeout)
    try:
        text = sys.stdin.read() if str(filename) == "-" else filename.read_text()
        manifests = read_manifests(
            text, namespace=namespace, fallback=namespace_of_context(kubeconfig), path=str(filename)
        )
    except (ManifestError, UnicodeDecodeError) as error:
        raise PlainError(str(error)) from error
    if follow:
        require_growing(source)
        _require_journal(source)
    applied = [
        _apply(one, kubeconfig=kubeconfig, force=force_conflicts, dry_run=dry_run is DryRun.SERVER, output=output)
        for one in manifests
    ]
    if not follow:
        return
    codes = [
        _follow(source, one, limits, rollback=on_stall is OnStall.ROLLBACK, kubeconfig=kubeconfig, output=output)
        for one in applied
    ]
    raise typer.Exit(next((code for code in codes if code != OK), OK))


def _require_journal(source: JournalSource) -> None:
    """A journal that cannot be read is told of before anything is applied."""
    from adapters.reading.reader import open_for_reading

    with open_for_reading(source):
        pass


def _apply(manifest: "Manifest", *, kubeconfig: Path | None, force: bool, dry_run: bool, output: Output) -> "Applied":
    from adapters.cli.printing import print_json, remark
    from adapters.deploying.cluster import apply
    from adapters.kubernetes.errors import ApiError

    def warn(text: str) -> None:
        remark(f"warning: {text}")

    name = manifest.set_name
    try:
        done = asyncio.run(apply(manifest, kubeconfig=kubeconfig, force=force, dry_run=dry_run, on_warning=warn))
    except ApiError as error:
        if error.code == _UNAUTHORIZED or error.code >= _SERVER_FAILS:
            raise
        raise PlainError(
            f"LeaderWorkerSet {name} was refused ({error.reason}): {error.message}", hint=_hint(error)
        ) from error
    if output is Output.JSON:
        print_json(
            {
                "kind": "applied",
                "set": str(name),
                "outcome": done.outcome,
                "generation": done.generation,
                "dry_run": dry_run,
                "changes": done.changes,
            }
        )
    else:
        typer.echo(f"LeaderWorkerSet {name} {done.outcome}{' (dry run)' if dry_run else ''}")
        for change in done.changes if dry_run else ():
            typer.echo(f"  {'changed' if done.generation_before else 'filled in'}  {change}")
    sys.stdout.flush()
    return done


def _hint(error: "ApiError") -> str:
    """What to do about a refusal."""
    if any(cause.reason == _OF_MANAGERS for cause in error.causes):
        return "other managers own these fields: --force-conflicts takes them over; leave them out of the file if not"
    if error.code == _NOT_FOUND:
        return "does the namespace exist, and is the CRD installed (lws-events crd)?"
    return "nothing of it was applied"


def _follow(
    source: JournalSource,
    applied: "Applied",
    limits: "Limits",
    *,
    rollback: bool,
    kubeconfig: Path | None,
    output: Output,
) -> int:
    """Show one rollout to its end; the exit code."""
    from adapters.cli.watching_rollouts import EXITS, Goal, RolloutWatch
    from adapters.deploying.cluster import end_replacing
    from projections.rollout_progress import DONE, STALLED

    watch = RolloutWatch(source, applied.set_name, limits=limits, as_json=output is Output.JSON)
    is_news = applied.generation != applied.generation_before
    end, is_past = watch.until_ended(Goal(applied.uid, applied.generation), is_news=is_news)
    if is_past and end.how == DONE:
        watch.print_none(end)
        return OK
    watch.print_end(end)
    if not rollback or end.how != STALLED:
        return EXITS[end.how]
    put_back = _roll_back(applied, watch.progress, kubeconfig=kubeconfig, output=output)
    if put_back is None:
        return EXITS[STALLED]
    watch = RolloutWatch(source, applied.set_name, limits=limits, as_json=output is Output.JSON)
    back, _ = watch.until_ended(Goal(applied.uid, put_back.generation), is_news=True)
    watch.print_end(back)
    if put_back.is_annotated and back.how == DONE:
        asyncio.run(end_replacing(applied.set_name, uid=applied.uid, kubeconfig=kubeconfig))
    return EXITS[STALLED] if back.how == DONE else EXITS[back.how]


def _roll_back(
    applied: "Applied", progress: "RolloutProgress", *, kubeconfig: Path | None, output: Output
) -> "PutBack | None":
    """Put the last good template back and say exactly what was done; None where nothing was."""
    import msgspec

    from adapters.cli.printing import print_json
    from adapters.deploying.cluster import put_back, restored_parts
    from adapters.kubernetes.errors import ApiError
    from lws_events.names import REPLACE_BROKEN_GROUPS_FIRST

    name, good = applied.set_name, progress.good
    done, parts = None, {}
    if good is None or good.uid != applied.uid:
        what = "not rolled back: the journal knows no generation with which all groups were updated and ready"
    elif not (parts := restored_parts(progress.spec, msgspec.json.decode(good.spec))):
        what = (
            f"not rolled back: the template is that of generation {good.generation}, with which all groups were ready"
        )
    else:
        try:
            done = asyncio.run(
                put_back(name, parts, uid=applied.uid, generation=progress.generation, kubeconfig=kubeconfig)
            )
        except ApiError as error:
            raise PlainError(
                f"LeaderWorkerSet {name} was not rolled back ({error.reason}): {error.message}",
                hint=f"only generation {progress.generation} is: somebody may have changed the set since",
            ) from error
        annotated = f"; annotated with {REPLACE_BROKEN_GROUPS_FIRST} until it is done" if done.is_annotated else ""
        what = (
            f"rolled back: {' and '.join(f'spec.{part}' for part in parts)} of generation {good.generation} put back, "
            f"as generation {done.generation}{annotated}; all else stays as it was applied"
        )
    if output is Output.JSON:
        kept = {
            "kind": "rollback",
            "set": str(name),
            "generation": done and done.generation,
            "parts": sorted(parts),
            "what": what,
        }
        print_json(kept)
    else:
        typer.echo(f"{name}: {what}")
    sys.stdout.flush()
    return done
