"""The service's JSON, parsed into values and rendered from them: pure."""
