"""Rollcall's business logic: pure rules, use cases and gateways (see docs/decisions.md)."""
