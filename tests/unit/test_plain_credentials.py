"""Credentials from plain files are what the kubernetes library makes of them; all that is not plain is left to it."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio import config
from kubernetes.aio.client import Configuration

from adapters.kubernetes.credentials import load
from adapters.kubernetes.errors import CredentialsError
from adapters.kubernetes.plain_credentials import of_pod, read
from tests.controlplane.certificates import make_authority, write_server_certificate

Json = dict[str, Any]


def kubeconfig(directory: Path, *, cluster: Json, user: Json | None) -> Path:
    """A kubeconfig beside the files that it names."""
    authority = make_authority()
    (directory / "ca.crt").write_bytes(authority.pem)
    write_server_certificate(authority, directory, hosts=("localhost",))
    (directory / "token").write_text("from file\n")
    file = directory / "config"
    content: Json = {
        "current-context": "c",
        "contexts": [
            {"name": "other", "context": {"cluster": "other", "user": "other"}},
            {"name": "c", "context": {"cluster": "k", "user": "u"}},
        ],
        "clusters": [
            {"name": "other", "cluster": {"server": "https://other"}},
            {"name": "k", "cluster": {"server": "https://localhost:6443", **cluster}},
        ],
        "users": [{"name": "other", "user": {"token": "other"}}, *([{"name": "u", "user": user}] if user else [])],
    }
    file.write_text(json.dumps(content))
    return file


@pytest.mark.parametrize(
    ("cluster", "user"),
    [
        ({}, {"token": "t"}),
        ({"certificate-authority": "ca.crt"}, {"tokenFile": "token"}),
        ({"certificate-authority": "ca.crt"}, {"client-certificate": "tls.crt", "client-key": "tls.key"}),
        ({"insecure-skip-tls-verify": True}, {"token": "t"}),
        ({"tls-server-name": "kubernetes", "proxy-url": "http://proxy:3128"}, {"token": "t"}),
    ],
    ids=["token", "token-file", "client-certificate", "insecure", "server-name-and-proxy"],
)
async def test_plain_files_are_read_as_the_library_reads_them(tmp_path: Path, cluster: Json, user: Json) -> None:
    file = kubeconfig(tmp_path, cluster=cluster, user=user)
    library: Any = Configuration()
    await config.load_kube_config(str(file), client_configuration=library)
    plain = read(file)
    assert plain is not None
    names = ("host", "ssl_ca_cert", "cert_file", "key_file", "verify_ssl", "tls_server_name", "proxy")
    assert {name: getattr(plain, name) for name in names} == {
        name: getattr(library, name) or None for name in names
    } | {"verify_ssl": library.verify_ssl}
    expected = {name: token.strip() for name, token in library.api_key.items()}
    assert plain.api_key == expected


async def test_an_authority_inside_the_file_is_trusted(tmp_path: Path) -> None:
    authority = make_authority().pem
    data = base64.b64encode(authority).decode()
    plain = read(kubeconfig(tmp_path, cluster={"certificate-authority-data": data}, user={"token": "t"}))
    assert plain is not None
    assert plain.ca_cert_data == authority.decode()
    access = await (await load(str(tmp_path / "config"), environ={})).access()
    assert not isinstance(access.tls, bool)
    assert len(access.tls.get_ca_certs()) == 1


@pytest.mark.parametrize(
    ("cluster", "user"),
    [
        ({}, {"exec": {"command": "aws"}}),
        ({}, {"auth-provider": {"name": "oidc"}}),
        ({}, {"client-certificate-data": "eA==", "client-key-data": "eA=="}),
        ({}, {"username": "u", "password": "p"}),
        ({}, {"token": "t", "as": "somebody else"}),
        ({}, {"token": "t", "tokenFile": "token"}),
        ({"disable-compression": True}, {"token": "t"}),
        ({"server": 6443}, {"token": "t"}),
        ({"certificate-authority-data": "not base64!"}, {"token": "t"}),
        ({"certificate-authority": "ca.crt", "certificate-authority-data": "eA=="}, {"token": "t"}),
        ({}, None),
    ],
)
def test_what_is_not_plain_is_left_to_the_library(tmp_path: Path, cluster: Json, user: Json | None) -> None:
    assert read(kubeconfig(tmp_path, cluster=cluster, user=user)) is None


@pytest.mark.parametrize("text", ["", "[", "- a\n", "current-context: c\n", "current-context: c\ncontexts: 3\n"])
def test_what_is_no_kubeconfig_is_left_to_the_library(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    assert read(file) is None


def test_a_pod_without_the_address_of_its_cluster_says_so() -> None:
    with pytest.raises(CredentialsError, match="KUBERNETES_SERVICE_PORT"):
        of_pod({"KUBERNETES_SERVICE_HOST": "10.0.0.1"})
