"""Framing and signatures: round trips, refusals, and nothing hostile gets further than an error."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from local.aws.sigv4 import Credentials
from local.liveness import framing, signing
from local.liveness.framing import FramingError, Message
from local.liveness.signing import SignatureRefused

NOW = datetime(2026, 3, 2, 23, 59, 30, tzinfo=UTC)
KEY, SECRET = "AKIDEXAMPLE", Credentials("the/secret+key", "a token/with=signs&more")
HOST, REGION = "127.0.0.1", "us-east-1"

names = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=40)
times = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
values = (
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=90) | st.text(max_size=60) | times
)
messages = st.builds(Message, st.dictionaries(names, values, max_size=6), st.binary(max_size=300))


@given(messages)
def test_a_message_survives_the_wire(message: Message) -> None:
    assert framing.decode(framing.encode(message)) == message


@given(messages)
def test_botocore_reads_our_messages(message: Message) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(framing.encode(message))
    assert next(buffer).payload == message.payload


@given(messages, st.integers(0), st.integers(1, 255))
def test_one_changed_byte_is_always_noticed(message: Message, where: int, by: int) -> None:
    data = bytearray(framing.encode(message))
    data[where % len(data)] ^= by
    with pytest.raises(FramingError):
        framing.decode(bytes(data))


@given(st.binary(max_size=400))
def test_hostile_bytes_are_only_a_framing_error(data: bytes) -> None:
    with pytest.raises(FramingError):
        framing.decode(data)


@given(st.binary(max_size=80), st.binary(max_size=20))
def test_hostile_headers_inside_sound_checksums_are_only_a_framing_error(
    headers: bytes, payload: bytes
) -> None:
    try:
        decoded = framing.decode(wrapped(headers, payload))
    except FramingError:
        return
    assert decoded.payload == payload


def wrapped(headers: bytes, payload: bytes) -> bytes:
    """A message of raw header bytes, its lengths and checksums right."""
    lengths = (16 + len(headers) + len(payload)).to_bytes(4, "big") + len(headers).to_bytes(4, "big")
    body = lengths + crc32(lengths).to_bytes(4, "big") + headers + payload
    return body + crc32(body).to_bytes(4, "big")


def test_a_header_that_comes_twice_is_refused() -> None:
    with pytest.raises(FramingError, match="twice"):
        framing.decode(wrapped(2 * framing.encode_headers({"a": 1}), b""))


def url(at: datetime = NOW, region: str = REGION, credentials: Credentials = SECRET, **query: str) -> str:
    return signing.presign(HOST, region, KEY, credentials, {"session-id": "x y+z/ü"} | query, at)[0]


def check(
    target: str, host: str = HOST, now: datetime = NOW, known: Credentials | None = SECRET
) -> dict[str, str]:
    return signing.verify(target, host, REGION, known, now)[0]


@pytest.mark.parametrize("host", [HOST, f"{HOST}:4567"])
def test_a_signed_url_is_accepted_whether_or_not_the_host_shows_its_port(host: str) -> None:
    """AWS's browser client signs the host without the port, and its Host header has the port."""
    assert check(url(), host)["session-id"] == "x y+z/ü"


def test_a_url_signed_over_host_and_port_is_accepted() -> None:
    target, _ = signing.presign(f"{HOST}:4567", REGION, KEY, SECRET, {}, NOW)
    assert check(target, f"{HOST}:4567")


def test_a_long_lived_key_needs_no_session_token() -> None:
    static = Credentials("secret")
    assert check(url(credentials=static), known=static)


def test_the_access_key_is_read_from_the_url() -> None:
    assert signing.access_key_of(url()) == KEY
    assert signing.access_key_of("/x?a=b") is None


@pytest.mark.parametrize(
    ("target", "code"),
    [
        pytest.param(url(NOW - timedelta(seconds=299)), "InvalidSignatureException", id="expired"),
        pytest.param(url(NOW + timedelta(minutes=6)), "InvalidSignatureException", id="from the future"),
        pytest.param(url(region="eu-west-1"), "InvalidSignatureException", id="another region"),
        pytest.param(
            url().replace("session-id=x", "session-id=y"), "InvalidSignatureException", id="tampered"
        ),
        pytest.param(url() + "&video-width=640", "InvalidSignatureException", id="a field more"),
        pytest.param(url() + "&session-id=z", "IncompleteSignatureException", id="a field twice"),
        pytest.param(url().partition("&X-Amz-Signature")[0], "IncompleteSignatureException", id="unsigned"),
        pytest.param(
            url().replace("Expires=299", "Expires=86400"), "IncompleteSignatureException", id="lives a day"
        ),
        pytest.param(
            url(credentials=Credentials("other", SECRET.token)),
            "InvalidSignatureException",
            id="wrong secret",
        ),
        pytest.param(
            url(credentials=Credentials(SECRET.secret)), "UnrecognizedClientException", id="no session token"
        ),
        pytest.param(
            url(credentials=Credentials(SECRET.secret, "stale")),
            "UnrecognizedClientException",
            id="wrong token",
        ),
        pytest.param("/nothing", "IncompleteSignatureException", id="no query"),
        pytest.param(
            url().replace("X-Amz-Date=2026", "X-Amz-Date=20x6"), "IncompleteSignatureException", id="no date"
        ),
    ],
)
def test_a_signed_url_is_refused(target: str, code: str) -> None:
    with pytest.raises(SignatureRefused) as refused:
        check(target)
    assert refused.value.code == code


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(SignatureRefused) as refused:
        check(url(), known=None)
    assert refused.value.code == "UnrecognizedClientException"


def test_a_wrong_region_is_refused_in_the_words_by_which_awss_component_knows_it() -> None:
    with pytest.raises(SignatureRefused, match="valid region, not 'eu-west-1'") as refused:
        check(url(region="eu-west-1"))
    assert refused.value.code == "InvalidSignatureException"


@given(st.text(max_size=200))
def test_any_query_is_accepted_or_refused_and_never_crashes(text: str) -> None:
    target = "/start?" + urlsplit("/x?" + text).query
    signing.access_key_of(target)
    with pytest.raises(SignatureRefused):
        check(target)


def chains() -> tuple[signing.ChunkChain, signing.ChunkChain]:
    target, ours = signing.presign(HOST, REGION, KEY, SECRET, {}, NOW)
    return ours, signing.verify(target, HOST, REGION, SECRET, NOW)[1]


@given(st.lists(messages, max_size=5))
def test_a_chain_of_chunks_is_read_as_it_was_signed(said: list[Message]) -> None:
    ours, theirs = chains()
    for message in said:
        assert theirs.verify(ours.sign(framing.encode(message), NOW)) == message


def test_chunks_out_of_order_are_refused() -> None:
    ours, theirs = chains()
    first, second = (ours.sign(framing.encode(Message({"n": n})), NOW) for n in (1, 2))
    with pytest.raises(SignatureRefused):
        theirs.verify(second)
    assert theirs.verify(first).headers == {"n": 1}
    with pytest.raises(SignatureRefused):
        theirs.verify(first)


def test_an_unsigned_chunk_is_refused() -> None:
    _, theirs = chains()
    with pytest.raises(FramingError):
        theirs.verify(framing.encode(Message({":date": NOW}, framing.encode(Message()))))
