"""Whose signature a request leaves with after an edit: its own signer's, or none, and then it does not leave."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.test import tflow

from made_exchanges import EXCHANGE
from outgate.catalogue import Catalogue
from outgate.gateway import exchanges, signing
from outgate.gateway.aws_credentials import Source
from outgate.gateway.signing import Signer
from outgate.model import Action, Exchange, Outcome, Record, Role, Verdict
from outgate.settings import Settings
from outgate.settings.sections import Aws, SettingsError
from providers.bedrock import HOST, Account
from providers.standin import Received

CATALOGUE = Catalogue.load()
OURS = Account("AKIA" + "MADEUP" * 2 + "OURS", "made-up-" * 4 + "ours", "made-up-token")
THEIRS = Account("AKIA" + "MADEUP" * 2 + "THEM", "made-up-" * 4 + "them")
PATH = "/model/us.anthropic.claude-x-v1%3A0/converse"
BODY, EDITED = b'{"words": "ada"}', b'{"words": "PERSON_1"}'
RECORD = Record("PERSON", Role.USER, "words", 0.9, "0f" * 8, "people", Action.PSEUDONYMISE)


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where AWS's chain looks: a file of profiles, and nothing else."""
    file = tmp_path / "credentials"
    lines = [
        f"[{name}]\naws_access_key_id={a.key}\naws_secret_access_key={a.secret}\n"
        for name, a in PROFILES.items()
    ]
    file.write_text("".join(lines))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, value in (
        ("ACCESS_KEY_ID", OURS.key),
        ("SECRET_ACCESS_KEY", OURS.secret),
        ("SESSION_TOKEN", OURS.token),
    ):
        monkeypatch.setenv(f"AWS_{name}", value or "")
    return file


PROFILES = {"first": Account("AKIA" + "MADEUP" * 2 + "ONES", "made-up-" * 4 + "ones"), "second": THEIRS}


def exchange(
    account: Account,
    *,
    path: str = PATH,
    host: str = HOST,
    service: str = "bedrock",
    region: str = "us-east-1",
    headers: Mapping[str, str] | None = None,
    body: bytes = BODY,
) -> Exchange:
    """A request as an honest client of AWS's sends it."""
    request = AWSRequest(
        "POST",
        f"https://{host}{path}",
        headers={"Content-Type": "application/json", **(headers or {})},
        data=body,
    )
    SigV4Auth(account.credentials, service, region).add_auth(request)
    fields = [("Host", host), *request.headers.items()]
    return replace(
        EXCHANGE,
        time=datetime.now(UTC),
        host=host,
        target=path.encode(),
        headers=tuple((name.encode(), value.encode()) for name, value in fields),
        body=body,
    )


def edited(request: Exchange, **changed: Any) -> Verdict:
    endpoint = CATALOGUE.identify(request.host, request.path, request.method)
    verdict = Verdict(Outcome.EDIT, body=EDITED, endpoint=endpoint, records=(RECORD,))
    return replace(verdict, **changed)


def signer(**settings: Any) -> Signer:
    made = Signer.of(Aws(sign=True, **settings))
    assert made is not None
    return made


def settled(request: Exchange, verdict: Verdict | None = None, by: Signer | None = None) -> Verdict:
    return asyncio.run(signing.settled(request, verdict or edited(request), by))


def leaves(request: Exchange, verdict: Verdict) -> Received:
    """What the gateway makes of it."""
    flow = tflow.tflow()
    flow.request.method, flow.request.data.path = request.method, request.target
    flow.request.headers.fields, flow.request.data.content = request.headers, request.body
    exchanges.apply(flow, verdict)
    sent = flow.request
    return Received(sent.method, HOST, sent.path, list(sent.headers.fields), sent.raw_content or b"", "1.1")


def with_header(request: Exchange, name: str, value: str | None) -> Exchange:
    rest = tuple(field for field in request.headers if field[0].lower() != name.encode())
    return replace(request, headers=(*rest, (name.encode(), value.encode())) if value is not None else rest)


def stopped(verdict: Verdict) -> str:
    """Why, of an edited request that does not leave."""
    assert (verdict.outcome, verdict.status, verdict.rule) == (Outcome.BLOCK, 403, "people")
    assert (verdict.body, verdict.target, dict(verdict.headers), verdict.signature) == (None, None, {}, ())
    assert verdict.records == (RECORD,)
    return verdict.message.split("policy asks: ")[1]


