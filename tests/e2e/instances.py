"""Several instances of the controller on one control plane and one NATS server, and the network between them.

Each instance has its own account, by which the API server's audit log tells them apart, and its own way to the API
server and to NATS, which a test can cut. The webhooks are behind a balancer, as a Service would be: whoever stops an
instance takes it out. Leases are short.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
import yaml

from adapters.nats.server_process import find_server
from tests.bench import workload
from tests.bench.plane import Plane
from tests.controlplane import audit
from tests.controlplane.api import ApiError, Connection, core, eventually, leaderworkersets
from tests.controlplane.certificates import make_authority, write_server_certificate
from tests.controlplane.cluster import free_ports
from tests.controlplane.installation import install_webhooks
from tests.controlplane.processes import Child
from tests.e2e.controller import PROGRAM
from tests.e2e.tcp_proxy import TcpProxy

LEASE_SECONDS: Final = 5
RENEW_DEADLINE_SECONDS: Final = 3.5
RETRY_SECONDS: Final = 0.5
TAKE_OVER_SECONDS_MAX: Final = LEASE_SECONDS + 2
LEASE_NAME: Final = "b8b2488c.x-k8s.io"
_LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
_ACCESS: Final = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
_NATS_CONFIGURATION: Final = """\
listen: "127.0.0.1:{port}"
jetstream {{ store_dir: "{store}", sync_interval: always }}
"""


class Instance:
    """One controller: started, stopped, killed, and cut off."""

    def __init__(self, name: str, *, api: TcpProxy, nats: TcpProxy, directory: Path, command: list[str]) -> None:
        self.name = name
        self.api = api
        """Its way to the API server."""
        self.nats = nats
        """Its way to NATS."""
        self.health_port, self.webhook_port = free_ports(2)
        self.user = ""
        """Of its account, as the audit log has it."""
        self._log = directory / f"{name}.log"
        self.child = Child(
            [
                *command,
                *("--nats-url", f"nats://127.0.0.1:{nats.port}"),
                *("--webhook-host", "127.0.0.1", "--webhook-port", str(self.webhook_port)),
                *("--health-probe-bind-address", f"127.0.0.1:{self.health_port}"),
            ],
            log=self._log,
        )

    @property
    def log(self) -> str:
        """Everything that it has said, over all its lives."""
        return self._log.read_text() if self._log.exists() else ""

    def has_led_as(self, identity: str) -> bool:
        """Whether this is the instance that took the Lease under this identity."""
        return any(identity in line and '"leading"' in line for line in self.log.splitlines())

    def signal(self, number: int) -> None:
        """Send its process a signal."""
        os.kill(self.child.pid, number)

    async def readyz(self) -> str:
        """What the readiness endpoint says; empty while it does not answer."""
        timeout = aiohttp.ClientTimeout(total=2)
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with aiohttp.request("GET", f"http://127.0.0.1:{self.health_port}/readyz", timeout=timeout) as answer:
                return await answer.text()
        return ""

    async def ready(self) -> None:
        """Wait until it is ready."""

        async def answers() -> bool:
            assert self.child.running(), f"{self.name} has ended\n{self.child.log_tail()}"
            return await self.readyz() == "ok"

        try:
            await eventually(answers, what=f"{self.name} to be ready")
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{await self.readyz()}\n{self.child.log_tail()}") from error

    async def ended(self) -> int | None:
        """Wait for its end by itself; the exit code."""

        async def gone() -> bool:
            return not self.child.running()

        await eventually(gone, what=f"{self.name} to end by itself: {self.child.log_tail()}")
        return await asyncio.to_thread(self.child.stop)


class Roles(NamedTuple):
    """Who leads and who waits."""

    leader: Instance
    standby: Instance


class Instances:
    """Two instances, and everything around them. Made by ``running_instances``."""

    def __init__(self, plane: Plane, directory: Path, stack: contextlib.AsyncExitStack) -> None:
        self.plane = plane
        self.audit = audit.AuditLog(plane.control_plane.audit_log)
        self.members: list[Instance] = []
        self.balancer = TcpProxy()
        self._directory = directory
        self._stack = stack
        (self._nats_port,) = free_ports(1)
        configuration = directory / "nats.conf"
        configuration.write_text(_NATS_CONFIGURATION.format(port=self._nats_port, store=directory / "jetstream"))
        self._nats = Child([str(find_server()), "-c", str(configuration)], log=directory / "nats.log")

    @property
    def nats_url(self) -> str:
        """The server itself, for the test's own questions."""
        return f"nats://127.0.0.1:{self._nats_port}"

    async def set_up(self) -> None:
        """Everything but the instances, which are laid out and not started."""
        self._nats.start()
        self._stack.callback(self._nats.kill)
        await self._stack.enter_async_context(self.balancer)
        authority = make_authority()
        certificates = self._directory / "certificates"
        certificates.mkdir()
        write_server_certificate(authority, certificates, hosts=("127.0.0.1", "localhost"))
        for name in ("instance-a", "instance-b"):
            self.members.append(await self._lay_out(name, certificates))
        await install_webhooks(
            self.plane.api, url=f"https://127.0.0.1:{self.balancer.port}", authority_pem=authority.pem
        )

    async def start(self, instance: Instance) -> None:
        """Start an instance, wait until it is ready, and let the balancer use it."""
        instance.child.start()
        await instance.ready()
        self.admit_by(*{*self.balancer.targets, instance.webhook_port})

    def admit_by(self, *ports: int) -> None:
        """From now on the API server reaches these webhooks and no others."""
        self.balancer.targets[:] = ports
        self.balancer.cut()

    def take_out(self, instance: Instance) -> None:
        """What Kubernetes does with the endpoint of a pod that is not ready."""
        self.admit_by(*(port for port in self.balancer.targets if port != instance.webhook_port))

    async def lease(self) -> dict[str, Any]:
        """The Lease's spec; empty while there is none."""
        found = await self.plane.api.find(f"{_LEASES.format(self.plane.namespace)}/{LEASE_NAME}")
        return found["spec"] if found else {}

    async def roles(self) -> Roles:
        """Who leads and who waits, once that is settled."""

        async def settled() -> Roles | None:
            identity = (await self.lease()).get("holderIdentity")
            leaders = [member for member in self.members if identity and member.has_led_as(identity)]
            if not leaders:
                return None
            return Roles(leaders[0], next(member for member in self.members if member is not leaders[0]))

        return await eventually(settled, what="one of the instances to lead")

    def writes(self, instance: Instance) -> list[audit.Request]:
        """What one instance has asked the API server to change since the mark, Leases left out."""
        return [each for each in audit.writes_of(self.audit.since_mark(), "") if each.user.username == instance.user]

    def deletions(self) -> list[str]:
        """Names of the leaders that instances have deleted since the mark, one for each deletion that was accepted.

        One that was cut off with its instance counts where no other deletion of that leader was accepted.
        """
        writes = [each for member in self.members for each in self.writes(member)]
        accepted = [each.object_ref.name for each in audit.pod_deletions(writes, namespace=self.plane.namespace)]
        sent = {each.object_ref.name for each in writes if each.kind == "delete pods"}
        return sorted([*accepted, *(sent - set(accepted))])

    async def verify(self) -> dict[str, Any]:
        """What ``verify`` says in another process, with another seed for hashes."""
        process = await asyncio.create_subprocess_exec(
            *(PROGRAM, "verify", "--nats-url", self.nats_url, "-o", "json"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONHASHSEED": "4711"},
        )
        output, errors = await process.communicate()
        assert process.returncode == 0, output.decode() + errors.decode()
        found: dict[str, Any] = json.loads(output)
        return found

    async def create_set(self, *, groups: int, size: int) -> None:
        """Create the set and wait until it is Available."""
        manifest = workload.manifest(self.plane.namespace, groups=groups, size=size)

        async def accepted() -> bool:
            # The API server takes a new webhook configuration up with a delay.
            params = {"dryRun": "All"}
            with contextlib.suppress(ApiError):
                answer = await self.plane.api.call(
                    "POST", leaderworkersets(self.plane.namespace), manifest, params=params
                )
                return "networkConfig" in answer["spec"]
            return False

        await eventually(accepted, what="the webhooks to admit a set")
        await self.plane.api.create(leaderworkersets(self.plane.namespace), manifest)
        await workload.wait_until_available(self.plane.api, self.plane.namespace, groups=groups, timeout_seconds=120)

    async def _lay_out(self, name: str, certificates: Path) -> Instance:
        to_api = TcpProxy(int(self.plane.control_plane.connection.server.rsplit(":", 1)[1]))
        to_nats = TcpProxy(self._nats_port)
        await self._stack.enter_async_context(to_api)
        await self._stack.enter_async_context(to_nats)
        kubeconfig = self._directory / f"{name}.kubeconfig"
        instance = Instance(
            name,
            api=to_api,
            nats=to_nats,
            directory=self._directory,
            command=[
                *(PROGRAM, "run", "--kubeconfig", str(kubeconfig), "--namespace", self.plane.namespace),
                *("--webhook-cert-dir", str(certificates), "--metrics-bind-address", "0", "--log-format", "json"),
                *("--leader-elect-lease-duration", f"{LEASE_SECONDS}s"),
                *("--leader-elect-renew-deadline", f"{int(RENEW_DEADLINE_SECONDS * 1000)}ms"),
                *("--leader-elect-retry-period", f"{int(RETRY_SECONDS * 1000)}ms"),
            ],
        )
        instance.user = f"system:serviceaccount:{self.plane.namespace}:{name}"
        _write_kubeconfig(kubeconfig, self.plane.control_plane.connection, to_api.port, await self._token(name))
        self._stack.callback(instance.child.kill)
        return instance

    async def _token(self, name: str) -> str:
        """Of a new account with an administrator's rights (which rights are needed is tested elsewhere)."""
        api, namespace = self.plane.api, self.plane.namespace
        manifest = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
        await api.create(core("serviceaccounts", namespace), manifest)
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"{namespace}-{name}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        }
        await api.create(_ACCESS, binding)
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        answer = await api.call("POST", core("serviceaccounts", namespace, name) + "/token", request)
        return str(answer["status"]["token"])


@contextlib.asynccontextmanager
async def running_instances(plane: Plane, directory: Path) -> AsyncIterator[Instances]:
    """Everything around two instances, which the caller starts; nothing is left after the block."""
    async with contextlib.AsyncExitStack() as stack:
        instances = Instances(plane, directory, stack)
        await instances.set_up()
        yield instances


def _write_kubeconfig(path: Path, connection: Connection, port: int, token: str) -> None:
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(connection.authority_file)}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    }
    path.write_text(yaml.safe_dump(document))
