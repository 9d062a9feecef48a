"""The embedded DynamoDB: as moto answers where moto is right, and right where moto is not."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.core.exceptions import JsonRESTError
from moto.dynamodb.models import DynamoDBBackend

from local.aws.dynamodb.service import Change, Dynamo, _Handler
from tests.support.patience import PATIENCE_S

REGION = "us-east-1"
TABLE = {
    "TableName": "t",
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "S"},
        {"AttributeName": "group", "AttributeType": "S"},
        {"AttributeName": "rank", "AttributeType": "N"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "listing",
            "KeySchema": [
                {"AttributeName": "group", "KeyType": "HASH"},
                {"AttributeName": "rank", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}


class Failed(Exception):
    """An error answer: its name, and all of it."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(body.get("message") or body.get("Message"))
        self.body = body
        self.code = body["__type"].rpartition("#")[2]


def call(dynamo: Dynamo, operation: str, **params: Any) -> dict[str, Any]:
    status, _, body = dynamo.handle(REGION, operation, json.dumps(params).encode())
    answer: dict[str, Any] = json.loads(body)
    if status != 200:
        raise Failed(answer)
    return answer


@pytest.fixture
def dynamo() -> Dynamo:
    made = Dynamo("123456789012")
    call(made, "CreateTable", **TABLE)
    return made


def key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def value_of(dynamo: Dynamo, pk: str, sk: str, name: str = "n") -> str | None:
    item = call(dynamo, "GetItem", TableName="t", Key=key(pk, sk)).get("Item")
    return item[name]["N"] if item else None


# --- the same as moto -----------------------------------------------------------------------------

keys = st.tuples(st.sampled_from("ab"), st.sampled_from(["1", "2", "21", "3"]))
ranks = st.integers(-3, 12)
extras = st.fixed_dictionaries(
    {},
    optional={
        "group": st.sampled_from("xy").map(lambda text: {"S": text}),
        "rank": ranks.map(number),
        "n": ranks.map(number),
        "list": st.just({"L": [{"S": "é"}, {"M": {"deep": {"BOOL": True}}}]}),
        "set": st.just({"SS": ["b", "a"]}),
        "none": st.just({"NULL": True}),
    },
)
conditions = st.sampled_from(
    [
        {},
        {"ConditionExpression": "attribute_not_exists(pk)"},
        {"ConditionExpression": "attribute_exists(pk)"},
        {"ConditionExpression": "n < :low", "ExpressionAttributeValues": {":low": number(4)}},
    ]
)
updates = st.sampled_from(
    [
        {"UpdateExpression": "SET n = :v", "ExpressionAttributeValues": {":v": number(7)}},
        {"UpdateExpression": "ADD n :v", "ExpressionAttributeValues": {":v": number(1)}},
        {"UpdateExpression": "REMOVE n, none"},
        {
            "UpdateExpression": "SET #g = :g, #r = :r",
            "ExpressionAttributeNames": {"#g": "group", "#r": "rank"},
            "ExpressionAttributeValues": {":g": {"S": "x"}, ":r": number(5)},
        },
    ]
)


def _put(where: tuple[str, str], extra: dict[str, Any], condition: dict[str, Any]) -> dict[str, Any]:
    return {"Item": key(*where) | extra, **condition}


def _update(where: tuple[str, str], update: dict[str, Any]) -> dict[str, Any]:
    return {"Key": key(*where), **update}


writes = st.one_of(
    st.tuples(st.just("Put"), st.builds(_put, keys, extras, conditions)),
    st.tuples(st.just("Update"), st.builds(_update, keys, updates)),
    st.tuples(st.just("Delete"), keys.map(lambda where: {"Key": key(*where)})),
)


