"""Machine room: object cache, deduplicating work queue, due-time heap, back-off, status merging.

It knows no Kubernetes kind and no vault. What it runs are functions that the composition root gives it.
"""
