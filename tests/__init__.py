"""Tests by tier, one folder each (see CONTRIBUTING.md)."""
