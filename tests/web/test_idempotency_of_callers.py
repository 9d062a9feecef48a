"""An `Idempotency-Key` is its caller's own: the same key of another caller is another request."""

from datetime import UTC, datetime

from chalicelib import wiring
from chalicelib.domain.token import Role
from chalicelib.services.tokens import NewToken, create
from tests.conftest import Http


def test_one_key_of_two_callers_is_two_requests(http: Http) -> None:
    made = []
    for label in ("first", "second"):
        token = create(wiring.token_store(), NewToken(role=Role.MANAGER, label=label), now=datetime.now(UTC))
        headers = {"Idempotency-Key": "one", "Authorization": f"Bearer {token.token}"}
        answer = http.post("/v1/people", {"name": "Ann"}, headers)
        assert answer.status_code == 201, f"the key of another caller counted: {answer.json_body}"
        assert "Idempotency-Replayed" not in answer.headers, "one caller was told the answer to another"
        made.append(answer.json_body["person_id"])
        again = http.post("/v1/people", {"name": "Ann"}, headers)
        assert (again.headers["Idempotency-Replayed"], again.json_body["person_id"]) == ("true", made[-1])
    assert made[0] != made[1]
    assert len(http.get("/v1/people").json_body["items"]) == 2
