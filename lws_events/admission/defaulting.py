"""The mutating hook of LeaderWorkerSets: what it fills in, and how it respells (spec 1.3).

The result differs from the input only where the hook means it: the five defaults, in the reference's order, quantities
and whole-number floats. ``replicas``, ``size``, ``startupPolicy`` and the subgroup type have their defaults in the
schema and are not touched.
"""

from typing import Final

from lws_events.admission.lookup import Object, section
from lws_events.admission.typed_reading import read_set

DEFAULT_RESTART_POLICY: Final = "RecreateGroupOnPodRestart"
DEFAULT_ROLLOUT_TYPE: Final = "RollingUpdate"
DEFAULT_SUBDOMAIN_POLICY: Final = "Shared"
DEFAULT_ROLLING_UPDATE: Final = {"maxUnavailable": 1, "maxSurge": 0, "partition": 0}


def default_set(lws: Object) -> Object:
    """The set as the mutating hook leaves it. The input is not changed, the result may share parts with it.

    Without a ``spec`` there is nothing to default: validation refuses such a set.

    Raises:
        UnreadableObjectError: a field has the wrong type (the hook answers 400).
    """
    read = read_set(lws)
    if read.get("spec") is None:
        return read
    spec = section(read, "spec")
    changed = {
        **_template(spec),
        "rolloutStrategy": _rollout_strategy(section(spec, "rolloutStrategy")),
        "networkConfig": _network_config(section(spec, "networkConfig")),
    }
    return {**read, "spec": {**spec, **changed}}


def _template(spec: Object) -> Object:
    template = section(spec, "leaderWorkerTemplate")
    if not template:
        return {}
    policy = template.get("restartPolicy") or DEFAULT_RESTART_POLICY
    return {"leaderWorkerTemplate": {**template, "restartPolicy": "None" if policy == "Default" else policy}}


def _rollout_strategy(strategy: Object) -> Object:
    kind = strategy.get("type") or DEFAULT_ROLLOUT_TYPE
    if kind != DEFAULT_ROLLOUT_TYPE:
        return strategy  # the schema knows no other type and says so better
    configuration = strategy.get("rollingUpdateConfiguration")
    if configuration is None:
        configuration = DEFAULT_ROLLING_UPDATE
    elif configuration.get("maxSurge") is None:
        # The typed model prints this field always; only objects that no schema has seen lack it.
        configuration = {**configuration, "maxSurge": 0}
    return {**strategy, "type": kind, "rollingUpdateConfiguration": configuration}


def _network_config(config: Object) -> Object:
    if config.get("subdomainPolicy") is not None:
        return config
    return {**config, "subdomainPolicy": DEFAULT_SUBDOMAIN_POLICY}
