"""Payloads of any size: AES-256-GCM here, with a key that the vault wraps."""
