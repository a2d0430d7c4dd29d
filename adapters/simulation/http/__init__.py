"""The simulated cluster over HTTP: the part of the Kubernetes REST API that controllers and kubectl-like tools use.

Production adapters run against it unchanged, in the demo and in tests. There is no TLS and no authorization, so it
belongs on loopback only.
"""

from adapters.simulation.http.faults import HttpFaults
from adapters.simulation.http.server import ClusterServer, ServerSettings

__all__ = ["ClusterServer", "HttpFaults", "ServerSettings"]
