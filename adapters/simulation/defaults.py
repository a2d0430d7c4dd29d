"""What the API server fills in: the defaults of the kinds served, and the part of a new object that clients do not set.

Only defaults that can be seen through our own controllers or that make an apply of the same configuration a no-op are
here. An object that lacks nothing is returned as it is, not copied.
"""

from typing import Any

from adapters.simulation import kinds, objects
from adapters.simulation.kinds import Kind
from adapters.simulation.objects import Object


def apply(kind: Kind, obj: Object) -> Object:
    """An object with the defaults of its kind."""
    if kind is kinds.PODS:
        return _in(obj, spec=_pod_spec(objects.spec(obj), running=True))
    if kind is kinds.STATEFULSETS:
        return _in(obj, spec=_statefulset_spec(objects.spec(obj)))
    if kind is kinds.SERVICES:
        return _in(obj, spec=_service_spec(objects.spec(obj)))
    if kind is kinds.LEADERWORKERSETS:
        return _in(obj, spec=_leaderworkerset_spec(objects.spec(obj))) if "spec" in obj else obj
    if kind is kinds.NAMESPACES:
        labels = {**objects.labels(obj), "kubernetes.io/metadata.name": objects.name(obj)}
        named = obj if labels == objects.labels(obj) else objects.with_metadata(obj, labels=labels)
        return _lacking(named, spec={"finalizers": ["kubernetes"]})
    if kind is kinds.SECRETS:
        return _lacking(obj, type="Opaque")
    return obj


def initial_status(kind: Kind, obj: Object) -> Object:
    """A new object with the status that its kind starts with; what the client sent as status is dropped."""
    if not kind.status or kind is kinds.NODES:
        return obj
    bare = {key: value for key, value in obj.items() if key != "status"}
    if kind is kinds.PODS:
        return {**bare, "status": {"phase": "Pending", "qosClass": "BestEffort"}}
    if kind is kinds.STATEFULSETS:
        return {**bare, "status": {"replicas": 0, "availableReplicas": 0}}
    if kind is kinds.SERVICES:
        return {**bare, "status": {"loadBalancer": {}}}
    if kind is kinds.NAMESPACES:
        return {**bare, "status": {"phase": "Active"}}
    if kind is kinds.CLAIMS:
        return {**bare, "status": {"phase": "Pending"}}
    return bare


def without_max_unavailable(stateful_set: Object) -> Object:
    """A StatefulSet as an API server without the feature gate ``MaxUnavailableStatefulSet`` keeps it."""
    strategy = objects.spec(stateful_set).get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate") or {}
    if "maxUnavailable" not in rolling:
        return stateful_set
    kept = {key: value for key, value in rolling.items() if key != "maxUnavailable"}
    return {**stateful_set, "spec": {**stateful_set["spec"], "updateStrategy": {**strategy, "rollingUpdate": kept}}}


def _lacking(obj: Object, /, **defaults: Any) -> Object:
    """The object with the defaults that it lacks, before its own fields."""
    missing = {key: value for key, value in defaults.items() if obj.get(key) is None}
    return {**obj, **missing} if missing else obj


def _in(obj: Object, /, **changes: Any) -> Object:
    """The object with some fields replaced; itself when they are what it has."""
    return obj if all(obj.get(key) is value for key, value in changes.items()) else {**obj, **changes}


def _each(items: list[Object], default: Any) -> list[Object]:
    changed = [default(item) for item in items]
    return items if all(a is b for a, b in zip(items, changed, strict=True)) else changed


def _container(container: Object) -> Object:
    image = container.get("image", "")
    tag = image.rpartition("/")[2].partition(":")[2]
    container = _lacking(
        container,
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy="IfNotPresent" if "@" in image or tag not in {"", "latest"} else "Always",
    )
    if container.get("ports"):
        container = _in(container, ports=_each(container["ports"], lambda port: _lacking(port, protocol="TCP")))
    return container


def _pod_spec(spec: Object, *, running: bool = False) -> Object:
    spec = _lacking(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        securityContext={},
        schedulerName="default-scheduler",
    )
    for field in ("containers", "initContainers"):
        if spec.get(field):
            spec = _in(spec, **{field: _each(spec[field], _container)})
    if running:
        spec = _lacking(spec, enableServiceLinks=True, serviceAccountName="default", serviceAccount="default")
    return spec


def _template(template: Object) -> Object:
    return _in(template, spec=_pod_spec(objects.spec(template)))


def _statefulset_spec(spec: Object) -> Object:
    spec = _lacking(
        spec,
        replicas=1,
        podManagementPolicy="OrderedReady",
        revisionHistoryLimit=10,
        updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 1}},
        persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain", "whenScaled": "Retain"},
        serviceName="",
    )
    strategy = _lacking(spec["updateStrategy"], type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy = _lacking(strategy, rollingUpdate={})
        strategy = _in(strategy, rollingUpdate=_lacking(strategy["rollingUpdate"], partition=0, maxUnavailable=1))
    retention = _lacking(spec["persistentVolumeClaimRetentionPolicy"], whenDeleted="Retain", whenScaled="Retain")
    spec = _in(spec, updateStrategy=strategy, persistentVolumeClaimRetentionPolicy=retention)
    return _in(spec, template=_template(spec["template"])) if "template" in spec else spec


def _service_spec(spec: Object) -> Object:
    spec = _lacking(
        spec,
        type="ClusterIP",
        sessionAffinity="None",
        internalTrafficPolicy="Cluster",
        ipFamilyPolicy="SingleStack",
        ipFamilies=["IPv4"],
        clusterIP="10.96.0.10",
    )
    return _lacking(spec, clusterIPs=[spec["clusterIP"]])


def _leaderworkerset_spec(spec: Object) -> Object:
    """The defaults of the custom resource's schema (spec 1.2); those of the webhook are admission's."""
    spec = _lacking(spec, replicas=1, startupPolicy="LeaderCreated")
    if spec.get("rolloutStrategy") is not None:
        strategy = _lacking(spec["rolloutStrategy"], type="RollingUpdate")
        if strategy.get("rollingUpdateConfiguration") is not None:
            configuration = _lacking(strategy["rollingUpdateConfiguration"], partition=0, maxUnavailable=1, maxSurge=0)
            strategy = _in(strategy, rollingUpdateConfiguration=configuration)
        spec = _in(spec, rolloutStrategy=strategy)
    template = spec.get("leaderWorkerTemplate")
    if template is None:
        return spec
    template = _lacking(template, size=1, restartPolicy="RecreateGroupOnPodRestart")
    if template.get("subGroupPolicy") is not None:
        template = _in(template, subGroupPolicy=_lacking(template["subGroupPolicy"], subGroupPolicyType="LeaderWorker"))
    for field in ("leaderTemplate", "workerTemplate"):
        if template.get(field) is not None and template[field].get("spec") is not None:
            template = _in(template, **{field: _schema_template(template[field])})
    return _in(spec, leaderWorkerTemplate=template)


def _schema_template(template: Object) -> Object:
    """The few defaults that the embedded pod schema carries for what our samples use: protocols of ports."""
    spec = template["spec"]
    for field in ("containers", "initContainers", "ephemeralContainers"):
        if spec.get(field):
            spec = _in(spec, **{field: _each(spec[field], _schema_container)})
    return _in(template, spec=spec)


def _schema_container(container: Object) -> Object:
    if not container.get("ports"):
        return container
    return _in(container, ports=_each(container["ports"], lambda port: _lacking(port, protocol="TCP")))
