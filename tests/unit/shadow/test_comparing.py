"""What of an object counts as a difference."""

from typing import Any

import pytest

from adapters.shadow.comparing import FIELDS_MAX, differences
from lws_events.differences import FieldDifference

PREFIX = "leaderworkerset.sigs.k8s.io/"
OURS: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {
        "name": "a",
        "labels": {f"{PREFIX}name": "a"},
        "ownerReferences": [{"kind": "Pod", "name": "a", "uid": "u"}],
    },
    "spec": {
        "replicas": 2,
        "template": {
            "metadata": {"creationTimestamp": None},
            "spec": {
                "containers": [{"name": "c", "resources": {"requests": {"cpu": "1000m"}}}],
                "volumes": [{"name": "v", "emptyDir": {}}],
            },
        },
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": ""},
        "updateStrategy": {"rollingUpdate": {"partition": 0, "maxUnavailable": 2}},
    },
}


def _theirs(**spec: Any) -> dict[str, Any]:
    """As the API server has it: with defaults, and in its own words."""
    return {
        "metadata": {
            "name": "a",
            "uid": "x",
            "labels": {f"{PREFIX}name": "a", "added": "by somebody"},
            "ownerReferences": [
                {"kind": "Other", "uid": "o"},
                {"kind": "Pod", "name": "a", "uid": "u", "controller": True},
            ],
        },
        "spec": {
            "replicas": 2,
            "template": {
                "spec": {
                    "containers": [{"name": "c", "imagePullPolicy": "Always", "resources": {"requests": {"cpu": "1"}}}],
                    "volumes": [{"name": "v", "emptyDir": {}}],
                    "dnsPolicy": "ClusterFirst",
                }
            },
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain"},
            "updateStrategy": {"rollingUpdate": {}},
        }
        | spec,
        "status": {"replicas": 2},
    }


def test_defaults_other_spellings_and_the_doings_of_others_are_none() -> None:
    assert differences(OURS, _theirs()) == ()


def test_other_values_absent_ones_and_longer_lists_are() -> None:
    theirs = _theirs(replicas=3)
    theirs["spec"]["template"]["spec"]["containers"].append({"name": "d"})
    theirs["spec"]["template"]["spec"]["volumes"] = None
    found = differences(OURS, theirs)
    assert [field.path for field in found] == [
        "spec.replicas",
        "spec.template.spec.containers",
        "spec.template.spec.volumes",
    ]
    assert found[0] == FieldDifference("spec.replicas", "2", "3")
    assert found[2].theirs == ""


def test_an_owner_that_is_missing_is() -> None:
    theirs = _theirs()
    theirs["metadata"]["ownerReferences"].pop()
    assert [field.path for field in differences(OURS, theirs)] == ["metadata.ownerReferences"]


def test_keys_of_the_contract_that_ours_has_not_are() -> None:
    theirs = _theirs()
    theirs["metadata"]["labels"][f"{PREFIX}group-index"] = "7"
    [found] = differences(OURS, theirs)
    assert (found.path, found.ours, found.theirs) == (f"metadata.labels.{PREFIX}group-index", "", '"7"')
    assert differences(OURS, theirs, is_whole=False) == ()


@pytest.mark.parametrize(("ours", "theirs"), [("1Gi", "1024Mi"), (2, "2"), ("0.5", "500m")])
def test_amounts_are_compared_by_value(ours: Any, theirs: Any) -> None:
    assert differences({"spec": {"limits": {"memory": ours}}}, {"spec": {"limits": {"memory": theirs}}}) == ()
    assert differences({"spec": {"other": ours}}, {"spec": {"other": theirs}})


def test_an_object_of_somebody_else_altogether_is_told_of_briefly() -> None:
    ours = {"spec": {f"field-{index}": index + 1 for index in range(100)}}
    assert len(differences(ours, {"spec": {}})) == FIELDS_MAX
