"""The controller from its start to its graceful end."""

import json

from adapters.demo.sample import GROUPS
from tests.integration.controller.clusters import PODS, Cluster
from tests.integration.controller.conftest import MakeProgram

_ALONE = ("--no-webhooks", "--no-leader-elect")


async def test_the_sample_runs_and_a_graceful_stop_loses_nothing(cluster: Cluster, program: MakeProgram) -> None:
    controller = program(*_ALONE, kubeconfig=cluster.kubeconfig)
    controller.start()
    await controller.ready()
    cluster.apply()
    before = await cluster.complete()
    group = cluster.group(1)
    cluster.kill("leaderworkerset-sample-1-2")
    assert await controller.stop() == 0, controller.log
    assert "commands are left" not in controller.log
    controller.start()
    await controller.ready()
    after = await cluster.complete(without=group.values())
    assert {name for name in after if after[name] != before[name]} == {*group}
    assert await controller.stop() == 0
    await controller.verify()


async def test_a_restart_in_a_settled_cluster_writes_nothing(cluster: Cluster, program: MakeProgram) -> None:
    controller = program(*_ALONE, kubeconfig=cluster.kubeconfig)
    controller.start()
    cluster.apply()
    await cluster.complete()
    await controller.ready()
    assert await controller.stop() == 0
    assert cluster.server is not None
    before = _writes(cluster)
    controller.start()
    await controller.ready()
    assert await controller.stop() == 0
    assert _writes(cluster) == before


async def test_metrics_count_what_happens(cluster: Cluster, program: MakeProgram) -> None:
    controller = program("--no-webhooks", "--namespace", "default", kubeconfig=cluster.kubeconfig)
    controller.start()
    cluster.apply()
    await cluster.complete()
    group = cluster.group(0)
    cluster.kill("leaderworkerset-sample-0-1")
    await cluster.complete(without=group.values())
    await controller.ready()
    numbers = await controller.metrics()
    assert numbers['leader_election_master_status{name="b8b2488c.x-k8s.io"}'] == 1
    assert numbers['lws_events_group_recreations_total{failure="deleted"}'] == 1
    assert numbers['lws_events_commands_total{command="CreateWorkerStatefulSet",outcome="succeeded"}'] == GROUPS + 1
    assert numbers['lws_events_commands_total{command="DeleteLeaderPod",outcome="succeeded"}'] == 1
    assert numbers['lws_events_events_total{kind="PodObserved"}'] >= PODS * 3
    assert numbers['lws_events_journal_append_seconds_count{stream="events"}'] > 0
    decisions = numbers["lws_events_decisions_total"]
    assert 0 < numbers['lws_events_journal_append_seconds_count{stream="decisions"}'] <= decisions
    hosts = [name for name in numbers if name.startswith("rest_client_requests_total") and "127.0.0.1:" in name]
    assert hosts
    assert not any("http://" in name for name in hosts)
    assert await controller.stop() == 0


async def test_each_log_line_is_json_where_that_is_asked_for(cluster: Cluster, program: MakeProgram) -> None:
    controller = program(*_ALONE, "--log-format", "json", "--log-level", "debug", kubeconfig=cluster.kubeconfig)
    controller.start()
    await controller.ready()
    cluster.apply()
    await cluster.complete()
    assert await controller.stop() == 0
    lines = [json.loads(line) for line in controller.log.splitlines()]
    assert {"event", "level", "timestamp", "logger"} <= {*lines[0]}
    assert [line["event"] for line in lines].count("stopping") == 1


async def test_an_error_at_the_start_is_json_too(program: MakeProgram) -> None:
    controller = program(*_ALONE, "--log-format", "json", "--kubeconfig", "/absent/config")
    controller.start()
    assert await controller.ended() == 3
    last = json.loads(controller.log.splitlines()[-1])
    assert last["event"] == "the controller cannot run"
    assert "/absent/config" in last["error"]
    assert "--kubeconfig" in last["hint"]


async def test_an_api_server_that_is_away_at_the_start_is_waited_for(cluster: Cluster, program: MakeProgram) -> None:
    await cluster.stop()
    controller = program("--no-webhooks", "--namespace", "default", kubeconfig=cluster.kubeconfig)
    controller.start()
    said = await controller.readyz_says("api-server failed: the API server does not answer")
    assert said.endswith("failed\n")
    await cluster.start()
    await controller.ready()
    cluster.apply()
    await cluster.complete()
    assert await controller.stop() == 0


async def test_it_can_be_stopped_while_it_waits_for_the_api_server(cluster: Cluster, program: MakeProgram) -> None:
    await cluster.stop()
    controller = program("--namespace", "default", "--webhook-port", "0", kubeconfig=cluster.kubeconfig)
    controller.start()
    await controller.readyz_says("webhooks failed: the webhook certificate was not checked")
    assert await controller.stop() == 0, controller.log


async def test_an_api_server_that_goes_away_and_returns(cluster: Cluster, program: MakeProgram) -> None:
    controller = program(*_ALONE, kubeconfig=cluster.kubeconfig)
    controller.start()
    await controller.ready()
    cluster.apply()
    before = await cluster.complete()
    await cluster.stop()
    await controller.readyz_says("api-server failed: the API server does not answer")
    group = cluster.group(2)
    cluster.kill("leaderworkerset-sample-2-1")
    await cluster.start()
    after = await cluster.complete(without=group.values())
    assert {name for name in after if after[name] != before[name]} == {*group}
    await controller.ready()
    assert await controller.stop() == 0
    await controller.verify()


def _writes(cluster: Cluster) -> dict[tuple[str, str], int]:
    assert cluster.server is not None
    return {key: count for key, count in cluster.server.requests.items() if key[0] != "GET"}
