"""A real Kubernetes API (etcd, kube-apiserver, controllers) on loopback, for tests and benchmarks."""

from tools.realcluster.cluster import Answer, RealCluster
from tools.realcluster.processes import ClusterError

__all__ = ["Answer", "ClusterError", "RealCluster"]
