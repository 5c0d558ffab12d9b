"""Composition root: puts the rooms, the hall, the engine and the cluster together."""
