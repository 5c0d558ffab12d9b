"""Benchmarks: the operator as a process, on the real API server, with the emulator as vault.

Counts come from the API server's own metrics and the emulator's own statistics.
"""
