"""Room of expiry: judges what the last looks showed; no I/O of its own."""
