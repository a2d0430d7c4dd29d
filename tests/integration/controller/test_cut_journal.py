"""A controller whose journal is cut while it works: nothing is restarted for it, and nothing that happens is missed."""

import asyncio
from pathlib import Path

import msgspec

from adapters.journal.archive.checking import check_journal
from adapters.journal.archive.restoring import archived_cluster, restore_file
from adapters.journal.archive.store import open_store
from adapters.journal.file import open_file
from adapters.journal.file_format import read_file
from adapters.journal.seals.walking import Range
from adapters.reading.source import JournalSource
from projections.audit.report import report
from tests.integration.controller.clusters import Cluster
from tests.integration.controller.conftest import MakeProgram
from tests.integration.test_audit_of_a_purged_journal import rows_of

_ALONE = ("--no-webhooks", "--no-leader-elect")


def _victim(group: int) -> str:
    return f"leaderworkerset-sample-{group}-1"


async def test_a_journal_that_was_cut_is_enough_to_go_on(
    cluster: Cluster, program: MakeProgram, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    limits = (
        "--snapshot-events",
        "100",
        "--journal-keep-events",
        "20",
        "--journal-archive",
        str(archive),
        "--seal-events",
        "10",
    )
    controller = program(*_ALONE, *limits, kubeconfig=cluster.kubeconfig)
    controller.start()
    await controller.ready()
    cluster.apply()
    pods = await cluster.complete()
    for group in (0, 1, 2, 0, 1, 2):
        before = cluster.group(group).values()
        cluster.kill(_victim(group))
        pods = await cluster.complete(without=before)
    await controller.log_says("the journal begins later now")
    await controller.kill()

    controller.start()
    await controller.ready()
    await controller.log_says("begins from snapshots")
    assert await cluster.complete() == pods, "nothing is restarted because the past is gone"
    await controller.kill()

    before = cluster.group(1).values()
    cluster.kill(_victim(1))
    controller.start()
    after = await cluster.complete(without=before)
    assert {name for name in pods if after[name] != pods[name]} == {name for name in pods if "sample-1" in name}
    await controller.ready()
    assert await controller.stop() == 0, controller.log
    verified = await controller.verify()
    assert verified["differences"] == 0
    info = await controller.ask("journal", "info")
    assert info["events"]["first_sequence"] > 100
    await controller.ask("journal", "archive", "--to", str(archive))
    checked = await controller.ask("journal", "check", "--archive", str(archive))
    assert checked["sound"], checked
    seal = await controller.ask("journal", "seal")
    assert checked["seals"]["proven"]["events"] == [{"first": info["events"]["first_sequence"], "last": seal["events"]}]
    whole = tmp_path / "whole.jsonl.gz"
    async with open_store(str(archive)) as store:
        await restore_file(store, await archived_cluster(store, None, place=str(archive)), whole)
    assert next(read_file(whole, only="events")).record.sequence == 1
    noted = await check_journal(open_file(whole), noted=seal["hash"])
    assert noted.is_sound
    assert noted.seals.proven["events"] == [Range(1, seal["events"])]
    told = report(await asyncio.to_thread(rows_of, JournalSource(file=whole)))
    assert told[0].restarts >= 7
    assert await controller.ask("audit", "report") == msgspec.to_builtins(told), "audit misses nothing"
