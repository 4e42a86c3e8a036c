"""Requests whose signature an edit would break: signed anew where nobody gains by it, else stopped.

An edited request is signed only as who signed it: its own signature has to be the one that credentials of ours make
of every byte that came, within the minutes that AWS grants. Who cannot sign with them gets nothing signed. The one
exception are access key ids that the settings name (``lend_to``): theirs cannot be checked here, and they get the
signature of ours on their word, for the models' own paths alone. Signing and credentials are AWS's own library's
(awscrt), whose chain finds the credentials; they are asked for anew for every signature, and never logged.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from outgate.model import Endpoint, Exchange, Headers, Outcome, Verdict
from outgate.settings import Aws, SettingsError
from outgate.wire import sigv4

log = logging.getLogger("outgate")

_SERVICE = _PROVIDER = "bedrock"  # in a signature's scope; in the catalogue
_SKEW = timedelta(minutes=5)  # AWS IAM user guide, "Elements of an AWS API request signature"
_PATIENCE = 4.0  # seconds for credentials or a signature: less than what a judgement has beyond detection
_SIGNED = "The request is signed (AWS SigV4), and what the policy edits is covered by the signature: "


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

    sources: tuple[Any, ...]  # awscrt.auth.AwsCredentialsProvider
    lend_to: frozenset[str]

    @classmethod
    def of(cls, settings: Aws) -> Signer | None:
        """What the settings say; None where they let nothing be signed. Raises SettingsError."""
        if not settings.sign:
            return None
        try:
            from awscrt.auth import AwsCredentialsProvider as Provider
        except ImportError:
            raise SettingsError(
                "aws.sign: AWS's library is not installed. Install outgate[aws], or leave it out."
            ) from None
        profiles = tuple(Provider.new_profile(profile_name=name) for name in settings.profiles)
        return cls(profiles or (Provider.new_default_chain(),), frozenset(settings.lend_to))

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
        made = await _signed(request, claim, credentials, datetime.now(exchange.time.tzinfo))
        return tuple((name.encode(), value.encode()) for name, value in made.items())

    async def _credentials(
        self, claim: sigv4.Claim, exchange: Exchange, endpoint: Endpoint | None
    ) -> Any:  # awscrt.auth.AwsCredentials
        """The credentials that made the request's signature, or those that are lent to its access key id."""
        held = [found for found in [await _asked(source) for source in self.sources] if found is not None]
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
    stated = {value for name, value in exchange.headers if name.lower() == sigv4.DIGEST.encode()}
    whole = stated <= {digest.encode()} and (sigv4.DIGEST in claim.headers) == bool(stated)
    headers = _chosen(exchange, exchange.headers, claim.headers.__contains__)
    request = _Request(exchange.method, exchange.target, headers, digest)
    made = await _signed(request, claim, credentials, claim.time, state_digest=bool(stated))
    _, _, expected = made["authorization"].rpartition("Signature=")
    if not (whole and hmac.compare_digest(expected, claim.signature)):
        raise SigningError("and the signature is not one of this request.")


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


async def _digest(body: bytes) -> str:
    return (await asyncio.to_thread(hashlib.sha256, body)).hexdigest()


async def _asked(source: Any) -> Any | None:
    """The credentials that a source has now; None when it has none."""
    try:
        return await _awaited(source.get_credentials())
    except Exception as error:
        log.error("AWS credentials: %s", type(error).__name__)
        return None


async def _signed(
    request: _Request, claim: sigv4.Claim, credentials: Any, time: datetime, *, state_digest: bool = False
) -> dict[str, str]:
    """The headers that AWS's library adds to a request, by their names in lower case."""
    from awscrt import auth, http

    kind = auth.AwsSignedBodyHeaderType
    config = auth.AwsSigningConfig(
        credentials_provider=auth.AwsCredentialsProvider.new_static(
            credentials.access_key_id, credentials.secret_access_key, credentials.session_token
        ),
        region=claim.region,
        service=claim.service,
        date=time,
        signed_body_value=request.digest,
        signed_body_header_type=kind.X_AMZ_CONTENT_SHA_256 if state_digest else kind.NONE,
    )
    try:
        headers = [(name.decode("ascii"), value.decode("ascii")) for name, value in request.headers]
        unsigned = http.HttpRequest(request.method, request.target.decode("ascii"), http.HttpHeaders(headers))
    except UnicodeDecodeError:
        raise SigningError("it holds what is not ASCII in its path or headers.") from None
    signed = await _awaited(auth.aws_sign_request(unsigned, config))
    return {name.lower(): value for name, value in signed.headers if name.lower() in sigv4.PARTS}


async def _awaited(future: Future[Any]) -> Any:
    """A result of AWS's library, which takes it ill when what it works on is cancelled."""
    async with asyncio.timeout(_PATIENCE):
        return await asyncio.shield(asyncio.wrap_future(future))
