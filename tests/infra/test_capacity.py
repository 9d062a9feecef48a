"""What the quotas of an account allow in a rush, and what `up` says of them."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from infra import capacity
from infra.capacity import Limit
from infra.regions import LIVENESS, Quotas, quotas_of
from infra.stage import Stage


@pytest.mark.parametrize(
    ("offered", "servers", "share"),
    [
        pytest.param(1.0, 1, 1 / 2, id="one server that is asked for all the time"),
        pytest.param(2.0, 2, 2 / 5, id="two servers: (2²/2) / (1 + 2 + 2)"),
        pytest.param(5.0, 0, 1.0, id="none"),
        pytest.param(0.0, 3, 0.0, id="nobody comes"),
        pytest.param(8.108, 15, 0.01, id="as Erlang's tables have it"),
        pytest.param(60.73, 75, 0.01, id="as they have it for more"),
        pytest.param(900.0, 1000, 5.93e-5, id="powers and factorials that would overflow"),
    ],
)
def test_who_finds_all_servers_busy(offered: float, servers: int, share: float) -> None:
    assert capacity.refused(offered, servers) == pytest.approx(share, rel=0.05, abs=1e-9)


@pytest.mark.parametrize("servers", [1, 15, 75, 1000])
def test_what_is_carried_needs_these_servers(servers: int) -> None:
    offered = capacity.carried(servers)
    assert capacity.refused(offered, servers) <= capacity.REFUSED
    assert capacity.servers_for(offered) == servers


@pytest.mark.parametrize(
    "limit", [Limit("streams", 15, 20), Limit("sessions", 25), Limit("functions", 10, 1)]
)
def test_what_is_needed_for_people_is_enough_for_them(limit: Limit) -> None:
    for people in (100, 2_000, 10_000):
        needed = limit.needed(people)
        assert Limit("", needed, limit.holding_s).people() >= people - 1
        assert Limit("", needed - 1, limit.holding_s).people() < people


def test_fifteen_streams_are_for_some_hundreds_of_people() -> None:
    # By hand: 8.108 erlangs / 20 s = 0.4054 checks a second, 0.3649 people; * 600 s * 2.5066 = 548.7.
    assert Limit("streams", 15, 20).people() == 548


@pytest.mark.parametrize("region", LIVENESS)
def test_the_defaults_of_a_region(region: str) -> None:
    large = region in {"us-east-1", "us-west-2"}
    searches = 50 if large or region == "eu-west-1" else 5
    assert quotas_of(region) == Quotas(25 if large else 5, 75 if large else 15, searches)


class Account:
    """A session of boto3 whose clients answer as they are told."""

    def __init__(self) -> None:
        self.clients: dict[str, Any] = {
            name: boto3.client(
                name, region_name="ap-southeast-7", aws_access_key_id="x", aws_secret_access_key="x"
            )
            for name in ("service-quotas", "lambda")
        }
        self.stubs = {name: Stubber(client) for name, client in self.clients.items()}
        for stub in self.stubs.values():
            stub.activate()

    def client(self, service: str, **unused: Any) -> Any:
        return self.clients[service]

    def has_quotas(self, *pages: dict[str, float]) -> None:
        for number, page in enumerate(pages):
            quotas = [{"QuotaName": name, "Value": value} for name, value in page.items()]
            more = {"NextToken": "more"} if number + 1 < len(pages) else {}
            asked = {"ServiceCode": "rekognition"} | ({"NextToken": "more"} if number else {})
            self.stubs["service-quotas"].add_response(
                "list_service_quotas", {"Quotas": quotas, **more}, asked
            )

    def runs(self, functions: int) -> None:
        limit = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": functions}
        self.stubs["lambda"].add_response("get_account_settings", {"AccountLimit": limit}, {})

    def may_not(self) -> None:
        self.stubs["service-quotas"].add_client_error("list_service_quotas", "AccessDeniedException", "No.")
        self.stubs["lambda"].add_client_error("get_account_settings", "AccessDeniedException", "No.")

    @property
    def stage(self) -> Stage:
        session: Any = self
        return Stage("dev", "123456789012", "ap-southeast-7", "aws", session)


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.mark.parametrize(
    "sessions",
    [
        pytest.param(
            {
                "Transactions per second per account for the CreateFaceLivenessSession operation": 12.0,
                "Transactions per second per account for the GetFaceLivenessSessionResults operation": 10.0,
            },
            id="one quota for each operation: the least counts",
        ),
        pytest.param({"Face Liveness API operations, transactions per second": 10.0}, id="one for all"),
    ],
)
def test_quotas_are_known_by_their_names(account: Account, sessions: dict[str, float]) -> None:
    account.has_quotas(
        {"Transactions per second per account for the DetectFaces operation": 25.0, **sessions},
        {
            "Number of concurrent Amazon Rekognition Face Liveness sessions per account": 60.0,
            "Transactions per second for SearchFacesByImage": 20.0,
            "Transactions per second for SearchFaces": 5.0,
        },
    )
    account.runs(10)

    allowed = capacity.ask(account.stage)

    assert allowed.quotas == Quotas(sessions=10, streams=60, searches=20)
    assert allowed.functions == 10
    assert allowed.read == {"sessions", "streams", "searches", "functions"}


def test_what_may_not_be_read_is_a_line_each_and_assumed(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.may_not()

    allowed = capacity.ask(account.stage)

    usual = capacity.defaults("ap-southeast-7")
    assert (allowed.quotas, allowed.functions, allowed.read) == (usual.quotas, 1000, frozenset())
    assert not capsys.readouterr().err, "the same is asked again when the API is configured"
    capacity.tell("ap-southeast-7", allowed, None)
    denied = [line for line in capsys.readouterr().err.splitlines() if "AccessDeniedException" in line]
    assert len(denied) == 2
    assert denied[0].startswith("  Service Quotas cannot be read, so AWS's defaults are assumed")


def test_an_unknown_name_leaves_the_default(account: Account) -> None:
    account.has_quotas({"Something else": 1.0})
    account.runs(1000)
    allowed = capacity.ask(account.stage)
    assert (allowed.quotas, allowed.read) == (quotas_of("ap-southeast-7"), frozenset({"functions"}))


def test_what_quotas_allow_and_what_to_request(capsys: pytest.CaptureFixture[str]) -> None:
    allowed = capacity.Allowance(Quotas(5, 15, 5), 10, frozenset({"functions"}))

    capacity.tell("ap-southeast-7", allowed, None)
    assert capsys.readouterr().err.splitlines() == [
        "  quotas of ap-southeast-7, for people whose arrivals deviate by 10 minutes:",
        "    liveness streams at once: 15, assumed, enough for 540 people",
        "    liveness sessions a second: 5, assumed, enough for 6,700 people",
        "    face searches a second: 5, assumed, enough for 6,700 people",
        "    Lambda functions at once: 10, enough for 5,700 people",
        "  liveness streams at once are the first to run out; --people N says what N people need",
    ]

    capacity.tell("ap-southeast-7", allowed, 8_000)
    assert capsys.readouterr().err.splitlines()[5:] == [
        "  request for 8,000 people, in Service Quotas under Rekognition: 137 liveness streams at once",
        "  request for 8,000 people, in Service Quotas under Rekognition: 6 liveness sessions a second",
        "  request for 8,000 people, in Service Quotas under Rekognition: 6 face searches a second",
        "  request for 8,000 people, in Service Quotas under Lambda: 13 functions at once",
    ]

    capacity.tell("ap-southeast-7", allowed, 500)
    assert capsys.readouterr().err.splitlines()[-1] == "  they are enough for 500 people"

    capacity.tell("ap-southeast-1", allowed, 500)
    assert not capsys.readouterr().err, "no Face Liveness, no rush"
