"""Four routes with the resolver of Powertools for AWS Lambda, which validates by pydantic."""

from typing import Annotated, Any

import msgspec
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.openapi.params import Query

from benchmarks.rivals.bodies import Person, Punch
from chalicelib.domain.person import NewPerson
from chalicelib.services import corrections, people
from chalicelib.services.corrections import ManualPunch
from chalicelib.web.health import health
from chalicelib.wiring import attendance_store, directory, environment, now

app = APIGatewayRestResolver(enable_validation=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer a request of API Gateway."""
    return app.resolve(event, context)  # type: ignore[no-any-return]


def _plain(body: Any) -> dict[str, Any]:
    return msgspec.to_builtins(body)  # type: ignore[no-any-return]


@app.get("/health")
def show_health() -> dict[str, Any]:
    """Say that the service is up."""
    return _plain(health(environment(), now=now()))


@app.get("/v1/people")
def list_people(
    q: Annotated[str, Query(max_length=100)] = "",
    group: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
) -> dict[str, Any]:
    """List people by name."""
    page = people.search(directory(), q=q, group=group, status=None, limit=limit, cursor=cursor, now=now())
    return _plain(page)


@app.post("/v1/people")
def create_person(body: Person) -> tuple[dict[str, Any], int]:
    """Add a person."""
    return _plain(people.create(directory(), NewPerson(**body.model_dump()), by=None, now=now())), 201


@app.post("/v1/punches/manual")
def record_punch(body: Punch) -> tuple[dict[str, Any], int]:
    """Record a punch without a camera."""
    punch = ManualPunch(**body.model_dump())
    return _plain(corrections.record(directory(), attendance_store(), punch, by="-", now=now())), 201
