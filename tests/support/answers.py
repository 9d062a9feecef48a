"""What tests expect of the API's answers."""

from chalice.test import HTTPResponse


def code_of(answer: HTTPResponse) -> str:
    """Return the code of a refusal; fail with the answer if it was none."""
    body = answer.json_body
    assert isinstance(body, dict), f"expected a refusal, but the answer was {answer.status_code} {body}"
    assert "Code" in body, f"expected a refusal, but the answer was {answer.status_code} {body}"
    return str(body["Code"])


def check_refused(answer: HTTPResponse, status: int, code: str) -> None:
    """Check that the API refused with a status and a code, and say what it answered if it did not."""
    body = answer.json_body
    got = (answer.status_code, body.get("Code") if isinstance(body, dict) else None)
    assert got == (status, code), f"expected {status} {code}, but the answer was {got[0]} {body}"
