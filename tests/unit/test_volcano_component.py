"""The component of ``deploy/`` for gang scheduling: the rights of the table of the reference, and nothing else."""

from pathlib import Path
from typing import Any, Final

import yaml

from lws_events.gang import VOLCANO

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
COMPONENT: Final = DEPLOY / "components" / "volcano"
SHADOW: Final = DEPLOY / "shadow"
"""It looks at everything that somebody else's installation may have, and may change none of it."""


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def test_it_adds_one_role_with_exactly_the_rights_to_make_and_follow_pod_groups() -> None:
    [kustomization] = documents(COMPONENT / "kustomization.yaml")
    assert (kustomization["kind"], kustomization["resources"]) == ("Component", ["cluster-role.yaml"])
    role, binding = documents(COMPONENT / "cluster-role.yaml")
    [rule] = role["rules"]
    assert rule == {
        "apiGroups": [VOLCANO.group],
        "resources": [VOLCANO.plural],
        "verbs": ["create", "get", "list", "watch"],
    }
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    base = documents(DEPLOY / "manifests" / "cluster-role.yaml")[-1]
    assert binding["subjects"] == base["subjects"]


def test_an_installation_has_it_only_if_asked() -> None:
    for path in sorted(DEPLOY.rglob("*.yaml")):
        if COMPONENT not in path.parents and SHADOW not in path.parents:
            assert VOLCANO.group not in path.read_text(), path
    assert not any(documents(path)[0].get("components") for path in DEPLOY.glob("**/kustomization.yaml"))
