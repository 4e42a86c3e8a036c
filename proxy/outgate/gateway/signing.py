"""Requests whose signature an edit would break: signed anew where nobody gains by it, else stopped.

An edited request is signed only as who signed it: its own signature has to be the one that credentials of ours make
of every byte that came, within the minutes that AWS grants. Who cannot sign with them gets nothing signed. The one
exception are access key ids that the settings name (``lend_to``): theirs cannot be checked here, and they get the
signature of ours on their word, for the models' own paths alone. What signs is AWS's own library (awscrt).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from outgate.gateway import aws_credentials
from outgate.model import Endpoint, Exchange, Headers, Outcome, Verdict
from outgate.settings.sections import Aws
from outgate.wire import sigv4

log = logging.getLogger("outgate")

_SERVICE = _PROVIDER = "bedrock"  # in a signature's scope; in the catalogue
_SKEW = timedelta(minutes=5)  # AWS IAM user guide, "AWS Signature Version 4 for API requests"
PATIENCE = 4.0  # seconds for credentials and signature
_SIGNED = "The request is signed (AWS SigV4), so it cannot be edited as the policy asks: "


class SigningError(Exception):
    """A request that is not signed anew; ``message`` says why, in words fit for its client."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


async def settled(exchange: Exchange, verdict: Verdict, signer: Signer | None) -> Verdict:
    """The verdict, with a new signature where its edits break the request's own, or else as a block.

    Raises nothing: whatever goes wrong, no edited request leaves with the signature that it came with.
    """
    if verdict.outcome not in (Outcome.FORWARD, Outcome.EDIT):
        return verdict
    try:
        if not _breaks(exchange, verdict):
            return verdict
        if signer is None:
            raise SigningError("Outgate may not sign it anew (`aws.sign` in its settings).")
        async with asyncio.timeout(PATIENCE):
            return replace(verdict, signature=await signer.signature(exchange, verdict))
    except SigningError as error:
        rule = next((record.rule for record in verdict.records if record.action.edits), None)
        return _stopped(verdict, Outcome.BLOCK, rule=rule, message=_SIGNED + error.message)
    except Exception as error:  # by its kind alone: its words are another's
        log.error("a request could not be signed anew: %s", type(error).__name__)
        message = _SIGNED + "Outgate failed to sign it anew."
        return _stopped(verdict, Outcome.REFUSE, reason="signed_body", message=message)


def _breaks(exchange: Exchange, verdict: Verdict) -> bool:
    if verdict.body is None and verdict.target is None:
        names = (exchange.headers[index][0].decode("latin-1").lower() for index in verdict.headers)
        return any(sigv4.covers(exchange.target, exchange.headers, name) for name in names)
    return sigv4.is_signed(exchange.target, exchange.headers)


def _stopped(verdict: Verdict, outcome: Outcome, **told: Any) -> Verdict:
    nothing: dict[str, Any] = {"body": None, "target": None, "headers": {}, "pairs": ()}
    return replace(verdict, outcome=outcome, status=403, **nothing, **told)


@dataclass(frozen=True, slots=True)
class Signer:
    """The credentials that this installation was given, and whom they serve."""

    sources: tuple[aws_credentials.Source, ...]
    lend_to: frozenset[str]

    @classmethod
    def of(cls, settings: Aws) -> Signer | None:
        """What the settings say; None where they let nothing be signed. Raises SettingsError."""
        if not settings.sign:
            return None
        return cls(aws_credentials.sources(settings.profiles), frozenset(settings.lend_to))

    async def signature(self, exchange: Exchange, verdict: Verdict) -> Headers:
        """The headers of a signature of ours over the request as it leaves.

        Raises SigningError, and whatever goes wrong at AWS's library.
        """
        claim = _in_scope(exchange, verdict.endpoint)
        credentials = await self._credentials(claim, exchange, verdict.endpoint)
        headers = [
            (name, verdict.headers.get(index, value)) for index, (name, value) in enumerate(exchange.headers)
        ]
        request = _Request(
            exchange.method,
            exchange.target if verdict.target is None else verdict.target,
            _chosen(exchange, headers, _is_for_aws),
            await _digest(exchange.body if verdict.body is None else verdict.body),
        )
        return await _signed(request, claim, credentials, datetime.now(UTC))

    async def _credentials(
        self, claim: sigv4.Claim, exchange: Exchange, endpoint: Endpoint | None
    ) -> Any:  # awscrt.auth.AwsCredentials
        """The credentials that made the request's signature, or those that are lent to its access key id."""
        held = await aws_credentials.held(self.sources)
        if not held:
            raise SigningError("Outgate finds no AWS credentials to sign it anew with.")
        for credentials in held:
            if credentials.access_key_id == claim.access_key:
                await _verify(claim, exchange, credentials)
                return credentials
        if claim.access_key not in self.lend_to:
            raise SigningError(
                "Outgate does not have the credentials that signed it (`aws` in its settings)."
            )
        if endpoint is None or endpoint.model is None or exchange.method != "POST":
            raise SigningError("Outgate signs anew for this access key what goes to a model, and no more.")
        return held[0]


