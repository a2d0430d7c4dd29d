"""The sample of the LeaderWorkerSet documentation: three groups of four pods from one template."""

from typing import Any, Final

NAME: Final = "leaderworkerset-sample"
NAMESPACE: Final = "default"
GROUPS: Final = 3
SIZE: Final = 4

SAMPLE: Final[dict[str, Any]] = {
    "apiVersion": "leaderworkerset.x-k8s.io/v1",
    "kind": "LeaderWorkerSet",
    "metadata": {"name": NAME, "namespace": NAMESPACE},
    "spec": {
        "replicas": GROUPS,
        "leaderWorkerTemplate": {
            "size": SIZE,
            "workerTemplate": {
                "spec": {
                    "containers": [
                        {
                            "name": "nginx",
                            "image": "nginxinc/nginx-unprivileged:1.27",
                            "resources": {"limits": {"cpu": "100m"}, "requests": {"cpu": "50m"}},
                            "ports": [{"containerPort": 8080}],
                        }
                    ]
                }
            },
        },
    },
}
