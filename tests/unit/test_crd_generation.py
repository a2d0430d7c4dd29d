"""The CRD is generated from the typed definitions and the Kubernetes OpenAPI, and the checked-in file is up to date."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.kubernetes import crd
from adapters.kubernetes.openapi import reduce_openapi, structural_schema

Json = dict[str, Any]

# The defaults that become part of stored templates, and so of revision data (spec 1.2): no more and no fewer.
TEMPLATE_DEFAULTS = {
    ("ports", "protocol"): "TCP",
    ("configMapKeyRef", "name"): "",
    ("secretKeyRef", "name"): "",
    ("configMapRef", "name"): "",
    ("secretRef", "name"): "",
    ("imagePullSecrets", "name"): "",
    ("configMap", "name"): "",
    ("secret", "name"): "",
    ("nodePublishSecretRef", "name"): "",
    ("grpc", "service"): "",
    ("fileKeyRef", "optional"): False,
    ("azureDisk", "readOnly"): False,
    ("azureDisk", "fsType"): "ext4",
    ("iscsi", "iscsiInterface"): "default",
    ("rbd", "keyring"): "/etc/ceph/keyring",
    ("rbd", "pool"): "rbd",
    ("rbd", "user"): "admin",
    ("scaleIO", "fsType"): "xfs",
    ("scaleIO", "storageMode"): "ThinProvisioned",
}


def _spec() -> Json:
    version = crd.generate_crd(crd.load_openapi())["spec"]["versions"][0]
    spec: Json = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return spec


def _defaults(schema: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if "default" in schema:
        yield path[-2:], schema["default"]
    for name, value in schema.get("properties", {}).items():
        yield from _defaults(value, (*path, name))
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from _defaults(schema[key], path)


def test_the_checked_in_crd_is_fresh() -> None:
    assert crd.main(["check"]) == 0


def test_a_stale_crd_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    stale = tmp_path / "crd.yaml"
    stale.write_text(crd.CRD_FILE.read_text().replace("maximum: 1000000", "maximum: 1000001"))
    monkeypatch.setattr(crd, "CRD_FILE", stale)
    assert crd.main(["check"]) == 1
    assert "crd generate" in capsys.readouterr().err
    assert crd.main(["generate"]) == 0
    assert crd.main(["check"]) == 0


def test_templates_have_exactly_the_known_defaults() -> None:
    template = _spec()["properties"]["leaderWorkerTemplate"]["properties"]
    # Legacy volume types name their secret reference alike.
    assert dict(_defaults(template["workerTemplate"])) == TEMPLATE_DEFAULTS
    assert template["workerTemplate"]["properties"] == template["leaderTemplate"]["properties"]
    assert dict(_defaults(template["volumeClaimTemplates"])) == {}


def test_the_sets_own_fields_have_exactly_the_known_defaults() -> None:
    spec = _spec()
    template = spec["properties"].pop("leaderWorkerTemplate")
    for embedded in ("leaderTemplate", "workerTemplate", "volumeClaimTemplates"):
        del template["properties"][embedded]
    assert dict(_defaults(spec)) == {
        ("replicas",): 1,
        ("startupPolicy",): "LeaderCreated",
        ("rolloutStrategy", "type"): "RollingUpdate",
        ("rollingUpdateConfiguration", "partition"): 0,
        ("rollingUpdateConfiguration", "maxUnavailable"): 1,
        ("rollingUpdateConfiguration", "maxSurge"): 0,
    }
    assert dict(_defaults(template)) == {
        ("size",): 1,
        ("restartPolicy",): "RecreateGroupOnPodRestart",
        ("subGroupPolicy", "subGroupPolicyType"): "LeaderWorker",
    }


def test_embedded_metadata_has_five_fields() -> None:
    template = _spec()["properties"]["leaderWorkerTemplate"]["properties"]["workerTemplate"]
    metadata = template["properties"]["metadata"]["properties"]
    assert sorted(metadata) == ["annotations", "finalizers", "labels", "name", "namespace"]


def test_no_schema_of_a_template_has_prose_or_references() -> None:
    text = crd.crd_text(crd.load_openapi())
    assert "$ref" not in text
    assert "x-kubernetes-patch" not in text
    assert "*id0" not in text, "aliases are not followed by every reader"


def test_a_document_that_is_no_openapi_is_refused(tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "other.json"
    file.write_text("{}")
    assert crd.main(["openapi", str(file)]) == 1
    assert "/openapi/v3/api/v1" in capsys.readouterr().err
    with pytest.raises(ValueError, match="OpenAPI document"):
        reduce_openapi({"components": {"schemas": {}}})


def test_taking_in_the_same_kubernetes_version_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = crd.OPENAPI_FILE.read_text(), crd.CRD_FILE.read_text()
    served = str(crd.OPENAPI_FILE)
    monkeypatch.setattr(crd, "OPENAPI_FILE", tmp_path / "openapi.json")
    monkeypatch.setattr(crd, "CRD_FILE", tmp_path / "crd.yaml")
    assert crd.main(["openapi", served]) == 0
    assert (crd.OPENAPI_FILE.read_text(), crd.CRD_FILE.read_text()) == before


def test_quantities_take_numbers_and_text() -> None:
    quantity = structural_schema(crd.load_openapi(), "io.k8s.apimachinery.pkg.api.resource.Quantity")
    assert quantity["x-kubernetes-int-or-string"] is True
    assert quantity["anyOf"] == [{"type": "integer"}, {"type": "string"}]
