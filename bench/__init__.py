"""Benchmarks: the operator on the real API server with the emulator as vault, and the client library.

Counts come from the API server's own metrics and the emulator's own statistics.
"""
