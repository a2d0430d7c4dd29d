"""The controller's account with the rights of ``deploy``, and users who change things, on a fresh control plane.

Recorded journals name who did what, so nobody here is an administrator by another name: the controller has what its
manifests grant, users are whom the API server tells admission about.
"""

from pathlib import Path
from typing import Final

import yaml

from tests.controlplane.api import NAMESPACES, Api, Json, User, core, eventually
from tests.controlplane.cluster import ControlPlane

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
FILES: Final = (
    "manifests/namespace.yaml",
    "manifests/service-account.yaml",
    "manifests/cluster-role.yaml",
    "components/capture-logs/cluster-role.yaml",
)
HOME: Final = "lws-system"
ACCOUNT: Final = "lws-controller-manager"

RELEASES: Final = User("releases@example.test", ("ci",))
MAINTENANCE: Final = User("maintenance@example.test", ("infra",))
ON_CALL: Final = User("on-call@example.test", ("sre",))
AUTOSCALER: Final = User("system:serviceaccount:kube-system:horizontal-pod-autoscaler", ("system:serviceaccounts",))
KUBELETS: Final = User("system:node:kubelets", ("system:nodes", "system:masters"))
USERS: Final = (RELEASES, MAINTENANCE, ON_CALL, AUTOSCALER)

_RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"
_PLURALS: Final = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
}


async def install(control_plane: ControlPlane, api: Api) -> Path:
    """Grant all rights; the kubeconfig of the controller's account."""
    for file in FILES:
        for manifest in yaml.safe_load_all((DEPLOY / file).read_text()):
            await api.apply(_path(manifest), manifest)
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user.name} for user in USERS]
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "recorded-users"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": subjects,
    }
    await api.apply(f"{_RBAC}/clusterrolebindings/recorded-users", binding)
    content = yaml.safe_load(control_plane.kubeconfig.read_text())
    content["users"][0]["user"] = {"token": await _token(api)}
    kubeconfig = control_plane.directory / "controller.kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(yaml.safe_dump(content))
    return kubeconfig


async def _token(api: Api) -> str:
    path = core("serviceaccounts", HOME, ACCOUNT)
    await eventually(lambda: api.find(path), what="the controller's account")
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}}
    token: str = (await api.call("POST", path + "/token", request))["status"]["token"]
    return token


def _path(manifest: Json) -> str:
    kind, metadata = manifest["kind"], manifest["metadata"]
    if kind == "Namespace":
        return f"{NAMESPACES}/{metadata['name']}"
    if kind == "ServiceAccount":
        return core("serviceaccounts", metadata["namespace"], metadata["name"])
    return f"{_RBAC}/{_PLURALS[kind]}/{metadata['name']}"
