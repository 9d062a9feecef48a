"""The bodies of the four routes as pydantic models, as both frameworks want them."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1, max_length=100)]


class Person(BaseModel):
    """A person to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)]
    code: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    email: Annotated[str, Field(max_length=254, pattern=r"^[^@\s]{1,64}@[^@\s]{1,189}$")] | None = None
    group: Text | None = None
    shift: Text | None = None
    since: date | None = None


class Punch(BaseModel):
    """A punch without a camera."""

    model_config = ConfigDict(extra="forbid")

    person_id: Annotated[str, Field(pattern="^[0-9a-z]{1,40}$")]
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    at: datetime | None = None
    direction: Literal["auto", "in", "out"] = "auto"
    supersedes: str | None = None
    void: bool = False
