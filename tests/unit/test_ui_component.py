"""The component of ``deploy/`` for the web page: on loopback alone, and only if asked."""

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from adapters.settings.controller import Settings

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
COMPONENT: Final = DEPLOY / "components" / "ui"


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def test_it_serves_the_page_where_only_a_forwarded_port_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    [kustomization] = documents(COMPONENT / "kustomization.yaml")
    assert kustomization["kind"] == "Component"
    assert "resources" not in kustomization, "no Service, no right"
    [patch] = documents(COMPONENT / "setting.yaml")
    controller = documents(DEPLOY / "manifests" / "controller.yaml")[0]
    assert (patch["kind"], patch["metadata"]) == (controller["kind"], controller["metadata"])
    [patched] = patch["spec"]["template"]["spec"]["containers"]
    [container] = controller["spec"]["template"]["spec"]["containers"]
    assert patched["name"] == container["name"]
    assert Settings().ui is None
    for variable in patched["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    address = Settings().ui
    assert address is not None
    assert address.is_loopback
    assert address.port not in {port["containerPort"] for port in container["ports"]}
    assert (
        f"port-forward deployment/{patch['metadata']['name']} {address.port}"
        in (COMPONENT / "kustomization.yaml").read_text()
    )


def test_an_installation_has_it_only_if_asked() -> None:
    for path in sorted(DEPLOY.rglob("*.yaml")):
        if COMPONENT not in path.parents:
            assert "UI_BIND_ADDRESS" not in path.read_text(), path
