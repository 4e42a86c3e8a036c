"""Whether a request is signed for AWS, and what its signature says of itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from outgate.wire import sigv4

KEY = "AKIA" + "MADEUP" * 2 + "KEYS"
URL = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/m/converse"


def authorization(**changed: str) -> bytes:
    said = {"key": KEY, "day": "20260107", "headers": "host;x-amz-date", "algorithm": "AWS4-HMAC-SHA256"}
    said |= changed
    return (
        f"{said['algorithm']} Credential={said['key']}/{said['day']}/eu-west-1/bedrock/aws4_request, "
        f"SignedHeaders={said['headers']}, Signature={'0f' * 32}"
    ).encode()


def headers(value: bytes, date: bytes = b"20260107T120000Z") -> tuple[tuple[bytes, bytes], ...]:
    return ((b"Authorization", value), (b"X-Amz-Date", date))


def test_what_a_signature_says_is_read() -> None:
    request = AWSRequest("POST", URL, headers={"Accept": "a/b"}, data=b"{}")
    SigV4Auth(Credentials(KEY, "made-up", "token"), "bedrock", "eu-west-1").add_auth(request)
    fields = tuple((name.encode(), value.encode()) for name, value in request.headers.items())
    assert sigv4.is_signed(b"/model/m/converse", fields)
    claim = sigv4.read(b"/model/m/converse", fields)
    assert claim is not None
    assert (claim.access_key, claim.service, claim.region) == (KEY, "bedrock", "eu-west-1")
    assert claim.headers == {"accept", "host", "x-amz-date", "x-amz-security-token"}
    assert f"{claim.time:%Y%m%dT%H%M%SZ}" == request.headers["X-Amz-Date"]
    assert request.headers["Authorization"].endswith(claim.signature)


def test_a_presigned_request_is_signed_and_claims_nothing_that_could_be_made_anew() -> None:
    request = AWSRequest("POST", URL, data=b"{}")
    SigV4QueryAuth(Credentials(KEY, "made-up"), "bedrock", "eu-west-1").add_auth(request)
    target = request.url.removeprefix("https://bedrock-runtime.eu-west-1.amazonaws.com").encode()
    assert sigv4.is_signed(target, ())
    assert sigv4.is_signed(target.replace(b"X-Amz-Sig", b"x-amz-s%69g"), ())
    assert sigv4.read(target, headers(authorization())) is None
    assert sigv4.read(b"/x?a=X-Amz-Signature", headers(authorization())) is not None


@pytest.mark.parametrize(
    "fields",
    [
        headers(authorization(algorithm="AWS4-ECDSA-P256-SHA256")),
        headers(b"aws4-hmac-sha256 of another spelling"),
        headers(b" AWS " + KEY.encode() + b":c2ln"),
        headers(authorization(day="20260108")),
        headers(authorization(headers="x-amz-date")),
        headers(authorization(headers="host;date")),
        headers(authorization(), b"20269907T120000Z"),
        headers(authorization(), b"\xff"),
        headers(authorization())[:1],
        (*headers(authorization()), *headers(authorization())),
    ],
    ids=str,
)
def test_what_is_signed_in_a_way_that_cannot_be_made_anew_is_signed_all_the_same(
    fields: tuple[tuple[bytes, bytes], ...],
) -> None:
    assert sigv4.is_signed(b"/", fields)
    assert sigv4.read(b"/", fields) is None


@pytest.mark.parametrize("value", [b"Bearer AWS4", b"Basic QVdTNA==", b"", b"AW"])
def test_another_credential_is_no_signature(value: bytes) -> None:
    assert not sigv4.is_signed(b"/v1?signature=x&x-amz-date=y", headers(value))
    assert sigv4.read(b"/v1", headers(value)) is None


@given(st.binary(max_size=200), st.binary(max_size=60), st.binary(max_size=60))
def test_no_bytes_make_it_raise(value: bytes, date: bytes, query: bytes) -> None:
    for given_value in (value, authorization()[: len(value)] + value, authorization()):
        claim = sigv4.read(b"/?" + query, headers(given_value, date))
        assert claim is None or sigv4.is_signed(b"/?" + query, headers(given_value, date))


@given(
    st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1)),
    st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True),
)
def test_its_time_and_headers_are_those_that_are_written(moment: datetime, name: str) -> None:
    fields = headers(
        authorization(day=f"{moment:%Y%m%d}", headers=f"host;x-amz-date;{name}"),
        f"{moment:%Y%m%dT%H%M%SZ}".encode(),
    )
    claim = sigv4.read(b"/", fields)
    assert claim is not None
    assert claim.time == moment.replace(microsecond=0, tzinfo=UTC)
    assert name in claim.headers