# --- who gets a signature ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (PATH, {}),
        ("/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/invoke", {}),
        ("/model/m/converse-stream?b=2&a=%20x", {"x-amzn-bedrock-trace": "ENABLED", "Accept": "*/*"}),
        (PATH, {"X-Amz-Content-SHA256": hashlib.sha256(BODY).hexdigest(), "x-several": "a   b"}),
    ],
)
def test_who_signed_it_signs_it_anew(path: str, headers: dict[str, str]) -> None:
    request = exchange(OURS, path=path, headers=headers)
    verdict = settled(request, by=signer())
    assert verdict.outcome is Outcome.EDIT
    sent = leaves(request, verdict)
    assert sent.body == EDITED
    assert OURS.signed(sent)
    names = [name.lower() for name, _ in sent.headers]
    assert names.count(b"authorization") == names.count(b"x-amz-security-token") == 1


def test_an_edited_query_and_an_edited_header_are_covered() -> None:
    request = exchange(OURS, path=f"{PATH}?who=ada", headers={"x-amzn-tag": "ada"})
    index = [name.lower() for name, _ in request.headers].index(b"x-amzn-tag")
    verdict = edited(request, body=None, target=f"{PATH}?who=b".encode(), headers={index: b"b"})
    sent = leaves(request, settled(request, verdict, signer()))
    assert (sent.path, sent.header("x-amzn-tag")) == (f"{PATH}?who=b", "b")
    assert OURS.signed(sent)


def test_of_several_profiles_the_one_that_signed_it_signs_it_anew() -> None:
    by = signer(profiles=["first", "second"])
    for account in PROFILES.values():
        request = exchange(account)
        assert account.signed(leaves(request, settled(request, by=by)))
    assert "does not have the credentials" in stopped(settled(exchange(OURS), by=by))


def test_a_profile_may_name_a_command(tmp_path: Path) -> None:
    told = {"Version": 1, "AccessKeyId": THEIRS.key, "SecretAccessKey": THEIRS.secret}
    (tmp_path / "told").write_text(json.dumps(told))
    (tmp_path / "config").write_text(f"[profile third]\ncredential_process = cat {tmp_path / 'told'}\n")
    request = exchange(THEIRS)
    assert THEIRS.signed(leaves(request, settled(request, by=signer(profiles=["third"]))))


FORGED = "its signature is not one of this request."
OLD = "it was signed too long ago, or its clock and Outgate's differ."


def forged() -> dict[str, tuple[Exchange, str]]:
    """Requests with our access key id that were not signed with our credentials, or not like this."""
    honest = exchange(OURS)
    elsewhere = "it is for another service or region than Amazon Bedrock's that it is sent to."
    unsigned = exchange(OURS, headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    streaming = exchange(OURS, headers={"X-Amz-Content-SHA256": "STREAMING-AWS4-HMAC-SHA256-EVENTS"})
    host = "bedrock-runtime.eu-west-1.amazonaws.com"
    return {
        "guessed secret": (exchange(replace(OURS, secret="guessed")), FORGED),
        "another body": (replace(honest, body=b"{}"), FORGED),
        "another path": (replace(honest, target=b"/model/dearer/converse"), FORGED),
        "another query": (replace(honest, target=honest.target + b"?x"), FORGED),
        "another method": (replace(honest, method="PUT"), FORGED),
        "another token": (with_header(honest, "x-amz-security-token", "another"), FORGED),
        "no token": (exchange(replace(OURS, token=None)), FORGED),
        "another content type": (with_header(honest, "content-type", "text/plain"), FORGED),
        "body not signed": (unsigned, FORGED),
        "body signed in pieces": (streaming, FORGED),
        "digest not signed": (
            with_header(honest, "x-amz-content-sha256", hashlib.sha256(BODY).hexdigest()),
            FORGED,
        ),
        "kept": (replace(honest, time=honest.time + timedelta(minutes=6)), OLD),
        "of the future": (replace(honest, time=honest.time - timedelta(minutes=6)), OLD),
        "other service": (exchange(OURS, service="bedrock-agentcore"), elsewhere),
        "other region": (exchange(OURS, region="eu-west-1"), elsewhere),
        "other host": (exchange(OURS, host=host), elsewhere),
        "other provider": (exchange(OURS, host="api.openai.com", path="/v1/chat/completions"), elsewhere),
        "in the clear": (replace(honest, scheme="http"), elsewhere),
    }


@pytest.mark.parametrize("how", list(forged()))
def test_who_did_not_sign_this_very_request_with_our_credentials_gets_nothing_signed(how: str) -> None:
    request, why = forged()[how]
    assert stopped(settled(request, by=signer())) == why
    assert stopped(settled(request, by=signer(lend_to=[OURS.key]))) == why


@given(st.data())
def test_a_signature_of_which_a_byte_is_changed_is_none(data: st.DataObject) -> None:
    request = exchange(OURS)
    value = next(value for name, value in request.headers if name == b"Authorization").decode()
    at = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.sampled_from("0a;/=,A ").filter(lambda sign: sign != value[at]))
    changed = with_header(request, "authorization", value[:at] + other + value[at + 1 :])
    by = Signer((_Fixed(OURS),), frozenset())
    assert settled(changed, by=by).signature == ()


