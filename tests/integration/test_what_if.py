"""``what-if`` as a person runs it: on recorded journals, beside a running controller, on a cluster's API server."""

import asyncio
import json
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.testing import CliRunner, Result

from adapters.cli.main import app
from adapters.simulation import racks
from adapters.what_if.course import Course
from adapters.what_if.lives import Lives
from lws_events.subjects import SetName
from tests.journals.recording import CLUSTER, RACK, TOPOLOGY, staged

JOURNALS: Final = Path(__file__).parents[1] / "journals"
RECREATED: Final = JOURNALS / "force_deleted_worker_recreates_its_group.jsonl.gz"
RACKED: Final = JOURNALS / "fifth_group_waits_for_a_rack_of_its_own.jsonl.gz"
SET: Final = SetName("default", "sample")


def what_if(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["what-if", *map(str, arguments)])


def answer(*arguments: str | Path) -> dict[str, Any]:
    done = what_if(*arguments, "-o", "json")
    assert done.exit_code in (0, 1), done.output
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["finishes"] == (done.exit_code == 0)
    return found


def manifest(folder: Path, *, name: str = "sample", image: str = "example.test/main:1", **changes: Any) -> Path:
    """The set of the recorded stories, with changes of its spec."""
    annotations = changes.pop("annotations", {})
    template = {"spec": {"containers": [{"name": "main", "image": image}]}}
    group = {"size": 3, "workerTemplate": template} | changes.pop("leaderWorkerTemplate", {})
    body = {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"leaderWorkerTemplate": group} | changes,
    }
    path = folder / "manifest.yaml"
    path.write_text(yaml.safe_dump(body))
    return path


def test_a_new_image_restarts_the_groups_from_the_last_to_the_first(tmp_path: Path) -> None:
    found = answer("-f", manifest(tmp_path, image="example.test/main:2"), "--file", RECREATED, "--time-to-ready", "2m")
    [told] = found["sets"]
    forecast = told["forecast"]
    assert [one["group"] for one in forecast["restarts"]] == [1, 0]
    assert {one["because"] for one in forecast["restarts"]} == {"updated"}
    assert forecast["summary"] | {"duration_seconds": 0, "pod_seconds_lost": 0} == {
        "restarts": 2,
        "pods_replaced": 6,
        "pods_created": 0,
        "pods_removed": 0,
        "pods_missing": 0,
        "pod_seconds_lost": 0,
        "down_max": 1,
        "ready_before": 2,
        "ready_min": 1,
        "ready_max": 2,
        "ready_after": 2,
        "duration_seconds": 0,
    }
    assert 240 < forecast["summary"]["duration_seconds"] < 250
    assert found["verdict"]["operation"] == "UPDATE"
    assert [change["path"] for change in found["verdict"]["changes"]] == [
        "spec.leaderWorkerTemplate.workerTemplate.spec.containers[0].image"
    ]


def test_the_same_question_gets_the_same_answer_to_the_byte(tmp_path: Path) -> None:
    question = ("-f", manifest(tmp_path, image="example.test/main:2", replicas=3), "--file", RECREATED)
    for output in ("json", "table"):
        assert what_if(*question, "-o", output).stdout == what_if(*question, "-o", output).stdout != ""


@pytest.mark.parametrize(
    "changes",
    [
        {"annotations": {"team": "a"}},
        {"rolloutStrategy": {"type": "RollingUpdate", "rollingUpdateConfiguration": {"maxUnavailable": 2}}},
        {"leaderWorkerTemplate": {"restartPolicy": "RecreateGroupOnPodRestart"}},
    ],
)
def test_what_is_not_in_the_template_restarts_nothing(tmp_path: Path, changes: dict[str, Any]) -> None:
    done = what_if("-f", manifest(tmp_path, **changes), "--file", RECREATED)
    assert done.exit_code == 0, done.output
    assert "default/sample: no pod restarts, comes or goes." in done.stdout


