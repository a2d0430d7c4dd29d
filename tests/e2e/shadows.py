"""``lws-events shadow`` beside a controller on the real control plane, with nothing but the rights of its manifests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from tests.controlplane.api import Api, core, eventually
from tests.controlplane.cluster import ControlPlane
from tests.integration.shadow.shadows import Shadow

MANIFESTS: Final = Path(__file__).parents[2] / "deploy" / "shadow"
ACCOUNT: Final = "lws-events-shadow"
USER_AGENT: Final = "(shadow;"
# A machine with few cores runs a whole control plane, two controllers and the kubelets.
PATIENCE_SECONDS: Final = 10
_PLURALS: Final = {
    "ServiceAccount": "serviceaccounts",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
}


@asynccontextmanager
async def a_shadow(control_plane: ControlPlane, api: Api, home: str, directory: Path) -> AsyncIterator[Shadow]:
    """A shadow with the rights of ``deploy/shadow`` in the namespace ``home``, started."""
    cluster_wide = []
    for file in ("service-account.yaml", "cluster-role.yaml"):
        for manifest in yaml.safe_load_all((MANIFESTS / file).read_text().replace("lws-system", home)):
            path = _path(manifest, home)
            await api.apply(path, manifest)
            if manifest["kind"] != "ServiceAccount":
                cluster_wide.append(path)
    kubeconfig = _kubeconfig(control_plane, token=await _token(api, home), directory=directory)
    shadow = Shadow(directory, kubeconfig=kubeconfig, patience_seconds=PATIENCE_SECONDS)
    try:
        await shadow.start()
        yield shadow
    finally:
        shadow.child.kill()
        for path in reversed(cluster_wide):
            await api.delete(path)


def _path(manifest: dict[str, Any], home: str) -> str:
    group = manifest["apiVersion"]
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    where = f"/namespaces/{home}" if manifest["metadata"].get("namespace") else ""
    return f"{root}{where}/{_PLURALS[manifest['kind']]}/{manifest['metadata']['name']}"


async def _token(api: Api, home: str) -> str:
    path = core("serviceaccounts", home, ACCOUNT)
    await eventually(lambda: api.find(path), what="the account of the shadow")
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    token: str = (await api.call("POST", path + "/token", request))["status"]["token"]
    return token


def _kubeconfig(control_plane: ControlPlane, *, token: str, directory: Path) -> Path:
    content = yaml.safe_load(control_plane.kubeconfig.read_text())
    content["users"][0]["user"] = {"token": token}
    kubeconfig = directory / "shadow.kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(yaml.safe_dump(content))
    return kubeconfig
