"""Room of CryptoJob: a key of a vault is used once, and the result is put where the job says.

observe -> plan -> apply -> report, called in that order by `reconcile`. A job goes from new to claimed (key
and algorithm are written down in its status) to finished, one step per pass. Each step is one write of the
status, guarded by its resourceVersion, so that of two operators only one takes it.
"""
