"""Deploying Rollcall: `python -m infra` creates, inspects, repairs and removes stages."""
