"""A cluster in containers of Docker, by kind, for the tests of real pods where Docker runs."""

from tools.kindcluster.cluster import KindCluster

__all__ = ["KindCluster"]
