"""The admission hooks as the webhooks' suite has them: registered without object selector, served by this process.

The deployed configuration asks about pods of sets alone; here every pod passes (catalogue 6.2). Deliberately absent:
certificates that rotate, and whatever else surrounds the hooks in production.
"""

import base64
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from adapters.webhooks.configuration import url_client, webhook_configurations
from adapters.webhooks.server import AdmissionServer
from adapters.webhooks.tls import KeyPair, LiveCertificate
from lws_events.admission import Surroundings
from tests.controlplane.api import Api, Json, core, eventually, leaderworkersets
from tests.controlplane.certificates import make_authority, write_server_certificate
from tests.controlplane.installation import MUTATING, VALIDATING
from tests.e2e.catalogue.definition import definition


class Hooked:
    """An API server that asks our hooks, and a namespace for the test."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.namespace = ""
        self.gang_provider: str | None = None
        """Set on the running server by the one case that needs it."""

    async def submit(self, manifest: Json) -> tuple[int, Json]:
        """Create a set; the code and the body of the answer."""
        return await self._send("POST", leaderworkersets(self.namespace), manifest)

    async def replace(self, manifest: Json) -> tuple[int, Json]:
        """Update a set that was read before; the code and the body of the answer."""
        return await self._send("PUT", leaderworkersets(self.namespace, manifest["metadata"]["name"]), manifest)

    async def pod(self, manifest: Json) -> Json:
        """Create a pod, which must be accepted, and read it back."""
        name = manifest["metadata"]["name"]
        await self.api.create(core("pods", self.namespace), manifest)
        return await self.api.get(core("pods", self.namespace, name))

    async def _send(self, method: str, path: str, manifest: Json) -> tuple[int, Json]:
        code, answer = await self.api.send(method, path, body=msgspec.json.encode(manifest))
        return code, msgspec.json.decode(answer)

    def surroundings(self, namespace: str, name: str) -> Surroundings:
        """What the hooks know beyond the request."""
        return Surroundings(gang_provider=self.gang_provider)


@contextlib.asynccontextmanager
async def registered(hooked: Hooked, *, directory: Path) -> AsyncIterator[None]:
    """Serve and register all four hooks; on leaving, they are asked no more."""
    authority = make_authority()
    certificate, key = write_server_certificate(authority, directory, hosts=("127.0.0.1",))
    live = LiveCertificate()
    live.use(KeyPair(certificate=certificate.read_bytes(), key=key.read_bytes()))
    async with AdmissionServer(live, host="127.0.0.1", port=0, surroundings_of=hooked.surroundings) as server:
        configurations = webhook_configurations(url_client(f"https://127.0.0.1:{server.port}"))
        paths = [f"{MUTATING}/{_name(configurations[0])}", f"{VALIDATING}/{_name(configurations[1])}"]
        for path, configuration in zip(paths, configurations, strict=True):
            await hooked.api.apply(path, _unselective(configuration, authority_pem=authority.pem))
        try:
            await eventually(lambda: _asked(hooked.api), what="the hooks to be asked")
            yield
        finally:
            for path in paths:
                await hooked.api.delete(path)
            await eventually(lambda: _ignored(hooked.api), what="the hooks to be asked no more")


def _name(configuration: Json) -> str:
    name: str = configuration["metadata"]["name"]
    return name


def _unselective(configuration: Json, *, authority_pem: bytes) -> Json:
    bundle = base64.b64encode(authority_pem).decode()
    webhooks: list[dict[str, Any]] = []
    for webhook in configuration["webhooks"]:
        client = {**webhook["clientConfig"], "caBundle": bundle}
        webhooks.append({k: v for k, v in webhook.items() if k != "objectSelector"} | {"clientConfig": client})
    return {**configuration, "webhooks": webhooks}


async def _asked(api: Api) -> bool:
    """The API server takes each of the two configurations up by itself, with a delay."""
    return await _probe(api, size=1) == (201, True) and await _probe(api, size=0) == (403, False)


async def _ignored(api: Api) -> bool:
    return await _probe(api, size=0) == (201, False)


async def _probe(api: Api, *, size: int) -> tuple[int, bool]:
    """Of a set without network configuration: the answer's code, and whether a hook has filled that in."""
    manifest = definition(name="probe", size=size)
    del manifest["spec"]["networkConfig"]
    params = {"dryRun": "All"}
    code, answer = await api.send(
        "POST", leaderworkersets("default"), body=msgspec.json.encode(manifest), params=params
    )
    return code, "networkConfig" in msgspec.json.decode(answer).get("spec", {})