def test_a_scale_up_and_a_scale_down_touch_no_other_group(tmp_path: Path) -> None:
    up = answer("-f", manifest(tmp_path, replicas=4), "--file", RECREATED)["sets"][0]["forecast"]
    assert (up["created_groups"], up["restarts"], up["unaffected_groups"]) == ([2, 3], [], [0, 1])
    down = answer("-f", manifest(tmp_path, replicas=1), "--file", RECREATED)["sets"][0]["forecast"]
    assert (down["removed_groups"], down["restarts"], down["unaffected_groups"]) == ([1], [], [0])
    assert down["summary"]["pod_seconds_lost"] == 0


def test_surge_groups_come_and_go(tmp_path: Path) -> None:
    rolling = {"rollingUpdateConfiguration": {"maxUnavailable": 0, "maxSurge": 1}}
    path = manifest(tmp_path, image="example.test/main:2", rolloutStrategy=rolling)
    forecast = answer("-f", path, "--file", RECREATED)["sets"][0]["forecast"]
    assert forecast["surge_groups"] == [2]
    assert [one["group"] for one in forecast["restarts"]] == [1, 0]
    assert forecast["summary"]["ready_min"] == 2


def test_a_partition_keeps_the_groups_below_it(tmp_path: Path) -> None:
    rolling = {"rollingUpdateConfiguration": {"partition": 1}}
    path = manifest(tmp_path, image="example.test/main:2", rolloutStrategy=rolling)
    forecast = answer("-f", path, "--file", RECREATED)["sets"][0]["forecast"]
    assert ([one["group"] for one in forecast["restarts"]], forecast["unaffected_groups"]) == ([1], [0])


def test_admission_rejects_with_all_its_reasons(tmp_path: Path) -> None:
    rolling = {"rollingUpdateConfiguration": {"maxUnavailable": 0, "maxSurge": 0}}
    done = what_if("-f", manifest(tmp_path, replicas=2, rolloutStrategy=rolling), "--file", RECREATED)
    assert done.exit_code == 1
    assert "Admission rejects it:" in done.stdout
    assert "must not be 0 when `maxSurge` is 0" in done.stdout or "maxUnavailable" in done.stdout


def test_a_new_set_is_created(tmp_path: Path) -> None:
    found = answer("-f", manifest(tmp_path, name="other", replicas=2), "--file", RECREATED)
    assert found["verdict"]["operation"] == "CREATE"
    [told] = found["sets"]
    assert (told["forecast"]["set_name"], told["forecast"]["created_groups"]) == ("default/other", [0, 1])


def test_a_group_too_many_finds_no_rack_of_its_own(tmp_path: Path) -> None:
    path = manifest(tmp_path, name="racked", annotations={TOPOLOGY: RACK}, replicas=5)
    found = answer("-f", path, "--file", RACKED)
    forecast = found["sets"][0]["forecast"]
    assert not found["finishes"]
    assert forecast["placement"] | {"topology": ""} == {
        "topology": "",
        "domains": 4,
        "taken_by_others": 0,
        "needed": 5,
    }
    assert any("pod racked-4 finds no node" in hold for hold in forecast["holds"])
    nodes = tmp_path / "nodes.json"
    nodes.write_text(json.dumps({"kind": "List", "items": racks(5, nodes_per_rack=4, key=RACK)}))
    assert answer("-f", path, "--file", RACKED, "--nodes", nodes)["finishes"]


def test_a_drained_node_recreates_its_groups_elsewhere() -> None:
    found = answer("--drain", "rack-3-node-2", "--file", RECREATED, "--time-to-ready", "2m")
    [told] = found["sets"]
    [restart] = told["forecast"]["restarts"]
    assert (restart["group"], restart["because"]) == (0, "pod sample-0-2 deleted")
    assert 120 <= restart["ready_after_seconds"] < 125


def test_a_lost_node_holds_its_group_until_it_is_removed() -> None:
    lost = answer("--lose-node", "rack-3-node-2", "--file", RECREATED)
    assert not lost["finishes"]
    assert "sample-0-2 stays Terminating" in lost["sets"][0]["forecast"]["holds"][0]
    removed = answer("--lose-node", "rack-3-node-2", "--node-removed-after", "5m", "--file", RECREATED)
    assert removed["finishes"]
    assert [one["group"] for one in removed["sets"][0]["forecast"]["restarts"]] == [0]


