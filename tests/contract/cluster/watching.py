"""Lists in pages and watches that resume, select, end and expire."""

import msgspec

from tests.contract.cluster.port import Cluster, ClusterSuite, Lines
from tests.controlplane.api import ApiError, core

GROUP = "example.com/group"


class WatchContract(ClusterSuite):
    """How a client follows a collection."""

    async def test_lists_select_and_page(self, cluster: Cluster) -> None:
        path = core("configmaps", cluster.namespace)
        for name, labels in (("a", {"x": "1"}), ("b", {"x": "2"}), ("c", {"y": "1"})):
            manifest = self.config(name)
            manifest["metadata"]["labels"] = labels
            await cluster.api.create(path, manifest)

        async def names(**params: str) -> list[str]:
            listed = await cluster.api.call("GET", path, params=params)
            return [item["metadata"]["name"] for item in listed["items"] if item["metadata"]["name"] in "abc"]

        assert await names(labelSelector="x") == ["a", "b"]
        assert await names(labelSelector="x!=1") == ["b", "c"]
        assert await names(labelSelector="x in (2,3)") == ["b"]
        assert await names(labelSelector="!x,y") == ["c"]
        assert await names(fieldSelector="metadata.name=b") == ["b"]
        first = await cluster.api.call("GET", path, params={"limit": "1", "labelSelector": "x"})
        assert [item["metadata"]["name"] for item in first["items"]] == ["a"]
        await cluster.api.delete(f"{path}/b")
        rest, token = [], first["metadata"]["continue"]
        while token:
            page = {"limit": "1", "labelSelector": "x", "continue": token}
            listed = await cluster.api.call("GET", path, params=page)
            rest += [item["metadata"]["name"] for item in listed["items"]]
            token = listed["metadata"].get("continue")
        assert rest == ["b"], "all pages are of one revision"

    async def test_a_watch_resumes_where_a_list_ended(self, cluster: Cluster) -> None:
        path = core("configmaps", cluster.namespace)
        listed = await cluster.api.get(path)
        await cluster.api.create(path, self.config("a", x="1"))
        await cluster.api.merge(f"{path}/a", {"data": {"x": "2"}})
        lines = Lines(cluster.api, path, resource_version=listed["metadata"]["resourceVersion"])
        try:
            await lines.until(("ADDED", "a"), ("MODIFIED", "a"))
            await cluster.api.delete(f"{path}/a")
            await lines.until(("DELETED", "a"))
        finally:
            await lines.close()
        versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in lines.events]
        assert versions == sorted(versions)
        assert len(set(versions)) == len(versions), "the deletion has a version of its own"
        resumed = Lines(cluster.api, path, resource_version=str(versions[0]))
        try:
            await resumed.until(("MODIFIED", "a"), ("DELETED", "a"))
        finally:
            await resumed.close()
        assert ("ADDED", "a") not in resumed.facts()

    async def test_a_selecting_watch_sees_objects_come_and_go_with_their_labels(self, cluster: Cluster) -> None:
        path = core("configmaps", cluster.namespace)
        listed = await cluster.api.get(path)
        lines = Lines(cluster.api, path, resource_version=listed["metadata"]["resourceVersion"], labelSelector="x")
        try:
            await cluster.api.create(path, self.config("a"))
            await cluster.api.merge(f"{path}/a", {"metadata": {"labels": {"x": "1"}}})
            await cluster.api.merge(f"{path}/a", {"metadata": {"labels": {"x": None}}})
            await cluster.api.delete(f"{path}/a")
            await cluster.api.create(path, {**self.config("b"), "metadata": {"name": "b", "labels": {"x": "1"}}})
            await lines.until(("ADDED", "b"))
        finally:
            await lines.close()
        assert lines.facts() == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "b")]

    async def test_a_watch_that_ends_in_time_says_how_far_it_got(self, cluster: Cluster) -> None:
        path = core("configmaps", cluster.namespace)
        listed = await cluster.api.get(path)
        events = [
            msgspec.json.decode(line)
            async for line in cluster.api.lines(
                path,
                {
                    "watch": "true",
                    "resourceVersion": listed["metadata"]["resourceVersion"],
                    "allowWatchBookmarks": "true",
                    "timeoutSeconds": "3",
                },
            )
        ]
        assert {event["type"] for event in events} <= {"BOOKMARK"}

    async def test_a_forgotten_version_is_gone(self, cluster: Cluster) -> None:
        path = core("configmaps", cluster.namespace)
        first = await cluster.api.create(path, self.config("a", x="1"))
        await cluster.api.merge(f"{path}/a", {"data": {"x": "2"}})
        await cluster.forget_history()
        version = str(int(first["metadata"]["resourceVersion"]) - 1)

        async def answer() -> int:
            try:
                query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "5"}
                async for line in cluster.api.lines(path, query):
                    event = msgspec.json.decode(line)
                    return int(event["object"].get("code", 0)) if event["type"] == "ERROR" else 0
            except ApiError as error:
                return error.code
            return 0

        assert await answer() == 410

    async def test_items_of_built_in_kinds_do_not_repeat_their_kind(self, cluster: Cluster) -> None:
        await cluster.api.create(core("configmaps", cluster.namespace), self.config())
        listed = await cluster.api.get(core("configmaps", cluster.namespace))
        assert (listed["kind"], listed["apiVersion"]) == ("ConfigMapList", "v1")
        assert not any({"kind", "apiVersion"} & item.keys() for item in listed["items"])

    async def test_a_watch_may_begin_with_what_exists(self, cluster: Cluster) -> None:
        path = core("configmaps", cluster.namespace)
        await cluster.api.create(path, self.config())
        for params in (
            {"resourceVersion": "0"},
            {"resourceVersion": "", "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"},
        ):
            version = params.pop("resourceVersion")
            lines = Lines(cluster.api, path, resource_version=version, allowWatchBookmarks="true", **params)
            try:
                await lines.until(("ADDED", "a"))
                if params:
                    await lines.until(("ADDED", "a"), ("BOOKMARK", ""))
                    mark = next(event for event in lines.events if event["type"] == "BOOKMARK")
                    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
            finally:
                await lines.close()