class _Fixed(Source):
    """Credentials that need not be looked for."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def credentials(self) -> Any:
        from awscrt.auth import AwsCredentials

        return AwsCredentials(self._account.key, self._account.secret, self._account.token)


# --- who is lent one -----------------------------------------------------------------------------


def test_a_listed_access_key_gets_our_signature_for_what_goes_to_a_model_and_no_other_does() -> None:
    by = signer(lend_to=[THEIRS.key])
    request = exchange(THEIRS, headers={"X-Amz-Security-Token": "theirs"})
    assert OURS.signed(leaves(request, settled(request, by=by)))
    assert "does not have" in stopped(settled(request, by=signer()))
    for path in ("/knowledgebases/k/retrieve", "/agents/a/agentAliases/b/sessions/c/text", "/async-invoke"):
        assert "goes to a model, and no more" in stopped(settled(exchange(THEIRS, path=path), by=by))
    read = replace(exchange(THEIRS), method="GET")
    assert "goes to a model, and no more" in stopped(settled(read, by=by))


# --- what is left alone --------------------------------------------------------------------------


def test_what_is_not_edited_or_not_signed_is_left_alone() -> None:
    by = signer(lend_to=[THEIRS.key])
    request = exchange(OURS)
    for verdict in (
        edited(request, outcome=Outcome.FORWARD, body=None),
        edited(request, outcome=Outcome.BLOCK, body=None, status=403),
    ):
        assert settled(request, verdict, by) is verdict
    bearer = with_header(request, "authorization", "Bearer made-up")
    verdict = edited(bearer)
    assert settled(bearer, verdict, by) is verdict
    assert leaves(bearer, verdict).header("authorization") == "Bearer made-up"


def test_an_edit_of_a_header_that_the_signature_does_not_cover_leaves_it_valid() -> None:
    request = exchange(OURS)
    request = replace(request, headers=(*request.headers, (b"User-Agent", b"ada")))
    verdict = edited(request, body=None, headers={len(request.headers) - 1: b"b"})
    assert settled(request, verdict) is verdict
    sent = leaves(request, verdict)
    assert sent.header("user-agent") == "b"
    assert OURS.signed(replace(sent, body=BODY))
    covered = edited(request, body=None, headers={1: b"text/x"})
    assert "aws.sign" in stopped(settled(request, covered))


def test_other_signatures_are_never_made_anew() -> None:
    request = exchange(OURS)
    presigned = replace(
        with_header(request, "authorization", None), target=f"{PATH}?X-Amz-Signature=0f".encode()
    )
    asymmetric = with_header(request, "authorization", "AWS4-ECDSA-P256-SHA256 Credential=x")
    twice = replace(request, headers=(*request.headers, (b"Authorization", b"Bearer x")))
    for other in (presigned, asymmetric, twice):
        assert "not of the kind" in stopped(settled(other, by=signer()))
        assert "aws.sign" in stopped(settled(other))


# --- faults --------------------------------------------------------------------------------------


def test_without_credentials_nothing_leaves(credentials: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    credentials.write_text("")
    by = signer()
    assert "finds no AWS credentials" in stopped(settled(exchange(OURS), by=by))


class _Provider:
    """One that breaks, or never answers."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def get_credentials(self) -> Future[Any]:
        future: Future[Any] = Future()
        if self._error:
            future.set_exception(self._error)
        return future


def test_a_library_that_breaks_or_hangs_lets_nothing_out_and_repeats_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(signing, "PATIENCE", 0.05)
    by = Signer((Source(_Provider(RuntimeError("ada"))),), frozenset())
    assert "finds no AWS credentials" in stopped(settled(exchange(OURS), by=by))
    by = Signer((Source(_Provider()),), frozenset())
    verdict = settled(exchange(OURS), by=by)
    assert (verdict.outcome, verdict.reason, verdict.body) == (Outcome.REFUSE, "signed_body", None)
    assert "ada" not in caplog.text + verdict.message


def test_a_secret_shows_in_no_message_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    by = signer()
    told = [settled(request, by=by).message for request, _ in forged().values()]
    assert OURS.secret not in f"{told} {by!r} {caplog.text}"


# --- settings ------------------------------------------------------------------------------------


def test_nothing_is_signed_unless_the_settings_say_so(tmp_path: Path) -> None:
    assert Signer.of(Settings(state_dir=tmp_path).aws) is None
    file = tmp_path / "outgate.yaml"
    file.write_text(f"aws: {{lend_to: [{THEIRS.key}]}}\n")
    with pytest.raises(SettingsError, match="need `sign: true`"):
        Settings.load(file)
    with pytest.raises(SettingsError, match="no profile 'fourth'"):
        signer(profiles=["first", "fourth"])
    file.write_text("aws: {sign: true, lend_to: ['*']}\n")
    with pytest.raises(SettingsError, match="lend_to"):
        Settings.load(file)
