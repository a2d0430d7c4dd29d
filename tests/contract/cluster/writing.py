"""Writes: concurrency, generation, immutable fields, server-side apply."""

import msgspec
import pytest

from tests.contract.cluster.port import Cluster, ClusterSuite
from tests.controlplane.api import ApiError, Json, core, grouped, leaderworkersets, statefulsets
from tests.simulation.manifests import pod, statefulset

GROUP = "example.com/group"


class WritingContract(ClusterSuite):
    """What a write does and what it is refused for."""

    async def test_a_stale_resource_version_conflicts(self, cluster: Cluster) -> None:
        path = core("configmaps", cluster.namespace)
        first = await cluster.api.create(path, self.config(x="1"))
        await cluster.api.call("PUT", f"{path}/a", {**first, "data": {"x": "2"}})
        with pytest.raises(ApiError) as caught:
            await cluster.api.call("PUT", f"{path}/a", {**first, "data": {"x": "3"}})
        assert (caught.value.code, caught.value.status["reason"]) == (409, "Conflict")

    async def test_a_write_that_changes_nothing_keeps_the_resource_version(self, cluster: Cluster) -> None:
        path = core("configmaps", cluster.namespace)
        first = await cluster.api.create(path, self.config(x="1"))
        again = await cluster.api.call("PUT", f"{path}/a", first)
        assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]

    async def test_creating_twice_is_refused(self, cluster: Cluster) -> None:
        path = core("configmaps", cluster.namespace)
        await cluster.api.create(path, self.config())
        with pytest.raises(ApiError) as caught:
            await cluster.api.create(path, self.config())
        assert (caught.value.code, caught.value.status["reason"]) == (409, "AlreadyExists")

    async def test_what_is_absent_is_not_found(self, cluster: Cluster) -> None:
        with pytest.raises(ApiError) as caught:
            await cluster.api.get(core("pods", cluster.namespace, "nope"))
        assert caught.value.status["details"] == {"name": "nope", "kind": "pods"}
        assert caught.value.status["message"] == 'pods "nope" not found'

    async def test_generation_counts_spec_changes_only(self, cluster: Cluster) -> None:
        template = {"spec": {"containers": [{"name": "main", "image": "a"}]}}
        manifest = {
            "apiVersion": "leaderworkerset.x-k8s.io/v1",
            "kind": "LeaderWorkerSet",
            "metadata": {"name": "set"},
            "spec": {"replicas": 0, "leaderWorkerTemplate": {"size": 2, "workerTemplate": template}},
        }
        created = await cluster.api.create(leaderworkersets(cluster.namespace), manifest)
        assert created["metadata"]["generation"] == 1
        assert created["spec"]["startupPolicy"] == "LeaderCreated"
        assert created["spec"]["leaderWorkerTemplate"]["restartPolicy"] == "RecreateGroupOnPodRestart"
        path = leaderworkersets(cluster.namespace, "set")
        labelled = await cluster.api.merge(path, {"metadata": {"labels": {"a": "b"}}})
        assert labelled["metadata"]["generation"] == 1
        scaled = await cluster.api.merge(path, {"spec": {"replicas": 3}, "status": {"replicas": 9}})
        assert scaled["metadata"]["generation"] == 2
        assert "replicas" not in scaled.get("status", {})
        reported = await cluster.api.call("PUT", f"{path}/status", {**scaled, "status": {"replicas": 3}})
        assert reported["metadata"]["generation"] == 2
        assert reported["status"]["replicas"] == 3
        scale = await cluster.api.get(f"{path}/scale")
        assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (3, 3)
        await cluster.api.merge(f"{path}/scale", {"spec": {"replicas": 5}})
        after = await cluster.api.get(path)
        assert (after["spec"]["replicas"], after["metadata"]["generation"]) == (5, 3)

    async def test_a_custom_resource_is_replaced_only_with_a_version(self, cluster: Cluster) -> None:
        template = {"spec": {"containers": [{"name": "main", "image": "a"}]}}
        manifest = {
            "apiVersion": "leaderworkerset.x-k8s.io/v1",
            "kind": "LeaderWorkerSet",
            "metadata": {"name": "set"},
            "spec": {"replicas": 0, "leaderWorkerTemplate": {"size": 2, "workerTemplate": template}},
        }
        await cluster.api.create(leaderworkersets(cluster.namespace), manifest)
        with pytest.raises(ApiError) as caught:
            await cluster.api.call("PUT", leaderworkersets(cluster.namespace, "set"), manifest)
        assert caught.value.code == 422

    async def test_immutable_fields_of_a_statefulset(self, cluster: Cluster) -> None:
        await self.create_set(cluster, replicas=0)
        with pytest.raises(ApiError) as caught:
            await cluster.api.merge(statefulsets(cluster.namespace, "s"), {"spec": {"serviceName": "other"}})
        assert (caught.value.code, caught.value.status["reason"]) == (422, "Invalid")

    async def test_apply_removes_what_it_no_longer_applies(self, cluster: Cluster) -> None:
        path = core("configmaps", cluster.namespace, "a")
        await cluster.api.apply(path, self.config(x="1", y="2"), manager="lws")
        await cluster.api.merge(path, {"data": {"z": "3"}})
        applied = await cluster.api.apply(path, self.config(x="1"), manager="lws")
        assert applied["data"] == {"x": "1", "z": "3"}
        again = await cluster.api.apply(path, self.config(x="1"), manager="lws")
        assert again["metadata"]["resourceVersion"] == applied["metadata"]["resourceVersion"]

    async def test_apply_conflicts_with_another_manager_unless_forced(self, cluster: Cluster) -> None:
        path = core("configmaps", cluster.namespace, "a")
        await cluster.api.apply(path, self.config(x="1"), manager="one")
        with pytest.raises(ApiError) as caught:
            await cluster.api.call(
                "PATCH",
                path,
                self.config(x="2"),
                content_type="application/apply-patch+yaml",
                params={"fieldManager": "two"},
            )
        assert (caught.value.code, caught.value.status["reason"]) == (409, "Conflict")
        forced = await cluster.api.apply(path, self.config(x="2"), manager="two")
        assert [entry["manager"] for entry in forced["metadata"]["managedFields"]] == ["two"]

    async def test_an_unchanged_apply_of_a_statefulset_is_no_write(self, cluster: Cluster) -> None:
        path = statefulsets(cluster.namespace, "s")
        config = statefulset(
            "s", replicas=0, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
        )
        await cluster.api.apply(path, config, manager="lws")
        settled = await self.settled_set(cluster, replicas=0)
        again = await cluster.api.apply(path, config, manager="lws")
        assert again["metadata"]["resourceVersion"] == settled["metadata"]["resourceVersion"]
        strategy = again["spec"]["updateStrategy"]
        assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 1}}

    async def test_apply_takes_a_container_and_an_annotation_away(self, cluster: Cluster) -> None:
        path = statefulsets(cluster.namespace, "s")
        config = statefulset("s", replicas=0)
        more = msgspec.json.decode(msgspec.json.encode(config))
        more["spec"]["template"]["spec"]["containers"].append({"name": "extra", "image": "b"})
        more["metadata"]["annotations"] = {"example.com/replicas": "3"}
        applied = await cluster.api.apply(path, more, manager="lws")
        assert len(applied["spec"]["template"]["spec"]["containers"]) == 2
        back = await cluster.api.apply(path, config, manager="lws")
        assert [c["name"] for c in back["spec"]["template"]["spec"]["containers"]] == ["main"]
        assert "annotations" not in back["metadata"]
        assert back["metadata"]["generation"] == 2

    async def test_conditions_merge_by_type(self, cluster: Cluster) -> None:
        await cluster.api.create(core("pods", cluster.namespace), pod("a"))
        await self.ready_pods(cluster, "a")
        change = {"status": {"conditions": [{"type": "example.com/Checked", "status": "True"}]}}
        path = core("pods", cluster.namespace, "a")
        patched = await cluster.api.call(
            "PATCH", f"{path}/status", change, content_type="application/strategic-merge-patch+json"
        )
        types = [entry["type"] for entry in patched["status"]["conditions"]]
        assert {"Ready", "PodScheduled", "example.com/Checked"} <= set(types)

    async def test_an_event_has_a_bounded_note(self, cluster: Cluster) -> None:
        event = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": "set.1"},
            "eventTime": "2026-01-01T00:00:00.000000Z",
            "reportingController": "leaderworkerset",
            "reportingInstance": "leaderworkerset-here",
            "action": "Create",
            "reason": "GroupsProgressing",
            "type": "Normal",
            "note": "n" * 1024,
            "regarding": {"kind": "LeaderWorkerSet", "namespace": cluster.namespace, "name": "set"},
        }
        path = grouped("events.k8s.io/v1", "events", cluster.namespace)
        created = await cluster.api.create(path, event)
        assert created["note"] == event["note"]
        for wrong in ({"note": "n" * 1025}, {"type": "Other"}, {"action": ""}):
            with pytest.raises(ApiError) as caught:
                await cluster.api.create(path, {**event, "metadata": {"name": "set.2"}, **wrong})
            assert caught.value.code == 422

    async def test_a_headless_service_gets_no_address(self, cluster: Cluster) -> None:
        manifest = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "set"},
            "spec": {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": {"a": "b"}},
        }
        created = await cluster.api.create(core("services", cluster.namespace), manifest)
        assert created["spec"]["clusterIPs"] == ["None"]
        assert created["spec"]["publishNotReadyAddresses"] is True
        with pytest.raises(ApiError) as caught:
            await cluster.api.create(
                core("services", cluster.namespace), {**manifest, "metadata": {"name": "with.dot"}}
            )
        assert caught.value.code == 422

    async def test_labels_have_bounded_values(self, cluster: Cluster) -> None:
        path = core("configmaps", cluster.namespace)
        for value in ("v" * 64, "-v", "a b"):
            with pytest.raises(ApiError) as caught:
                await cluster.api.create(path, {**self.config(), "metadata": {"name": "a", "labels": {"x": value}}})
            assert (caught.value.code, caught.value.status["reason"]) == (422, "Invalid")
        await cluster.api.create(path, {**self.config(), "metadata": {"name": "a", "labels": {"x": "v" * 63}}})

    async def test_apply_fills_and_empties_a_map(self, cluster: Cluster) -> None:
        path = statefulsets(cluster.namespace, "s")

        async def applied(resources: Json) -> Json:
            containers = [{"name": "main", "image": "a", "resources": resources}]
            config = statefulset("s", replicas=0, pod_spec={"containers": containers})
            found = await cluster.api.apply(path, config, manager="lws")
            container: Json = found["spec"]["template"]["spec"]["containers"][0]
            return container

        limits = {"limits": {"cpu": "1", "memory": "1Gi"}}
        assert (await applied({}))["resources"] == {}
        assert (await applied(limits))["resources"] == limits
        assert (await applied({"limits": {"cpu": "1"}}))["resources"] == {"limits": {"cpu": "1"}}
        assert (await applied({}))["resources"] == {}

    async def test_an_apply_leaves_what_another_manager_added(self, cluster: Cluster) -> None:
        path = statefulsets(cluster.namespace, "s")
        config = statefulset("s", replicas=0)
        await cluster.api.apply(path, config, manager="lws")
        added = {"name": "main", "image": config["spec"]["template"]["spec"]["containers"][0]["image"], "tty": True}
        change = {"spec": {"replicas": 1, "template": {"spec": {"containers": [added]}}}}
        await cluster.api.merge(path, change)
        applied = await cluster.api.apply(path, config, manager="lws")
        assert applied["spec"]["replicas"] == 0, "forced back"
        assert applied["spec"]["template"]["spec"]["containers"][0]["tty"] is True
