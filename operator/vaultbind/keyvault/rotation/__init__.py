"""Telling in time what expires, and at once what was renewed."""
