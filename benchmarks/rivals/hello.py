"""The least that a Chalice app with boto3 is: a hello, and a route that reads one item."""

import functools
import os
from typing import Any

import boto3
from chalice.app import Chalice

app = Chalice(app_name="hello")


@functools.cache
def _client() -> Any:
    return boto3.client("dynamodb")


@app.route("/health")
def health() -> dict[str, str]:
    """Say hello."""
    return {"hello": "world"}


@app.route("/v1/people")
def people() -> dict[str, bool]:
    """Read an item."""
    key = {"pk": {"S": "SETTINGS"}, "sk": {"S": "-"}}
    return {"found": "Item" in _client().get_item(TableName=os.environ["ROLLCALL_TABLE"], Key=key)}
