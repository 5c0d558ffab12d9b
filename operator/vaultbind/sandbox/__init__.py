"""An embedded Kubernetes API for the demo and for flow tests: small, in memory, on loopback.

It keeps the real server's semantics in what an operator uses: lists and watches with
resourceVersions, bookmarks, 410 and selectors; metadata-only forms and tables; merge, JSON,
strategic and apply patches with managed fields; preconditions, dry run, status subresource,
generation, finalizers, ownerReferences; the rules of Secrets; CustomResourceDefinitions with
pruning, defaults and structural validation.

It has no RBAC, admission calls, CEL rules, quotas or controllers other than garbage collection:
tests of those run on the real kube-apiserver, as do all flow tests.
"""

from vaultbind.sandbox.config import SandboxConfig
from vaultbind.sandbox.errors import StatusError
from vaultbind.sandbox.faults import Fault
from vaultbind.sandbox.sandbox import Sandbox
from vaultbind.sandbox.stats import RequestKey, Stats

__all__ = ["Fault", "RequestKey", "Sandbox", "SandboxConfig", "Stats", "StatusError"]
