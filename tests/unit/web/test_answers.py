"""The page's API on recorded journals: what it answers agrees with the program's other commands, at any position."""

import asyncio
import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from adapters.replaying.opening import open_past
from lws_events.decisions import GroupChanged, GroupRecreationStarted
from lws_events.machine.lifecycle import KEPT
from projections.overview.health import HEALTH, LETTERS
from projections.replay import Until
from tests.journal_builder import SAMPLE, START_MS, JournalBuilder
from tests.unit.cli.recreated_group import recreated_group
from tests.unit.web.serving_page import append, asked_of, asked_of_file, decide, stored

JOURNALS: Final = sorted((Path(__file__).parents[2] / "journals").glob("**/*.jsonl.gz"))
RECREATED: Final = next(one for one in JOURNALS if one.name.startswith("force_deleted_worker"))
BLOCKED: Final = next(one for one in JOURNALS if one.name.startswith("rollout_blocked"))
KEPT_GROUP: Final = next(one for one in JOURNALS if one.name.startswith("group_that_fails_again"))


def _spread(last: int, *, count: int) -> Iterator[int]:
    """Some positions, the first and the last among them, not in order."""
    found = sorted({1 + (last - 1) * index // (count - 1) for index in range(count)})
    return itertools.chain(found[::2], reversed(found[1::2]))


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: f"{path.parent.name}-{path.name.split('.')[0][:40]}")
async def test_the_state_at_any_position_is_what_a_replay_until_there_gives(path: Path) -> None:
    async with asked_of_file(path) as asking:
        listed = await asking.get("/sets")
        names = [f"{one['namespace']}/{one['name']}" for one in (*listed["sets"], *listed["gone"])]
        assert names
        last = listed["position"]["sequence"]
        wanted: dict[tuple[str, int], Any] = {}

        def replayed() -> None:  # it runs a loop of its own, so it needs a thread of its own
            for name in names:
                with open_past(name, file=path) as past:
                    for sequence in _spread(last, count=9):
                        past.go_to(Until(sequence))
                        wanted[name, sequence] = msgspec.structs.asdict(past.here())

        await asyncio.to_thread(replayed)
        for (name, sequence), state in wanted.items():
            assert await asking.get(f"/sets/{name}/state", at=sequence) == state


@pytest.mark.parametrize("path", [RECREATED, BLOCKED, KEPT_GROUP], ids=lambda path: path.name[:20])
async def test_the_present_end_equals_the_last_position(path: Path) -> None:
    async with asked_of_file(path) as asking:
        for one in (await asking.get("/sets"))["sets"]:
            name = f"/sets/{one['namespace']}/{one['name']}"
            present = await asking.get(name)
            then = await asking.get(name, at=present["position"]["sequence"])
            assert present["groups"] == then["groups"]
            assert present["set"] == then["set"]
            assert present["position"]["live"]
            assert not then["position"]["live"]
            for group in present["groups"]["names"]:
                end = await asking.get(f"{name}/groups/{group}")
                past = await asking.get(f"{name}/groups/{group}", at=present["position"]["sequence"])
                assert {key: end[key] for key in end if key != "position"} == {
                    key: past[key] for key in past if key != "position"
                }


async def test_a_time_is_the_last_event_until_then_as_with_replay(tmp_path: Path) -> None:
    async with asked_of_file(RECREATED) as asking:
        listed = await asking.get("/sets")
        name = "/sets/{namespace}/{name}".format(**listed["sets"][0])
        at = (await asking.get(name, at=40))["position"]["at"]
        by_time = await asking.get(f"{name}/state", at=at)
    program = Path(sys.executable).parent / "lws-events"
    set_name = name.removeprefix("/sets/")
    done = await asyncio.to_thread(
        subprocess.run,
        [program, "replay", set_name, "--at", at, "-o", "json", "--file", RECREATED],
        capture_output=True,
        check=True,
    )
    printed = msgspec.json.decode(done.stdout)
    assert {key: printed[key] for key in by_time} == by_time


async def test_a_failure_is_told_with_its_reason_its_restart_and_its_lanes() -> None:
    async with asked_of(await stored(recreated_group())) as asking:
        name = "/sets/default/sample"
        listed = await asking.get("/sets")
        assert [(one["name"], one["wanted"]) for one in listed["sets"]] == [("sample", 1)]
        why = (await asking.get(f"{name}/why", group=0))["chains"]
        assert why[0]["cause"]["reason"] == "OOMKilled"
        group = await asking.get(f"{name}/groups/0")
        assert [one["kind"] for one in group["restarts"]] == ["restart"]
        assert {pod["name"] for pod in group["group"]["pods"]} == {"sample-0", "sample-0-1"}
        assert group["since"]["sequence"]
        told = await asking.get(f"{name}/timeline", group=0)
        assert {lane["name"] for lane in told["picture"]["pods"]} == {"sample-0", "sample-0-1"}
        restart = next(one for one in told["entries"] if one["kind"] == "restart")
        before = await asking.get(f"{name}/groups/0", at=restart["sequence"] - 1)
        assert before["restarts"] == []
        assert before["group"]["health"] == "starting"
        after = await asking.get(f"{name}/groups/0", at=restart["sequence"])
        assert after["group"]["health"] == "recreating"
        assert after["group"]["held"].startswith("recreated because pod sample-0-1 failed")
        known = (await asking.get(f"{name}/why", group=0, at=restart["sequence"]))["chains"]
        assert known[0]["complete"] is False
        assert max(link["sequence"] for link in known[0]["links"]) == restart["sequence"]
        assert len(known[0]["links"]) < len(why[0]["links"])


async def test_what_groups_wait_for_and_what_followed_from_the_end_of_a_pod() -> None:
    async with asked_of(await stored(recreated_group())) as asking:
        name = "/sets/default/sample"
        told = await asking.get(f"{name}/timeline")
        restart = next(one for one in told["entries"] if one["kind"] == "restart")
        waiting = (await asking.get(f"{name}/why-not", at=restart["sequence"]))["waiting"]
        assert [one["group"] for one in waiting] == ["0"]
        assert "deletion of its leader" in waiting[0]["waits_for"][0]
        assert (await asking.get(f"{name}/why-not", group=0, at=restart["sequence"]))["waiting"] == waiting
        judged = (await asking.get(f"{name}/why-not", pod="sample-0-1"))["verdicts"]
        assert judged[0]["sequence"] == restart["sequence"]


async def test_kept_and_blocked_are_said(tmp_path: Path) -> None:
    async with asked_of_file(KEPT_GROUP) as asking:
        one = (await asking.get("/sets"))["sets"][0]
        name = "/sets/{namespace}/{name}".format(**one)
        entries = (await asking.get(f"{name}/timeline"))["entries"]
        kept = next(entry for entry in entries if f"→ {KEPT}" in entry["what"])
        group = await asking.get(f"{name}/groups/{kept['group']}", at=kept["sequence"])
        assert group["group"]["health"] == "kept"
        assert "kept for debugging" in group["group"]["held"]
        assert "a person" in group["waits_for"][0]
    async with asked_of_file(BLOCKED) as asking:
        one = (await asking.get("/sets"))["sets"][0]
        name = "/sets/{namespace}/{name}".format(**one)
        entries = (await asking.get(f"{name}/timeline"))["entries"]
        blocked = next(entry for entry in entries if "cannot go below" in entry["what"])
        rollout = (await asking.get(name, at=blocked["sequence"]))["set"]["rollout"]
        assert rollout["state"] == "blocked"
        assert rollout["blocked_by"]


async def test_ten_thousand_groups_are_a_few_columns() -> None:
    story = JournalBuilder()
    story.lws(replicas=10_000, size=1)
    for index in range(0, 10_000, 100):
        story.pod(f"sample-{index}", uid=f"u{index}", size=1, node="n", phase="Running", ready=True)
        story.decided(facts=[GroupChanged(group=f"sample-{index}", before="Absent", after="Ready")])
    async with asked_of(await stored(story)) as asking:
        found = await asking.get("/sets/default/sample")
        groups = found["groups"]
        assert len(groups["names"]) == len(groups["states"]) == len(groups["updated"]) == 10_000
        assert groups["names"][:3] == ["0", "1", "2"]
        assert groups["states"].count("R") == 100
        assert found["set"]["health"] == {"ready": 100, "absent": 9_900}
        told = await asking.get("/sets/default/sample/timeline", limit=10)
        assert len(told["entries"]) == 10
        assert told["entries_left_out"] > 100
        assert len(told["picture"]["groups"]) == 60
        assert told["groups_left_out"] == 40


async def test_a_set_that_is_gone_can_still_be_asked_about() -> None:
    path = next(one for one in JOURNALS if one.name.startswith("set_is_scaled_and_deleted"))
    async with asked_of_file(path) as asking:
        listed = await asking.get("/sets")
        assert listed["gone"]
        name = "/sets/{namespace}/{name}".format(**listed["gone"][0])
        end = await asking.get(name)
        assert end["set"] is None
        told = await asking.get(f"{name}/timeline")
        middle = told["entries"][len(told["entries"]) // 2]["sequence"]
        assert (await asking.get(name, at=middle))["set"]["name"] == listed["gone"][0]["name"]


async def test_what_comes_is_taken_in_and_what_is_not_decided_yet_is_waited_for() -> None:
    """A fold that has taken an event in before its decision would be wrong for ever."""
    now = [0]
    story = recreated_group()
    broken = next(one.sequence for one in story.events if "pod.sample-0-1" in one.subject and "Deleted" in str(one))
    first = JournalBuilder()
    first.events = [one for one in story.events if one.sequence <= broken]
    first.decisions = [one for one in story.decisions if one.decision.cause < broken]
    journal = await stored(first)
    now[0] = first.events[-1].envelope.at_ms + 10
    async with asked_of(journal, now_ms=lambda: now[0]) as asking:
        name = "/sets/default/sample"
        assert (await asking.get(f"{name}/timeline"))["position"]["sequence"] < broken
        assert (await asking.get(name))["groups"]["states"] == "S"
        assert (await asking.get(name, at=broken))["position"]["sequence"] < broken
        second = JournalBuilder()
        second.decisions = [one for one in story.decisions if one.decision.cause == broken]
        await decide(journal, second, after=0)
        assert (await asking.get(name))["groups"]["states"] == "C"
        told = await asking.get(f"{name}/timeline", after=broken - 1)
        assert told["position"]["sequence"] == broken
        assert [one["kind"] for one in told["entries"] if one["kind"] == "restart"] == ["restart"]
        assert (await asking.get(name, at=broken))["groups"]["states"] == "C"
        rest = JournalBuilder()
        rest.events = [one for one in story.events if one.sequence > broken]
        rest.decisions = [one for one in story.decisions if one.decision.cause > broken]
        await append(journal, rest, after=0)
        now[0] = story.events[-1].envelope.at_ms + 5_000
        end = await asking.get(name)
        assert end["groups"]["states"] == "S"
        assert end["groups"] == (await asking.get(name, at=end["position"]["sequence"]))["groups"]


async def test_restarts_are_counted_by_hour_and_day() -> None:
    now = [START_MS]
    story = JournalBuilder()
    story.lws(replicas=1)
    for number in range(4):
        story.later(milliseconds=60_000)
        story.pod("sample-0", uid=f"u{number}", ready=True)
        begun = GroupRecreationStarted(
            group="sample-0", leader="sample-0", leader_uid=f"u{number}", failed_pod="sample-0", failed_uid="x",
            failure="deleted",
        )  # fmt: skip
        story.decided(facts=[begun])
    async with asked_of(await stored(story), now_ms=lambda: now[0]) as asking:
        now[0] = story.now_ms + 10_000
        last = (await asking.get("/sets/default/sample/timeline"))["position"]["sequence"]
        assert (await asking.get("/sets/default/sample", at=last))["set"]["restarts"] == {"hour": 4, "day": 4}
        assert (await asking.get("/sets/default/sample", at=last - 2))["set"]["restarts"] == {"hour": 2, "day": 2}


@pytest.mark.parametrize(
    ("path", "query", "status", "words"),
    [
        ("/sets/default/nothing", {}, 404, "the journal knows no set default/nothing"),
        ("/sets/default/sample", {"at": "yesterday"}, 400, "neither a sequence nor a time"),
        ("/sets/default/sample/timeline", {"until": "-1"}, 400, "until must be a sequence"),
        ("/sets/default/sample/timeline", {"limit": "9" * 30}, 400, "limit must be a sequence"),
        ("/nothing", {}, 404, "there is no /ui/api/v1/nothing here"),
    ],
)
async def test_what_cannot_be_answered_is_said_in_words_with_a_hint(
    path: str, query: dict[str, str], status: int, words: str
) -> None:
    async with asked_of(await stored(recreated_group())) as asking:
        refused = await asking.get(path, status=status, **query)
        assert words in refused["error"]
        assert refused["hint"]


async def test_an_empty_journal_has_no_sets() -> None:
    async with asked_of(await stored(JournalBuilder(SAMPLE))) as asking:
        listed = await asking.get("/sets")
        assert (listed["sets"], listed["gone"]) == ([], [])
        assert (await asking.get("/positions"))["last"] == 1


def test_every_state_of_life_has_a_health_and_every_health_a_letter_of_its_own() -> None:
    assert set(HEALTH.values()) == set(LETTERS)
    assert len(set(LETTERS.values())) == len(LETTERS)
