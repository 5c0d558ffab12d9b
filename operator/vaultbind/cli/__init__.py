"""Door for people: one thin click command per module."""
