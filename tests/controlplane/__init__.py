"""A real Kubernetes control plane for the tests (etcd, API server, controller manager, scheduler), and own kubelets.

Nothing of it runs in a cluster or in containers; everything is a child process on loopback addresses.
"""
