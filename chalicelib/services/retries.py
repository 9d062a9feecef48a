"""Waiting between attempts, for the use cases that still loop themselves."""

from chalicelib.aws.backoff import pause as pause
