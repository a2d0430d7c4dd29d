"""The manifests of ``deploy/shadow``: a shadow may look, and nothing else."""

from pathlib import Path
from typing import Any, Final

import typer.main
import yaml

from adapters.cli import main

DEPLOY: Final = Path(__file__).parents[3] / "deploy" / "shadow"
KUSTOMIZATION: Final = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())
NAME: Final = "lws-events-shadow"


def _objects() -> dict[str, Any]:
    found = {}
    for file in KUSTOMIZATION["resources"]:
        for each in yaml.safe_load_all((DEPLOY / file).read_text()):
            found[each["kind"]] = each
    return found


OBJECTS: Final = _objects()
POD: Final = OBJECTS["Deployment"]["spec"]["template"]["spec"]


def test_it_may_look_and_nothing_else() -> None:
    for rule in OBJECTS["ClusterRole"]["rules"]:
        assert set(rule["verbs"]) == {"get", "list", "watch"}
        assert "*" not in rule["resources"]
        assert not [each for each in rule["resources"] if "secret" in each or "configmap" in each]
    assert set(OBJECTS) == {
        *("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "PersistentVolumeClaim", "Deployment"),
    }


def test_the_account_is_bound_to_that_role_alone() -> None:
    binding = OBJECTS["ClusterRoleBinding"]
    assert binding["roleRef"]["name"] == OBJECTS["ClusterRole"]["metadata"]["name"] == NAME
    [subject] = binding["subjects"]
    assert (subject["name"], subject["namespace"]) == (NAME, OBJECTS["ServiceAccount"]["metadata"]["namespace"])
    assert POD["serviceAccountName"] == OBJECTS["ServiceAccount"]["metadata"]["name"] == NAME


def test_its_arguments_exist_and_start_a_shadow() -> None:
    [container] = POD["containers"]
    assert container["command"] == ["lws-events"]
    command, *arguments = container["args"]
    assert command == "shadow"
    program: Any = typer.main.get_command(main.app)
    known = {flag for parameter in program.commands["shadow"].params for flag in parameter.opts}
    assert {argument.partition("=")[0] for argument in arguments} <= known


def test_both_streams_fit_into_the_volume_of_its_own_journal() -> None:
    [claim] = [volume["persistentVolumeClaim"]["claimName"] for volume in POD["volumes"]]
    assert claim == OBJECTS["PersistentVolumeClaim"]["metadata"]["name"]
    assert claim != "lws-journal"
    [limit] = [
        int(argument.partition("=")[2])
        for argument in POD["containers"][0]["args"]
        if argument.startswith("--journal-bytes-max")
    ]
    size = OBJECTS["PersistentVolumeClaim"]["spec"]["resources"]["requests"]["storage"]
    assert 2 * limit <= int(size.removesuffix("Gi")) * 1024**3
    [mount] = POD["containers"][0]["volumeMounts"]
    assert mount["mountPath"] == f"/var/lib/{NAME}"  # the default, as the image has XDG_STATE_HOME


def test_it_does_not_take_the_place_of_anything() -> None:
    for each in OBJECTS.values():
        assert each["metadata"]["name"].startswith(NAME)
    selector = OBJECTS["Deployment"]["spec"]["selector"]["matchLabels"]
    assert selector.items() <= OBJECTS["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    assert "control-plane" not in selector


def test_it_runs_as_the_restricted_standard_wants_it() -> None:
    assert POD["securityContext"]["runAsNonRoot"] is True
    for container in POD["containers"]:
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"]["drop"] == ["ALL"]
