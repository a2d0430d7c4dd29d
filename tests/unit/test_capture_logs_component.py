"""The component of ``deploy/`` for captured logs: the one right that it needs, the setting, and both only if asked."""

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from adapters.settings.controller import Settings

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
COMPONENT: Final = DEPLOY / "components" / "capture-logs"


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def test_it_adds_the_right_to_read_logs_and_nothing_else() -> None:
    [kustomization] = documents(COMPONENT / "kustomization.yaml")
    assert (kustomization["kind"], kustomization["resources"]) == ("Component", ["cluster-role.yaml"])
    role, binding = documents(COMPONENT / "cluster-role.yaml")
    assert role["rules"] == [{"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    base = documents(DEPLOY / "manifests" / "cluster-role.yaml")[-1]
    assert binding["subjects"] == base["subjects"]


def test_it_turns_the_setting_on_for_the_controller(monkeypatch: pytest.MonkeyPatch) -> None:
    [patch] = documents(COMPONENT / "setting.yaml")
    controller = documents(DEPLOY / "manifests" / "controller.yaml")[0]
    assert (patch["kind"], patch["metadata"]) == (controller["kind"], controller["metadata"])
    [patched] = patch["spec"]["template"]["spec"]["containers"]
    assert patched["name"] in [one["name"] for one in controller["spec"]["template"]["spec"]["containers"]]
    assert Settings().log_capture() is None
    for variable in patched["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    assert Settings().log_capture() is not None


def test_an_installation_has_it_only_if_asked() -> None:
    for path in sorted(DEPLOY.rglob("*.yaml")):
        if COMPONENT not in path.parents:
            assert "pods/log" not in path.read_text(), path
