"""Parsed spec and vault values -> keys and bytes. Pure: no I/O and no clock of its own."""
