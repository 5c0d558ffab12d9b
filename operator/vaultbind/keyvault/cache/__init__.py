"""Answers of the vault that are kept for a while."""
