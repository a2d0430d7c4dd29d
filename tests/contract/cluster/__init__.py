"""What a cluster does, whoever plays it: the behaviours that our controllers rely on.

One suite for the simulated cluster over HTTP and for the real control plane with test kubelets, so that the simulation
cannot lie. ``tests/contract/test_cluster.py`` runs it against both. Only what both must show is asserted: no timings,
no texts that clients do not match on.
"""

from tests.contract.cluster.deleting import DeletionContract
from tests.contract.cluster.placement import PlacementContract
from tests.contract.cluster.port import Cluster, WatchingApi
from tests.contract.cluster.watching import WatchContract
from tests.contract.cluster.workloads import StatefulSetContract
from tests.contract.cluster.writing import WritingContract


class ClusterContract(WritingContract, DeletionContract, WatchContract, StatefulSetContract, PlacementContract):
    """The whole contract. Inherit, and provide the fixture ``cluster``."""


__all__ = ["Cluster", "ClusterContract", "WatchingApi"]
