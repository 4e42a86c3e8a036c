"""Signatures of requests to AWS, as they stand there (AWS IAM user guide, "Signature Version 4 for API requests").

Owns whether a request is signed, and what a signature says of itself. Verifies nothing: that takes the secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from outgate.model import Headers
from outgate.wire import form
from outgate.wire.text_codecs import CODECS

DATE, TOKEN, DIGEST = "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"
# The headers that make up a signature; with another one, these are others.
PARTS = frozenset({"authorization", DATE, TOKEN, DIGEST})

_HEADER = re.compile(
    rb"AWS4-HMAC-SHA256 +Credential=(?P<key>[A-Z0-9]{16,128})/(?P<day>\d{8})/(?P<region>[a-z0-9-]{1,64})"
    rb"/(?P<service>[a-z0-9-]{1,64})/aws4_request"
    rb", *SignedHeaders=(?P<headers>[a-z0-9_.;-]{1,8192})"
    rb", *Signature=(?P<signature>[0-9a-f]{64})"
)
_FIRST = frozenset({"host", DATE})  # without these a signature holds for any host, or for ever


@dataclass(frozen=True, slots=True)
class Claim:
    """Who says to have signed a request, when, for which service, and which headers are covered."""

    access_key: str
    time: datetime  # aware, UTC
    region: str
    service: str
    headers: frozenset[str]  # lower case
    signature: str  # hex


def is_signed(target: bytes, headers: Headers) -> bool:
    """Whether there is a signature of AWS's of any version, in a header or in the query. Linear."""
    return any(_is_aws(value) for value in _values(headers, "authorization")) or _is_presigned(target)


def read(target: bytes, headers: Headers) -> Claim | None:
    """What the one signature of a request says; None without one, and where it is of another kind than
    AWS4-HMAC-SHA256 in a header, with its time in ``x-amz-date``, or there are several.
    """
    signatures, times = _values(headers, "authorization"), _values(headers, DATE)
    found = _HEADER.fullmatch(signatures[0].strip()) if len(signatures) == 1 else None
    if found is None or len(times) != 1 or _is_presigned(target):
        return None
    said = {name: value.decode("ascii") for name, value in found.groupdict().items()}
    covered = frozenset(said["headers"].split(";"))
    try:
        time = datetime.strptime(times[0].strip().decode("ascii"), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    if f"{time:%Y%m%d}" != said["day"] or not covered >= _FIRST:
        return None
    return Claim(said["key"], time, said["region"], said["service"], covered, said["signature"])


def covers(target: bytes, headers: Headers, name: str) -> bool:
    """Whether another value of the header ``name`` (lower case) would break a signature of the request's."""
    if not is_signed(target, headers):
        return False
    claim = read(target, headers)
    return claim is None or name in claim.headers


def _values(headers: Headers, wanted: str) -> list[bytes]:
    name = wanted.encode()
    return [value for key, value in headers if key.lower() == name]


def _is_aws(authorization: bytes) -> bool:
    return authorization.lstrip()[:3].upper() == b"AWS"


def _is_presigned(target: bytes) -> bool:
    start = target.find(b"?") + 1
    if not start:
        return False
    decode = CODECS["form"].decode
    return any(
        decode(target[slice(*field.name)]).lower() == "x-amz-signature" for field in form.parse(target, start)
    )
