"""Room of VaultBinding: a binding becomes a Secret and stays right.

observe -> plan -> apply -> report, called in that order by `reconcile`.
"""
