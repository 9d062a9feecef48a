"""What tests expect of the API's answers."""

from chalice.test import HTTPResponse


def check_refused(answer: HTTPResponse, status: int, code: str) -> None:
    """Check that the API refused with a status and a code, and say what it answered if it did not."""
    body = answer.json_body
    got = (answer.status_code, body.get("Code") if isinstance(body, dict) else None)
    assert got == (status, code), f"expected {status} {code}, but the answer was {got[0]} {body}"
