"""A shadow never shares the journal of a controller, and a controller never one of a shadow."""

import asyncio
import subprocess
from pathlib import Path

from tests.integration.controller.clusters import Cluster
from tests.integration.controller.program import Program
from tests.integration.shadow.shadows import PROGRAM, Shadow


async def _refused(*arguments: str) -> tuple[int, str]:
    done = await asyncio.to_thread(
        subprocess.run, [PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stderr + done.stdout


async def test_the_directory_of_a_controller_is_refused(cluster: Cluster, controller: Program) -> None:
    controller.start()
    await controller.ready()
    flags = ("--kubeconfig", str(cluster.kubeconfig), "--data-dir", str(controller.data_dir))
    for _ in ("while it runs", "and later"):
        code, said = await _refused("shadow", *flags, "--health-probe-bind-address", "0", "--metrics-bind-address", "0")
        assert code == 1, said
        assert "holds the journal of a controller of cluster 'default': a shadow must not share it" in said
        await controller.stop()


async def test_the_report_of_a_controllers_journal_is_refused(cluster: Cluster, controller: Program) -> None:
    assert cluster.server is not None
    controller.start()
    await controller.ready()
    code, said = await _refused("shadow", "report", "--data-dir", str(controller.data_dir))
    assert code == 4
    assert "is that of a controller, not of a shadow" in said


async def test_a_directory_in_use_is_refused(cluster: Cluster, shadow: Shadow) -> None:
    await shadow.start()
    code, said = await _refused(
        *("run", "--kubeconfig", str(cluster.kubeconfig), "--data-dir", str(shadow.data_dir), "--no-webhooks"),
        *("--health-probe-bind-address", "0", "--metrics-bind-address", "0"),
    )
    assert code != 0
    assert "in use" in said


async def test_the_name_of_a_shadows_journal_is_no_clusters(cluster: Cluster, tmp_path: Path) -> None:
    flags = ("--kubeconfig", str(cluster.kubeconfig), "--data-dir", str(tmp_path / "other"))
    code, said = await _refused("run", *flags, "--cluster", "shadow-of-default")
    assert code == 2
    assert "name is that of a shadow's journal" in said


async def test_no_patience_is_wrong_usage(cluster: Cluster) -> None:
    code, said = await _refused("shadow", "--kubeconfig", str(cluster.kubeconfig), "--patience", "0s")
    assert code == 2
    assert "--patience" in said
