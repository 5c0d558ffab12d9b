"""A whole cluster of one node on this machine: real kubelet, real containers, no Docker, no registry."""

from tools.localcluster.cluster import LocalCluster

__all__ = ["LocalCluster"]
