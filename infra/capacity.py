"""How many people may arrive in one rush: AWS's quotas against the busiest moment.

People arrive around the start of a shift, with a standard deviation of `spread_s` seconds, so that the
busiest second sees N / (spread_s √(2π)) of N people. A quota of calls a second must be at least the rate of
that moment. A quota of things at once is a system of so many servers without a queue, and Erlang's loss
formula says how many of those who come find all of them busy.
"""

import re
from dataclasses import dataclass
from math import ceil, pi, sqrt
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.progress import say
from infra.regions import LIVENESS, Quotas, quotas_of
from infra.stage import Stage

SPREAD_S = 600.0
"""Standard deviation of the arrivals for which `up` states its figures."""

CHECK_S = 20.0
"""How long a liveness check keeps a stream open at the kiosk."""

REQUESTS_S = 0.15 + 0.90
"""How long the session and the punch of a check keep a function busy; assumed, see benchmarks/costs.py."""

TRIES = 1 / (1 - 0.1)
"""Checks of a person, of which one in ten has to be repeated."""

REFUSED = 0.01
"""The share of those who come at the busiest moment that may be refused and has to try again."""

LAMBDA_DEFAULT = 1000
"""Functions at once of an account, unless it is new (docs/scaling.md)."""


def refused(offered: float, servers: int) -> float:
    """Return the share of arrivals that find all servers busy, by Erlang's loss formula (B).

    `offered` is the rate of arrivals times how long each occupies a server. Each step adds a server, because
    the formula's powers and factorials would overflow.
    """
    share = 1.0
    for server in range(1, servers + 1):
        share = offered * share / (server + offered * share)
    return share


def carried(servers: int, share: float = REFUSED) -> float:
    """Return the most that can be offered to so many servers if no more than a share is refused."""
    low, high = 0.0, 2.0 * servers + 1
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if refused(middle, servers) <= share else (low, middle)
    return low


def servers_for(offered: float, share: float = REFUSED) -> int:
    """Return how many servers are needed so that no more than a share of what is offered is refused."""
    servers = 0
    while refused(offered, servers) > share:
        servers += 1
    return servers


@dataclass(frozen=True)
class Limit:
    """A quota: `value` calls a second, or of things at once that each last `holding_s` seconds."""

    name: str
    value: float
    holding_s: float | None = None
    read: bool = False
    """Whether AWS said so; otherwise it is the default of the Region."""

    def people(self, spread_s: float = SPREAD_S) -> int:
        """Return how many people it is enough for in one rush."""
        rate = self.value if self.holding_s is None else carried(int(self.value)) / self.holding_s
        return int(rate / TRIES * spread_s * sqrt(2 * pi))

    def needed(self, people: int, spread_s: float = SPREAD_S) -> int:
        """Return the value that is enough for so many people in one rush."""
        rate = people * TRIES / (spread_s * sqrt(2 * pi))
        return ceil(rate) if self.holding_s is None else servers_for(rate * self.holding_s)


def limits(quotas: Quotas, functions: int, read: frozenset[str] = frozenset()) -> list[Limit]:
    """Return the limits of a rush; `read` has the names of the quotas that AWS was asked for."""
    return [
        Limit("liveness streams at once", quotas.streams, CHECK_S, read="streams" in read),
        Limit("liveness sessions a second", quotas.sessions, read="sessions" in read),
        Limit("face searches a second", quotas.searches, read="searches" in read),
        Limit("Lambda functions at once", functions, REQUESTS_S, read="functions" in read),
    ]


@dataclass(frozen=True)
class Allowance:
    """What an account may do in a Region; `read` has the names of what AWS said, the rest are defaults.

    `unread` has the reasons why AWS did not say more, a line each.
    """

    quotas: Quotas
    functions: int
    read: frozenset[str] = frozenset()
    unread: tuple[str, ...] = ()


def defaults(region: str) -> Allowance:
    """Return what an account may do in a Region unless AWS has granted it more."""
    return Allowance(quotas_of(region), LAMBDA_DEFAULT)


def ask(stage: Stage) -> Allowance:
    """Ask Service Quotas and Lambda, and take the default for what may not be read."""
    found: dict[str, float] = {}
    unread = []
    try:
        pages = _client(stage, "service-quotas").get_paginator("list_service_quotas")
        for page in pages.paginate(ServiceCode="rekognition"):
            for quota in page["Quotas"]:
                if name := _meant(quota["QuotaName"]):
                    found[name] = min(quota["Value"], found.get(name, quota["Value"]))
    except (BotoCoreError, ClientError) as error:
        unread.append(f"Service Quotas cannot be read, so AWS's defaults are assumed: {error}")
    try:
        account = _client(stage, "lambda").get_account_settings()["AccountLimit"]
        found["functions"] = account["UnreservedConcurrentExecutions"]
    except (BotoCoreError, ClientError) as error:
        reason = f"so {LAMBDA_DEFAULT:,} functions at once are assumed: {error}"
        unread.append(f"Lambda's account settings cannot be read, {reason}")
    usual = quotas_of(stage.region)
    quotas = Quotas(
        sessions=found.get("sessions", usual.sessions),
        streams=int(found.get("streams", usual.streams)),
        searches=found.get("searches", usual.searches),
    )
    functions = int(found.get("functions", LAMBDA_DEFAULT))
    return Allowance(quotas, functions, frozenset(found), tuple(unread))


def _client(stage: Stage, service: str) -> Any:
    """Return a client that soon gives up, because a deploy goes on without the answer."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=5, read_timeout=10)
    session: Any = stage.session  # its client() is typed for literal names only
    return session.client(service, config=config)


def _meant(title: str) -> str | None:
    """Return which quota a title of Service Quotas means: its codes are not published.

    One title may stand for all three operations of Face Liveness, or each may have its own.
    """
    title = re.sub("[^a-z]", "", title.lower())
    if "liveness" in title:
        return "streams" if "concurrent" in title else "sessions"
    return "searches" if "searchfacesbyimage" in title else None


def tell(region: str, allowed: Allowance, people: int | None) -> None:
    """Print what the quotas of a Region allow, and what to request for so many people.

    Where Face Liveness is not offered, there is no rush to prepare for.
    """
    if region not in LIVENESS:
        return
    for reason in allowed.unread:
        say(f"  {reason}")
    found = limits(allowed.quotas, allowed.functions, allowed.read)
    say(f"  quotas of {region}, for people whose arrivals deviate by {SPREAD_S / 60:.0f} minutes:")
    for limit in found:
        source = "" if limit.read else ", assumed"
        say(f"    {limit.name}: {limit.value:g}{source}, enough for {_rounded(limit.people()):,} people")
    if people is None:
        first = min(found, key=Limit.people)
        say(f"  {first.name} are the first to run out; --people N says what N people need")
        return
    short = [limit for limit in found if limit.people() < people]
    for limit in short:
        service = "Lambda" if limit.name.startswith("Lambda") else "Rekognition"
        say(f"  request for {people:,} people, in Service Quotas under {service}: "
            f"{limit.needed(people)} {limit.name.removeprefix('Lambda ')}")  # fmt: skip
    if not short:
        say(f"  they are enough for {people:,} people")


def _rounded(people: int) -> int:
    """Round to two digits: the assumptions are no better than that."""
    unit: int = 10 ** max(0, len(str(people)) - 2)
    return people // unit * unit
