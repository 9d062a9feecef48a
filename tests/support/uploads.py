"""Uploads in tests: created by HTTP, and posted to S3 as a browser does."""

import urllib.error
import urllib.request
from typing import Any

from tests.conftest import Http


def create_upload(http: Http) -> dict[str, Any]:
    """Create an upload."""
    answer = http.post("/v1/uploads")
    assert answer.status_code == 201
    upload: dict[str, Any] = answer.json_body
    return upload


def post_upload(
    upload: dict[str, Any], content: bytes, content_type: str = "image/jpeg", **fields: str
) -> tuple[int, str]:
    """Post the form to S3; gives the status and S3's error document."""
    body = b""
    for name, value in {**upload["fields"], "Content-Type": content_type, **fields}.items():
        body += f'--mark\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    body += b'--mark\r\nContent-Disposition: form-data; name="file"; filename="p.jpg"\r\n'
    body += f"Content-Type: {content_type}\r\n\r\n".encode() + content + b"\r\n--mark--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=mark"}
    request = urllib.request.Request(upload["url"], body, headers)  # noqa: S310 - the embedded S3
    try:
        with urllib.request.urlopen(request) as reply:  # noqa: S310
            return reply.status, ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