@dataclass(frozen=True, slots=True)
class _Request:
    """What a signature covers."""

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]  # without those that make up the signature
    digest: str  # SHA-256 of the body, hex


def _in_scope(exchange: Exchange, endpoint: Endpoint | None) -> sigv4.Claim:
    """The claim of a request to Bedrock that is signed for that host. Raises SigningError."""
    claim = sigv4.read(exchange.target, exchange.headers)
    if claim is None:
        raise SigningError("its signature is not of the kind that Outgate makes.")
    known = endpoint is not None and endpoint.provider.id == _PROVIDER and exchange.scheme == "https"
    if not known or (claim.service, claim.region) != (_SERVICE, endpoint and endpoint.region):
        raise SigningError("it is for another service or region than Amazon Bedrock's that it is sent to.")
    return claim


async def _verify(claim: sigv4.Claim, exchange: Exchange, credentials: Any) -> None:
    """Raises SigningError unless the request came with the signature that these credentials make of it now."""
    if abs(exchange.time - claim.time) > _SKEW:
        raise SigningError("it was signed too long ago, or its clock and Outgate's differ.")
    digest = await _digest(exchange.body)
    state_digest = sigv4.DIGEST in claim.headers
    headers = _chosen(exchange, exchange.headers, claim.headers.__contains__)
    request = _Request(exchange.method, exchange.target, headers, digest)
    made = await _signed(request, claim, credentials, claim.time, state_digest=state_digest)
    ours = sigv4.read(exchange.target, made)
    genuine = (
        ours is not None
        and ours.headers == claim.headers
        and hmac.compare_digest(ours.signature, claim.signature)
        and _values(exchange, sigv4.DIGEST) == ({digest} if state_digest else set())
        and _values(exchange, sigv4.TOKEN) == {credentials.session_token or None} - {None}
    )
    if not genuine:
        raise SigningError("its signature is not one of this request.")


def _is_for_aws(name: str) -> bool:
    """Headers that a signature has to cover; no proxy on the way changes one of these."""
    return name in ("host", "content-type") or name.startswith("x-amz")


def _chosen(
    exchange: Exchange, headers: Iterable[tuple[bytes, bytes]], wanted: Any
) -> tuple[tuple[bytes, bytes], ...]:
    rest = [(name.lower(), value) for name, value in headers]
    if not any(name == b"host" for name, _ in rest):  # HTTP/2 has it elsewhere
        rest.append((b"host", exchange.host.encode()))
    return tuple(
        (name, value)
        for name, value in rest
        if wanted(name.decode("latin-1")) and name.decode("latin-1") not in sigv4.PARTS
    )


def _values(exchange: Exchange, header: str) -> set[str]:
    return {value.decode("latin-1") for name, value in exchange.headers if name.lower() == header.encode()}


async def _digest(body: bytes) -> str:
    return (await asyncio.to_thread(hashlib.sha256, body)).hexdigest()


async def _signed(
    request: _Request, claim: sigv4.Claim, credentials: Any, moment: datetime, *, state_digest: bool = False
) -> Headers:
    """The headers that make up a signature of the request."""
    from awscrt import auth, http

    kind = auth.AwsSignedBodyHeaderType
    config = auth.AwsSigningConfig(
        credentials_provider=auth.AwsCredentialsProvider.new_static(
            credentials.access_key_id, credentials.secret_access_key, credentials.session_token or None
        ),
        region=claim.region,
        service=claim.service,
        date=moment,
        signed_body_value=request.digest,
        signed_body_header_type=kind.X_AMZ_CONTENT_SHA_256 if state_digest else kind.NONE,
    )
    try:
        headers = [(name.decode("ascii"), value.decode("ascii")) for name, value in request.headers]
        unsigned = http.HttpRequest(request.method, request.target.decode("ascii"), http.HttpHeaders(headers))
    except UnicodeDecodeError:
        raise SigningError("it holds what is not ASCII in its path or headers.") from None
    signed = await aws_credentials.awaited(auth.aws_sign_request(unsigned, config))
    return tuple((k.encode(), v.encode()) for k, v in signed.headers if k.lower() in sigv4.PARTS)