def _single(write: tuple[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    return f"{write[0]}Item", {"TableName": "t", **write[1]}


def _together(group: list[tuple[str, dict[str, Any]]]) -> tuple[str, dict[str, Any]]:
    return "TransactWriteItems", {
        "TransactItems": [{kind: {"TableName": "t", **body}} for kind, body in group]
    }


def _query(
    names: tuple[str, str, str], condition: str, values: list[Any], limit: int | None, forward: bool
) -> tuple[str, dict[str, Any]]:
    index, partition, sort = names
    params: dict[str, Any] = {
        "TableName": "t",
        "KeyConditionExpression": "#p = :p" + (f" AND {condition}" if condition else ""),
        "ExpressionAttributeNames": {"#p": partition} | ({"#s": sort} if condition else {}),
        "ExpressionAttributeValues": {":p": {"S": "a" if not index else "x"}}
        | {f":{i}": value for i, value in enumerate(values)},
        "ScanIndexForward": forward,
    }
    if index:
        params["IndexName"] = index
    if limit:
        params["Limit"] = limit
    return "Query", params


@st.composite
def queries(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    index = draw(st.sampled_from(["", "listing"]))
    text = draw(st.sampled_from(["", "1", "2", "21", "3"]).filter(bool)) if not index else ""
    low: Any = {"S": text} if not index else number(draw(ranks))
    high: Any = {"S": "3"} if not index else number(13)
    condition = draw(st.sampled_from([*SHAPES, *([] if index else ["begins_with(#s, :0)"])]))
    values = [] if not condition else [low, high] if "BETWEEN" in condition else [low]
    names = ("listing", "group", "rank") if index else ("", "pk", "sk")
    return _query(names, condition, values, draw(st.sampled_from([None, 1, 2, 50])), draw(st.booleans()))


steps = st.lists(
    st.one_of(
        writes.map(_single),
        st.lists(writes, min_size=1, max_size=4).map(_together),
        queries(),
        keys.map(lambda where: ("GetItem", {"TableName": "t", "Key": key(*where)})),
    ),
    max_size=25,
)


class Plain(Dynamo):
    """The same front over moto's own backend and tables."""

    def backend(self, region: str) -> Any:
        return self._backends.setdefault(region, DynamoDBBackend(region, "123456789012"))  # type: ignore[arg-type]

    def tables(self) -> Iterator[Any]:
        return iter(())


def _outcome(dynamo: Dynamo, operation: str, params: dict[str, Any]) -> Any:
    try:
        answer = call(dynamo, operation, **params)
    except Failed as error:
        return error.code, error.body.get("CancellationReasons")
    answer.pop("ConsumedCapacity", None)
    return answer


def _without_last(answer: Any) -> Any:
    # moto names a last key even where only items outside the condition follow; AWS may or may not.
    return (
        {k: v for k, v in answer.items() if k != "LastEvaluatedKey"} if isinstance(answer, dict) else answer
    )


@settings(max_examples=60)
@given(steps)
def test_any_sequence_of_operations_is_answered_as_moto_answers_it(
    sequence: list[tuple[str, dict[str, Any]]],
) -> None:
    ours, plain = Dynamo("123456789012"), Plain("123456789012")
    for side in (ours, plain):
        call(side, "CreateTable", **TABLE)
    for operation, params in sequence:
        assert _without_last(_outcome(ours, operation, params)) == _without_last(
            _outcome(plain, operation, params)
        )
    everything = call(ours, "Scan", TableName="t")["Items"]
    assert everything == call(plain, "Scan", TableName="t")["Items"]


SHAPES = ["", "#s = :0", "#s < :0", "#s <= :0", "#s > :0", "#s >= :0", "#s BETWEEN :0 AND :1"]


@pytest.mark.parametrize("condition", [*SHAPES, "begins_with(#s, :0)"])
@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("names", [("", "pk", "sk"), ("listing", "group", "rank")])
def test_every_key_condition_selects_what_it_selects_in_moto(
    condition: str, forward: bool, names: tuple[str, str, str]
) -> None:
    if names[0] and "begins_with" in condition:
        return  # numbers have no beginning
    ours, plain = Dynamo("123456789012"), Plain("123456789012")
    for side in (ours, plain):
        call(side, "CreateTable", **TABLE)
        for i, text in enumerate(["1", "11", "12", "2", "21", "3"]):
            for partition in "ab":
                item = key(partition, text) | {"group": {"S": "x"}, "rank": number(i // 2 * 5 - 4)}
                call(side, "PutItem", TableName="t", Item=item)
    bounds: list[Any] = [number(1), number(6)] if names[0] else [{"S": "12"}, {"S": "21"}]
    values = bounds[: 2 if "BETWEEN" in condition else 1 if condition else 0]
    operation, params = _query(names, condition, values, None, forward)
    answer = call(ours, operation, **params)
    assert answer["Items"]
    assert answer == call(plain, operation, **params)


@settings(max_examples=40)
@given(st.lists(st.tuples(keys, extras), max_size=12), queries(), st.integers(1, 3))
def test_pages_put_together_are_the_whole_query(
    items: list[tuple[tuple[str, str], dict[str, Any]]], query: tuple[str, dict[str, Any]], limit: int
) -> None:
    dynamo = Dynamo("123456789012")
    call(dynamo, "CreateTable", **TABLE)
    for where, extra in items:
        call(dynamo, "PutItem", TableName="t", Item=key(*where) | extra)
    params = {name: value for name, value in query[1].items() if name != "Limit"}
    whole = call(dynamo, "Query", **params)["Items"]
    pages: list[Any] = []
    start: dict[str, Any] = {}
    while True:
        page = call(dynamo, "Query", **params, Limit=limit, **start)
        pages += page["Items"]
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert pages == whole


# --- where moto is not right ----------------------------------------------------------------------


def test_threads_that_count_in_transactions_lose_nothing(dynamo: Dynamo) -> None:
    for name in ("one", "two"):
        call(dynamo, "PutItem", TableName="t", Item=key("c", name) | {"n": number(0)})
    errors: list[Exception] = []

    def bump(name: str, seen: int) -> dict[str, Any]:
        values = {":old": number(seen), ":new": number(seen + 1)}
        return {
            "Update": {
                "TableName": "t",
                "Key": key("c", name),
                "UpdateExpression": "SET n = :new",
                "ConditionExpression": "n = :old",
                "ExpressionAttributeValues": values,
            }
        }

    def count(thread: int) -> None:
        try:
            done = 0
            while done < 15:
                seen = int(value_of(dynamo, "c", "one") or 0)
                mark = {"Put": {"TableName": "t", "Item": key("log", f"{thread}-{done}")}}
                try:
                    call(
                        dynamo,
                        "TransactWriteItems",
                        TransactItems=[bump("one", seen), mark, bump("two", seen)],
                    )
                    done += 1
                except Failed as error:
                    assert error.code == "TransactionCanceledException"  # noqa: PT017
                call(dynamo, "PutItem", TableName="t", Item=key("noise", f"{thread}-{done}"))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=count, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not errors
    assert value_of(dynamo, "c", "one") == value_of(dynamo, "c", "two") == "120"
    query = {"KeyConditionExpression": "pk = :p", "Select": "COUNT"}
    for partition, expected in (("log", 120), ("noise", 128)):
        found = call(
            dynamo, "Query", TableName="t", ExpressionAttributeValues={":p": {"S": partition}}, **query
        )
        assert found["Count"] >= expected - 8


def test_a_repeated_transaction_is_applied_once(dynamo: Dynamo) -> None:
    add = {
        "TableName": "t",
        "Key": key("a", "1"),
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": number(1)},
    }
    for _ in range(3):
        call(dynamo, "TransactWriteItems", TransactItems=[{"Update": add}], ClientRequestToken="same")
    assert value_of(dynamo, "a", "1") == "1"
    other = [{"Delete": {"TableName": "t", "Key": key("a", "1")}}]
    with pytest.raises(Failed, match="different parameters") as refused:
        call(dynamo, "TransactWriteItems", TransactItems=other, ClientRequestToken="same")
    assert refused.value.code == "IdempotentParameterMismatchException"


def test_a_cancelled_transaction_leaves_all_as_it_was_and_says_why(dynamo: Dynamo) -> None:
    call(dynamo, "PutItem", TableName="t", Item=key("a", "1") | {"n": number(1)})
    new = {"TableName": "t", "Item": key("a", "2")}
    update = {
        "TableName": "t",
        "Key": key("a", "1"),
        "UpdateExpression": "SET n = :two",
        "ExpressionAttributeValues": {":two": number(2)},
    }
    failing = {
        "TableName": "t",
        "Key": key("a", "9"),
        "ConditionExpression": "attribute_exists(pk)",
    }
    writes = [{"Put": new}, {"Update": update}, {"ConditionCheck": failing}]
    with pytest.raises(Failed) as cancelled:
        call(dynamo, "TransactWriteItems", TransactItems=writes)
    codes = [reason["Code"] for reason in cancelled.value.body["CancellationReasons"]]
    assert codes == ["None", "None", "ConditionalCheckFailed"]
    assert call(dynamo, "Scan", TableName="t")["Items"] == [key("a", "1") | {"n": number(1)}]


def test_an_update_that_fails_leaves_no_bare_key_behind(dynamo: Dynamo) -> None:
    with pytest.raises(Failed):
        call(
            dynamo,
            "UpdateItem",
            TableName="t",
            Key=key("a", "1"),
            UpdateExpression="SET n = missing + :v",
            ExpressionAttributeValues={":v": number(1)},
        )
    assert "Item" not in call(dynamo, "GetItem", TableName="t", Key=key("a", "1"))


BAD_REQUESTS = [
    pytest.param(
        "BatchWriteItem",
        {"RequestItems": {"t": [{"PutRequest": {"Item": key("a", str(i))}} for i in range(26)]}},
        id="26 writes in a batch",
    ),
    pytest.param(
        "BatchWriteItem",
        {
            "RequestItems": {
                "t": [
                    {"PutRequest": {"Item": key("a", "1") | {"n": number(1)}}},
                    {"DeleteRequest": {"Key": key("a", "1")}},
                ]
            }
        },
        id="one key twice in a batch",
    ),
    pytest.param("TransactWriteItems", {"TransactItems": []}, id="empty transaction"),
    pytest.param(
        "PutItem",
        {
            "TableName": "t",
            "Item": key("a", "1"),
            "ConditionExpression": "attribute_not_exists(pk)",
            "ExpressionAttributeValues": {":unused": number(1)},
        },
        id="unused value",
    ),
    pytest.param(
        "PutItem", {"TableName": "t", "Item": key("a", "1") | {"rank": {"S": "1"}}}, id="index key type"
    ),
    pytest.param("PutItem", {"TableName": "t", "Item": key("", "1")}, id="empty key"),
    pytest.param("GetItem", {"TableName": "t"}, id="no key"),
    pytest.param(
        "Query",
        {
            "TableName": "t",
            "KeyConditionExpression": "pk = :p AND sk > :n",
            "ExpressionAttributeValues": {":p": {"S": "a"}, ":n": number(1)},
        },
        id="sort key type",
    ),
    pytest.param(
        "Query",
        {
            "TableName": "t",
            "KeyConditionExpression": "pk = :p",
            "ExpressionAttributeValues": {":p": {"S": "a"}},
            "ExclusiveStartKey": key("b", "1"),
        },
        id="start key of another partition",
    ),
]


@pytest.mark.parametrize(("operation", "params"), BAD_REQUESTS)
def test_what_dynamodb_refuses_is_a_validation_error(
    dynamo: Dynamo, operation: str, params: dict[str, Any]
) -> None:
    with pytest.raises(Failed) as refused:
        call(dynamo, operation, **params)
    assert refused.value.code == "ValidationException"


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'"x"'])
def test_what_is_no_json_object_is_an_error_answer(dynamo: Dynamo, body: bytes) -> None:
    status, _, answer = dynamo.handle(REGION, "GetItem", body)
    assert status == 400
    assert json.loads(answer)["__type"]


def test_an_unknown_operation_is_an_error_answer(dynamo: Dynamo) -> None:
    with pytest.raises(Failed) as refused:
        call(dynamo, "CallAction")
    assert refused.value.code == "UnknownOperationException"


def test_expired_items_are_swept_and_nothing_else(dynamo: Dynamo) -> None:
    call(
        dynamo,
        "UpdateTimeToLive",
        TableName="t",
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"},
    )
    now = time.time()
    times = {"past": now - 5, "future": now + 60, "ancient": now - 6 * 365 * 86_400}
    for name, expires in times.items():
        call(dynamo, "PutItem", TableName="t", Item=key("a", name) | {"expires": number(int(expires))})
    call(dynamo, "PutItem", TableName="t", Item=key("a", "text") | {"expires": {"S": "1"}})
    assert dynamo.sweep(now) == 1
    left = {item["sk"]["S"] for item in call(dynamo, "Scan", TableName="t")["Items"]}
    assert left == {"future", "ancient", "text"}


def test_every_change_is_handed_on_before_it_is_answered() -> None:
    saved: list[Change] = []
    dynamo = Dynamo("123456789012", saved.extend)
    call(dynamo, "CreateTable", **TABLE)
    call(dynamo, "PutItem", TableName="t", Item=key("a", "1") | {"n": number(1)})
    update = {"UpdateExpression": "ADD n :v", "ExpressionAttributeValues": {":v": number(2)}}
    call(dynamo, "UpdateItem", TableName="t", Key=key("a", "1"), **update)
    call(dynamo, "DeleteItem", TableName="t", Key=key("a", "1"))
    assert [change.table for change in saved] == ["t"] * 3
    assert len({change.key for change in saved}) == 1
    assert [json.loads(change.item)["n"] if change.item else None for change in saved] == [
        number(1),
        number(3),
        None,
    ]


def test_a_page_costs_a_page_in_a_large_partition(dynamo: Dynamo) -> None:
    items = [key("a", f"{i:05}") | {"group": {"S": "x"}, "rank": number(i)} for i in range(4000)]
    dynamo.load(REGION, [("t", json.dumps(item).encode()) for item in items])
    query = {"ExpressionAttributeValues": {":p": {"S": "x"}}, "ExpressionAttributeNames": {"#g": "group"}}

    def timed(limit: int) -> float:
        best = 9.0
        for _ in range(3):
            began = time.perf_counter()
            params = {
                "TableName": "t",
                "IndexName": "listing",
                "KeyConditionExpression": "#g = :p",
                "Limit": limit,
            }
            assert call(dynamo, "Query", **params, **query)["Count"] == limit
            best = min(best, time.perf_counter() - began)
        return best

    assert timed(20) < timed(4000) / 5


def test_the_handler_is_motos_own() -> None:
    handler = _Handler(Dynamo("123456789012").backend(REGION), {"TableName": "none"})
    with pytest.raises(JsonRESTError):
        handler.describe_table()
