"""The watch: pages, bookmarks, versions that are gone, connections that break."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from adapters.kubernetes import wire
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.pace import BackOff
from adapters.kubernetes.resources import PODS
from adapters.kubernetes.watch import (
    Changed,
    Listed,
    ListingBegan,
    ListingEnded,
    Removed,
    Watcher,
    WatchEvent,
    WatchSettings,
)
from tests.unit.scripted_api import (
    ScriptedApi,
    added,
    answer,
    bookmark,
    deleted,
    expired,
    modified,
    page,
    refuse,
    stream,
)
from tests.unit.virtual_clocks import LeapingClock

PATH = "/api/v1/pods"
SETTINGS = WatchSettings(page_size=2, back_off=BackOff(initial_seconds=1, cap_seconds=8, jitter=0))


def pod(name: str, version: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ns", "uid": f"uid-{name}", "resourceVersion": version}}


def watcher(client: ApiClient, clock: LeapingClock, settings: WatchSettings = SETTINGS) -> Watcher[wire.Pod]:
    return Watcher(client, PODS, wire.Pod, clock=clock, label_selector="app", settings=settings)


async def take(events: AsyncIterator[WatchEvent[wire.Pod]], count: int) -> list[str]:
    shown = []
    for _ in range(count):
        match await anext(events):
            case ListingBegan():
                shown.append("began")
            case ListingEnded(version):
                shown.append(f"ended {version}")
            case Listed(found):
                shown.append(f"listed {found.metadata.name}")
            case Changed(found):
                shown.append(f"changed {found.metadata.name}@{found.metadata.resource_version}")
            case Removed(found):
                shown.append(f"removed {found.metadata.name}")
    return shown


async def test_pages_are_one_listing_and_the_watch_begins_at_its_version() -> None:
    clock = LeapingClock()
    async with ScriptedApi() as api, api.client() as client:
        api.script(
            "GET",
            PATH,
            page(pod("a", "1"), pod("b", "2"), version="10", more="next"),
            page(pod("c", "3"), version="10"),
            stream(added(pod("d", "11")), modified(pod("a", "12")), deleted(pod("b", "13")), then="wait"),
        )
        async with aclosing(watcher(client, clock).events()) as events:
            shown = await take(events, 8)
    assert shown == [
        "began",
        "listed a",
        "listed b",
        "listed c",
        "ended 10",
        "changed d@11",
        "changed a@12",
        "removed b",
    ]
    first, second, watch = (asked.query for asked in api.asked)
    assert first == {"labelSelector": "app", "limit": "2"}
    assert second == {"labelSelector": "app", "limit": "2", "continue": "next"}
    assert watch["resourceVersion"] == "10"
    assert watch["allowWatchBookmarks"] == "true"


async def test_a_watch_goes_on_from_its_last_bookmark() -> None:
    async with ScriptedApi() as api, api.client() as client:
        api.script(
            "GET",
            PATH,
            page(version="10"),
            stream(bookmark("20")),
            stream(added(pod("a", "21")), then="cut"),
            stream(added(pod("b", "22")), then="wait"),
        )
        async with aclosing(watcher(client, LeapingClock()).events()) as events:
            shown = await take(events, 4)
    assert shown == ["began", "ended 10", "changed a@21", "changed b@22"]
    assert [asked.query.get("resourceVersion") for asked in api.asked] == [None, "10", "20", "21"]


async def test_a_line_cut_in_the_middle_is_read_again() -> None:
    clock = LeapingClock()
    async with ScriptedApi() as api, api.client() as client:
        api.script(
            "GET",
            PATH,
            page(version="10"),
            stream(added(pod("a", "11")), b'{"type":"ADDED","object":{"metad', then="cut"),
            stream(added(pod("b", "12")), then="wait"),
        )
        async with aclosing(watcher(client, clock).events()) as events:
            shown = await take(events, 4)
    assert shown == ["began", "ended 10", "changed a@11", "changed b@12"]
    assert clock.slept == [1.0]


async def test_a_version_that_is_gone_leads_to_a_new_listing_at_once() -> None:
    for gone in (stream(expired()), refuse(410, "Expired")):
        clock = LeapingClock()
        async with ScriptedApi() as api, api.client() as client:
            api.script("GET", PATH, page(version="10"), gone, page(pod("a", "30"), version="31"), stream(then="wait"))
            async with aclosing(watcher(client, clock).events()) as events:
                shown = await take(events, 5)
        assert shown == ["began", "ended 10", "began", "listed a", "ended 31"]
        assert clock.slept == [0.0]


async def test_a_version_that_is_always_gone_is_not_asked_for_in_a_hot_loop() -> None:
    clock = LeapingClock()
    async with ScriptedApi() as api, api.client() as client:
        for _ in range(4):
            api.script("GET", PATH, page(version="10"), refuse(410, "Gone"))
        api.script("GET", PATH, page(version="11"))
        async with aclosing(watcher(client, clock).events()) as events:
            await take(events, 10)
    assert clock.slept == [0.0, 2.0, 4.0, 8.0]


async def test_a_listing_that_outlives_its_version_begins_again_in_one_piece() -> None:
    async with ScriptedApi() as api, api.client() as client:
        api.script(
            "GET",
            PATH,
            page(pod("a", "1"), pod("b", "2"), version="10", more="next"),
            refuse(410, "Expired"),
            page(pod("b", "2"), version="20"),
        )
        async with aclosing(watcher(client, LeapingClock()).events()) as events:
            shown = await take(events, 6)
    assert shown == ["began", "listed a", "listed b", "began", "listed b", "ended 20"]
    assert "limit" not in api.asked[2].query


async def test_trouble_backs_off_and_the_server_may_ask_for_more() -> None:
    clock = LeapingClock()
    async with ScriptedApi() as api, api.client() as client:
        api.script(
            "GET",
            PATH,
            refuse(503, "ServiceUnavailable"),
            refuse(429, "TooManyRequests", headers={"Retry-After": "17"}),
            answer(b"not json"),
            page(version="10"),
        )
        async with aclosing(watcher(client, clock).events()) as events:
            shown = await take(events, 5)
    assert shown == ["began", "began", "began", "began", "ended 10"]
    assert clock.slept == [1.0, 17.0, 4.0]


async def test_connections_that_keep_failing_lead_to_a_new_listing() -> None:
    clock = LeapingClock()
    async with ScriptedApi() as api, api.client() as client:
        api.script("GET", PATH, page(version="10"), *[refuse(500, "InternalError")] * 5, page(version="11"))
        async with aclosing(watcher(client, clock).events()) as events:
            shown = await take(events, 4)
    assert shown == ["began", "ended 10", "began", "ended 11"]


async def test_everything_is_listed_again_from_time_to_time() -> None:
    clock = LeapingClock()
    async with ScriptedApi() as api, api.client() as client:
        api.script("GET", PATH, page(version="10"), stream(added(pod("a", "11"))), page(version="12"))
        async with aclosing(watcher(client, clock).events()) as events:
            await take(events, 3)
            clock.now += SETTINGS.relist_seconds
            shown = await take(events, 2)
    assert shown == ["began", "ended 12"]
    assert int(api.asked[1].query["timeoutSeconds"]) == SETTINGS.connection_seconds


async def test_connections_that_end_at_once_are_not_opened_again_in_a_hot_loop() -> None:
    clock = LeapingClock()
    async with ScriptedApi() as api, api.client() as client:
        api.script("GET", PATH, page(version="10"), *[stream()] * 5, page(version="11"))
        async with aclosing(watcher(client, clock).events()) as events:
            shown = await take(events, 4)
    assert shown == ["began", "ended 10", "began", "ended 11"]
    assert clock.slept == [1.0, 2.0, 4.0, 8.0, 1.0]
