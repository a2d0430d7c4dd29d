"""Run a real control plane: etcd, API server, controller manager and scheduler as child processes on loopback.

It behaves as a production cluster would where that matters to the controller (all controllers run, authorisation and
admission included) and hurries where it does not (no fsync, no client throttling). Single components can be stopped,
killed and started again by fault tests. Deliberately absent: nodes (see ``kubelets``), networking, storage drivers.
"""

import asyncio
import secrets
import shutil
import socket
import tempfile
import time
from pathlib import Path
from typing import Final, Literal, Self

import aiohttp
import yaml

from tests.controlplane.api import NAMESPACES, Api, ApiError, Connection, core
from tests.controlplane.build import binaries
from tests.controlplane.certificates import make_authority, write_server_certificate, write_signing_key
from tests.controlplane.processes import Child

Component = Literal["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]
COMPONENTS: Final[tuple[Component, ...]] = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
BARE: Final[tuple[Component, ...]] = ("etcd", "kube-apiserver")
"""Storage and validation alone: no object follows from another, and pods need no ServiceAccount."""

# The leader StatefulSet's maxUnavailable is dropped by the API server without this gate (spec 2.2).
FEATURE_GATES: Final = "MaxUnavailableStatefulSet=true"
# The default of 20 requests per second would hide every difference between controllers.
CLIENT_LIMITS: Final = ("--kube-api-qps=2000", "--kube-api-burst=4000")
READY_SECONDS_MAX: Final = 90


class ControlPlane:
    """A control plane in a temporary folder; an async context manager.

    ``kubeconfig`` is a file with administrator's rights, ``connection`` the same for ``Api``. ``audit_log`` exists
    when asked for: one JSON line per finished write request, with user agent and response code.
    """

    def __init__(
        self,
        *,
        audit: bool = False,
        node_grace_seconds: int = 20,
        eviction_seconds: int = 5,
        components: tuple[Component, ...] = COMPONENTS,
        accounts: bool = False,
        directory: Path | None = None,
    ) -> None:
        """Nothing is started before the context is entered.

        Args:
            audit: record every write request in ``audit_log``.
            node_grace_seconds: a node whose lease is not renewed for so long becomes NotReady.
            eviction_seconds: how long pods stay on a NotReady node before they are deleted.
            components: what runs: all of it, or ``BARE``.
            accounts: each controller of Kubernetes has an account of its own, as in distributions.
            directory: where everything is kept, and stays; a temporary folder that is removed if absent.
        """
        self._temporary = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="lws-controlplane-"))
        self._audit = audit
        self._node_grace_seconds = node_grace_seconds
        self._eviction_seconds = eviction_seconds
        self._components = components
        self._accounts = accounts
        # The account without which pods are refused is made by the controller manager.
        self._needs_accounts = "kube-controller-manager" in components
        self._children: dict[Component, Child] = {}
        self.kubeconfig = self.directory / "admin.kubeconfig"
        self.audit_log = self.directory / "audit.log"

    async def __aenter__(self) -> Self:
        """Start everything and return when pods can be created."""
        try:
            self._prepare()
            for child in self._children.values():
                child.start()
            await self.wait_until_ready()
        except BaseException:
            self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Kill every component and remove the temporary folder."""
        self._end()

    def api(self, *, user_agent: str = "lws-events-tests") -> Api:
        """A client with administrator's rights, to be entered by the caller in its own loop."""
        return Api(self.connection, user_agent=user_agent)

    async def stop(self, component: Component) -> None:
        """End one component in an orderly way; blocks the loop for up to five seconds."""
        self._children[component].stop()

    async def kill(self, component: Component) -> None:
        """End one component as a crash would."""
        self._children[component].kill()

    async def start(self, component: Component) -> None:
        """Start a component that was stopped or killed, on its old address, and wait until the cluster is ready."""
        self._children[component].start()
        await self.wait_until_ready()
        if component == "kube-apiserver" and "kube-scheduler" in self._children:
            # One that has missed changes meanwhile may still find out later that its cache is inconsistent.
            self._children["kube-scheduler"].kill()
            self._children["kube-scheduler"].start()

    async def compact(self) -> int:
        """Compact etcd at its present revision, so that older watches cannot be resumed from it; the revision."""
        async with aiohttp.ClientSession(self._etcd_url, timeout=aiohttp.ClientTimeout(total=10)) as session:
            async with session.post("/v3/maintenance/status", json={}) as response:
                revision = int((await response.json())["header"]["revision"])
            async with session.post("/v3/kv/compaction", json={"revision": revision, "physical": True}) as response:
                response.raise_for_status()
        return revision

    async def expire_watches(self) -> int:
        """Make the API server forget its history: every watch that resumes at an older version is told 410 Gone.

        Compaction alone is not enough, since the API server keeps recent history in memory; so it is killed and
        started as well, which breaks all connections. Returns the revision from which watches can be resumed.
        """
        await self.kill("kube-apiserver")
        revision = await self.compact()
        await self.start("kube-apiserver")
        return revision

    async def wait_until_ready(self) -> None:
        """Return when the API server is ready and the controller manager, if any, has made the default ServiceAccount.

        Raises:
            TimeoutError: not within 90 s, or a component ended; the message quotes its log.
        """
        deadline = time.monotonic() + READY_SECONDS_MAX
        async with self.api() as api:
            while not await self._answers(api):
                self._revive_scheduler()
                dead = [c for c in self._children.values() if not c.running()]
                if dead or time.monotonic() > deadline:
                    child = dead[0] if dead else self._children["kube-apiserver"]
                    raise TimeoutError(f"the control plane is not ready; log of {child.name}:\n{child.log_tail()}")
                await asyncio.sleep(0.1)

    def _revive_scheduler(self) -> None:
        """A scheduler that finds its cache inconsistent ends itself; in a cluster the kubelet starts it again."""
        scheduler = self._children.get("kube-scheduler")
        if scheduler is not None and not scheduler.running():
            scheduler.start()

    async def _answers(self, api: Api) -> bool:
        try:
            code, _ = await api.send("GET", "/readyz")
            wanted = core("serviceaccounts", "default", "default") if self._needs_accounts else f"{NAMESPACES}/default"
            return code == 200 and await api.find(wanted) is not None
        except (aiohttp.ClientError, ApiError, TimeoutError):
            return False

    def _end(self) -> None:
        for child in reversed(self._children.values()):
            child.kill()
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _prepare(self) -> None:
        """Write certificates, tokens and kubeconfigs, and lay out the commands."""
        programs = binaries()
        self.directory.mkdir(parents=True, exist_ok=True)
        client_port, peer_port, secure_port = free_ports(3)
        self._etcd_url = f"http://127.0.0.1:{client_port}"
        authority = make_authority()
        authority_file = self.directory / "ca.crt"
        authority_file.write_bytes(authority.pem)
        self.connection = Connection(f"https://127.0.0.1:{secure_port}", authority_file, secrets.token_hex(16))
        self._write_kubeconfig(self.kubeconfig, token=self.connection.token)
        tokens = {"admin": self.connection.token}
        for user in ("kube-controller-manager", "kube-scheduler"):
            tokens[user] = secrets.token_hex(16)
            self._write_kubeconfig(self.directory / f"{user}.kubeconfig", token=tokens[user])
        (self.directory / "tokens.csv").write_text(
            "".join(f"{token},{user},{user},system:masters\n" for user, token in tokens.items())
        )
        certificate, key = write_server_certificate(authority, self.directory, hosts=("127.0.0.1", "localhost"))
        signing_key = write_signing_key(self.directory / "service-accounts.key")
        commands: dict[Component, list[str]] = {
            "etcd": self._etcd(peer_port=peer_port),
            "kube-apiserver": self._api_server(secure_port, certificate=certificate, key=key, signing_key=signing_key),
            "kube-controller-manager": self._controller_manager(signing_key=signing_key),
            "kube-scheduler": self._scheduler(),
        }
        for name in self._components:
            arguments = commands[name]
            self._children[name] = Child([str(programs / name), *arguments], log=self.directory / f"{name}.log")

    def _etcd(self, *, peer_port: int) -> list[str]:
        peer = f"http://127.0.0.1:{peer_port}"
        return [
            "--name=test",
            f"--data-dir={self.directory / 'etcd'}",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=test={peer}",
            "--unsafe-no-fsync",
            "--log-level=error",
        ]

    def _api_server(self, port: int, *, certificate: Path, key: Path, signing_key: Path) -> list[str]:
        return [
            f"--etcd-servers={self._etcd_url}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={key}",
            f"--token-auth-file={self.directory / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            # As in distributions that are strict: an owner reference that blocks deletion needs a right to the owner.
            "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
            f"--service-account-key-file={signing_key}",
            f"--service-account-signing-key-file={signing_key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--allow-privileged=true",
            f"--feature-gates={FEATURE_GATES}",
            "--max-requests-inflight=2000",
            "--max-mutating-requests-inflight=1000",
            f"--default-not-ready-toleration-seconds={self._eviction_seconds}",
            f"--default-unreachable-toleration-seconds={self._eviction_seconds}",
            *([] if self._needs_accounts else ["--disable-admission-plugins=ServiceAccount"]),
            *(self._audit_arguments() if self._audit else []),
        ]

    def _audit_arguments(self) -> list[str]:
        policy = self.directory / "audit-policy.yaml"
        verbs = ["create", "update", "patch", "delete", "deletecollection"]
        policy.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "audit.k8s.io/v1",
                    "kind": "Policy",
                    "omitStages": ["RequestReceived", "ResponseStarted"],
                    "rules": [{"level": "Metadata", "verbs": verbs}, {"level": "None"}],
                }
            )
        )
        return [f"--audit-policy-file={policy}", f"--audit-log-path={self.audit_log}"]

    def _controller_manager(self, *, signing_key: Path) -> list[str]:
        return [
            f"--kubeconfig={self.directory / 'kube-controller-manager.kubeconfig'}",
            f"--service-account-private-key-file={signing_key}",
            f"--root-ca-file={self.connection.authority_file}",
            "--controllers=*",
            "--secure-port=0",
            "--leader-elect=false",
            f"--use-service-account-credentials={str(self._accounts).lower()}",
            f"--feature-gates={FEATURE_GATES}",
            *CLIENT_LIMITS,
            "--concurrent-statefulset-syncs=20",
            "--concurrent-gc-syncs=20",
            "--concurrent-namespace-syncs=20",
            "--node-monitor-period=1s",
            f"--node-monitor-grace-period={self._node_grace_seconds}s",
        ]

    def _scheduler(self) -> list[str]:
        kubeconfig = self.directory / "kube-scheduler.kubeconfig"
        return [f"--kubeconfig={kubeconfig}", "--secure-port=0", "--leader-elect=false", *CLIENT_LIMITS]

    def _write_kubeconfig(self, path: Path, *, token: str) -> None:
        cluster = {"server": self.connection.server, "certificate-authority": str(self.connection.authority_file)}
        path.touch(mode=0o600)
        path.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "test",
                    "clusters": [{"name": "test", "cluster": cluster}],
                    "users": [{"name": "test", "user": {"token": token}}],
                    "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
                }
            )
        )


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now; held together while asking, so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()
