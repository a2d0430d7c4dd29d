"""Credentials that need no more than files: the pod's own account, and kubeconfigs with a token or certificate files.

The kubernetes library reads everything else (exec plugins, identity providers, embedded client certificates, merged
files), but it weighs some 15 MiB and a third of a second of CPU that stay with the process. ``read`` returns None for
whatever it does not understand completely, so that the library decides about it, also about what is wrong with it.
"""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from adapters.kubernetes.errors import CredentialsError

ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts a pod's account."""

_USER_KEYS: Final = frozenset({"token", "tokenFile", "client-certificate", "client-key"})
_CLUSTER_KEYS: Final = frozenset(
    {
        "server",
        "certificate-authority",
        "certificate-authority-data",
        "insecure-skip-tls-verify",
        "tls-server-name",
        "proxy-url",
    }
)


class PlainConfiguration(msgspec.Struct, kw_only=True):
    """The part of the library's ``Configuration`` that is looked at, under the same names."""

    host: str
    api_key: dict[str, str] = {}
    ssl_ca_cert: str | None = None
    ca_cert_data: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    verify_ssl: bool = True
    tls_server_name: str | None = None
    proxy: str | None = None
    token_file: str | None = None

    def read_token(self) -> None:
        """Read the token file again, if the token comes from one. Raises ``OSError``."""
        if self.token_file is not None:
            self.api_key["BearerToken"] = f"Bearer {Path(self.token_file).read_text().strip()}"


def read(path: Path) -> PlainConfiguration | None:
    """The current context of a kubeconfig file; None where that takes the library. Raises ``OSError``."""
    try:
        content = yaml.safe_load(path.read_text())
        context = _named(content, "contexts", "context", content["current-context"])
        cluster = _named(content, "clusters", "cluster", context["cluster"])
        user = _named(content, "users", "user", context["user"])
        if not (user.keys() <= _USER_KEYS and cluster.keys() <= _CLUSTER_KEYS) or _is_ambiguous(cluster, user):
            return None
        configuration = msgspec.convert(_configuration(cluster, user, directory=path.parent), PlainConfiguration)
    except (yaml.YAMLError, UnicodeDecodeError, LookupError, TypeError, AttributeError, binascii.Error):
        return None
    except msgspec.ValidationError:
        return None
    configuration.read_token()
    return configuration


def of_pod(environ: Mapping[str, str]) -> PlainConfiguration:
    """The account of the pod that this process runs in. Raises ``CredentialsError``, ``OSError``."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise CredentialsError("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must both be set in a pod")
    configuration = PlainConfiguration(
        host=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        ssl_ca_cert=str(ACCOUNT / "ca.crt"),
        token_file=str(ACCOUNT / "token"),
    )
    configuration.read_token()
    return configuration


def _named(content: Any, plural: str, singular: str, name: str) -> dict[str, Any]:
    """An entry of one of the lists of a kubeconfig. Raises ``LookupError``, ``TypeError``."""
    for entry in content[plural]:
        if entry["name"] == name:
            found: dict[str, Any] = entry[singular]
            return found
    raise LookupError(name)


def _is_ambiguous(cluster: dict[str, Any], user: dict[str, Any]) -> bool:
    """Something is given twice."""
    twice = "certificate-authority" in cluster and "certificate-authority-data" in cluster
    return twice or ("token" in user and "tokenFile" in user)


def _configuration(cluster: dict[str, Any], user: dict[str, Any], *, directory: Path) -> dict[str, Any]:
    authority = cluster.get("certificate-authority-data")
    return {
        "host": cluster["server"],
        "api_key": {"BearerToken": f"Bearer {user['token']}"} if user.get("token") else {},
        "token_file": _path(user.get("tokenFile"), directory),
        "ca_cert_data": base64.b64decode(authority, validate=True).decode() if authority else None,
        "ssl_ca_cert": _path(cluster.get("certificate-authority"), directory),
        "cert_file": _path(user.get("client-certificate"), directory),
        "key_file": _path(user.get("client-key"), directory),
        "verify_ssl": not cluster.get("insecure-skip-tls-verify", False),
        "tls_server_name": cluster.get("tls-server-name"),
        "proxy": cluster.get("proxy-url"),
    }


def _path(name: str | None, directory: Path) -> str | None:
    """Relative paths are relative to the kubeconfig."""
    return str(directory / name) if name else None