def test_the_past_is_asked_too() -> None:
    """After the force deletion, before the group was recreated: that is still to come."""
    done = what_if("sample", "--at", "58", "--file", RECREATED)
    assert done.exit_code == 0, done.output
    assert "What if nothing is changed?" in done.stdout
    assert "the journal at #58" in done.stdout
    assert "group 1   is ready" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("other",), "LeaderWorkerSet other is not there; sets in the journal at #87"),
        (("--drain", "nowhere"), "no node nowhere is known"),
        (("--lose", "rack"), "'rack' is not TOPOLOGY=VALUE"),
        (("--lose", "zone=a"), "no node is known to have the label zone"),
        (("--time-to-ready", "soon"), "--time-to-ready 'soon' is no duration"),
        (("--node-removed-after", "5m"), "--node-removed-after is about lost nodes"),
    ],
)
def test_what_cannot_be_meant_is_said(arguments: tuple[str, ...], words: str) -> None:
    done = what_if(*arguments, "--file", RECREATED)
    assert done.exit_code in (1, 2, 4)
    assert words in done.stderr


@pytest.mark.parametrize(
    ("manifest_text", "words"),
    [
        ("kind: Pod\nmetadata: {name: x}\n", "holds 0 objects of kind LeaderWorkerSet"),
        ("kind: LeaderWorkerSet\nspec: {}\n", "metadata.name is missing"),
        ("kind: LeaderWorkerSet\nmetadata: {name: x}\n", "spec is missing"),
        ("kind: LeaderWorkerSet\nmetadata: {name: x, labels: 5}\nspec: {}\n", "metadata.labels is no mapping"),
        ("kind: [\n", "cannot be read"),
        ("kind: LeaderWorkerSet\nmetadata: {name: x}\nspec: {replicas: a}\n", "Admission rejects it"),
        ("kind: LeaderWorkerSet\nmetadata: {name: x}\nspec: {leaderWorkerTemplate: 5}\n", "Admission rejects it"),
        ("kind: LeaderWorkerSet\nmetadata: {name: x}\nspec: {}\n", "Admission rejects it"),
    ],
)
def test_a_manifest_that_is_none_is_said(tmp_path: Path, manifest_text: str, words: str) -> None:
    path = tmp_path / "manifest.yaml"
    path.write_text(manifest_text)
    done = what_if("-f", path, "--file", RECREATED)
    assert done.exit_code == 1
    assert words in done.stdout + done.stderr


async def test_the_controller_does_what_was_foretold_of_its_journal_and_of_its_cluster(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    async with staged(data_dir) as story:
        rolling = {"type": "RollingUpdate", "rollingUpdateConfiguration": {"maxUnavailable": 1, "maxSurge": 1}}
        story.apply("sample", replicas=3, rolloutStrategy=rolling)
        await story.until_available("sample")
        path = manifest(tmp_path, image="example.test/main:2", replicas=4, rolloutStrategy=rolling)
        of_journal = await asyncio.to_thread(answer, "-f", path, "--data-dir", data_dir, "--cluster", CLUSTER)
        kubeconfig = data_dir / "kubeconfig"
        of_cluster = await asyncio.to_thread(answer, "-f", path, "--kubeconfig", kubeconfig, "--time-to-ready", "1s")
        course = Course(story.simulation)
        spec = yaml.safe_load(path.read_text())["spec"]
        story.change("sample", spec)
        await story.until_available("sample")
    lives = Lives(course, course.entries, SET)
    happened = [one.group for one in lives.restarts]
    assert sorted(happened) == [0, 1, 2]
    for told in (of_journal, of_cluster):
        forecast = told["sets"][0]["forecast"]
        assert [one["group"] for one in forecast["restarts"]] == happened
        assert sorted(forecast["pods_replaced"]) == sorted(lives.replaced)
        assert tuple(forecast["created_groups"]) == lives.created
        assert tuple(forecast["surge_groups"]) == lives.surge
    assert of_journal["time_to_ready"]["origin"] == "recorded"
    assert of_cluster["nodes_origin"] == "those of the cluster"
