"""What is wrong with an installation, and how to mend it: one check after the other, none that changes anything."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography import x509
from mitmproxy.net.server_spec import ServerSpec

from outgate.catalogue import Catalogue
from outgate.disk.private import check_file
from outgate.dlp import DetectionError, entities
from outgate.dlp.engine import Engine
from outgate.gateway import aws_credentials, ca, master, modes, proxy_tls, trust
from outgate.identity import checks as identity_checks
from outgate.model import Charge, Window
from outgate.policy import Policy
from outgate.rollout.loading import Loading
from outgate.rollout.status import status
from outgate.settings import Settings

_PATIENCE = 5.0  # seconds for each step to a provider
_SOON = 30  # days; a CA that ends before is renewed now

State = Literal["ok", "note", "mend"]


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found. ``note``: good to know, nothing is broken."""

    name: str
    state: State
    told: str


class _NoteError(Exception):
    """Something to know that breaks nothing."""


class _ProblemError(Exception):
    """Something that is wrong; the message says what, and how to mend it."""


def checkup(settings: Settings, *, offline: bool = False) -> Iterator[Result]:
    """Every check of an installation with ``settings``, in the order in which a person would mend things."""
    yield _result("clients", lambda: _clients(settings))
    yield _result("CA", lambda: _ca(settings))
    yield _result("trust", lambda: _trust(settings))
    yield _result("catalogue", lambda: _catalogue(settings))
    if settings.policy_source is not None:
        yield _result("source", lambda: _source(settings))
    yield _result("policy", lambda: _policy_told(_policy(settings)))
    yield _result("model", lambda: _model(_policy(settings)))
    yield _result("detectors", lambda: _detectors(_policy(settings)))
    yield _result("attachments", lambda: _attachments(settings))
    yield _result("vault", lambda: _vault(settings))
    yield _result("budgets", lambda: _budgets(settings))
    if settings.tls is not None:
        yield _result("TLS", lambda: _tls(settings))
    for check in identity_checks.of(settings.identity, offline=offline):
        yield _result("identity", check)
    if settings.aws.sign:
        yield _result("AWS", lambda: _aws(settings))
    yield from _ports(settings)
    if not offline:
        for host in _hosts(settings):
            yield _result("upstream", lambda host=host: _reach(settings, host))  # type: ignore[misc]


def _result(name: str, check: Callable[[], str]) -> Result:
    try:
        return Result(name, "ok", check())
    except _NoteError as note:
        return Result(name, "note", str(note))
    except Exception as error:
        told = getattr(error, "message", None) or str(error) or type(error).__name__
        return Result(name, "mend", told)


def _clients(settings: Settings) -> str:
    return "connections allowed from " + ", ".join(map(str, settings.client_networks))


def _ca(settings: Settings) -> str:
    status = ca.check(settings.ca_dir)
    uncovered = status.uncovered(_loaded(settings).constraint_names())
    if uncovered:
        raise _ProblemError(f"may not sign {len(uncovered)} hosts of the catalogue: run `outgate ca rotate`")
    if status.days_left < _SOON:
        remedy = (
            "`outgate ca rotate`" if status.expires < status.root_expires else "`outgate ca rotate --root`"
        )
        raise _ProblemError(f"{status.days_left:.0f} days left: run {remedy}")
    return f"good for {status.days_left:.0f} days; clients trust {settings.ca_dir / ca.ROOT}"


def _trust(settings: Settings) -> str:
    if trust.trusted_by_system(trust.root(settings)):
        return "this system trusts our root"
    raise _NoteError(
        "this system does not trust our root. `outgate exec -- COMMAND` needs no more; "
        "`outgate setup` sees to everything else here, `outgate ca export FILE` writes it and says where it goes"
    )


def _catalogue(settings: Settings) -> str:
    return f"{len(_loaded(settings).providers)} providers"


def _loaded(settings: Settings) -> Catalogue:
    return Catalogue.load(extra=settings.catalogue)


def _source(settings: Settings) -> str:
    """Where policies come from: does it answer, and with what is to be believed."""
    found = status(settings, _loaded(settings).providers.values())
    state = found.state
    if state is None:
        return f"{found.source}, which something else keeps up to date"
    if state.problem:
        raise _ProblemError(f"{found.source}: {state.problem}. {state.label or 'Nothing'} is in force")
    if found.lineup is None:
        if state.tried:
            raise _ProblemError(found.problem)
        raise _NoteError(
            f"{found.source}: none of its releases is here yet; `outgate run` gets one when it starts"
        )
    if found.stale:
        raise _ProblemError(
            f"{found.source}: {state.label} is old. Is nothing newer published, or is it held back?"
        )
    return f"{found.lineup.release} of {found.source}"


def _policy(settings: Settings) -> Policy:
    return Loading(settings, _loaded(settings).providers.values()).lineup(check_model=False).stable


def _policy_told(policy: Policy) -> str:
    mode = "nothing is blocked or changed" if policy.mode == "audit" else f"mode {policy.mode}"
    return f"{len(policy.rules)} rules, {mode}, on_error {policy.on_error}"


def _model(policy: Policy) -> str:
    config = policy.detectors
    wanted = sorted(entities.named(config.entities) - entities.brought(config))
    if policy.missing:
        problems = "; ".join(f"{entity}: {what}" for entity, what in sorted(policy.missing.items()))
        raise _ProblemError(f"{problems}. Install what is named, or take the entity out of the policy")
    if wanted:
        return f"{config.ner_model} for {', '.join(wanted)}"
    lacking = entities.missing(replace(config, entities=entities.groups()["names"]))
    without = next(
        iter(lacking.values()), f"add `detect: [names]` to a rule; {config.ner_model} is installed"
    )
    raise _NoteError(f"the policy looks for no names of people, places or organisations ({without})")


def _detectors(policy: Policy) -> str:
    started = time.perf_counter()
    try:
        Engine(policy.detectors)
    except DetectionError as error:
        raise _ProblemError(f"they cannot be built: {error}") from None
    return f"{len(policy.detectors.entities)} entities, built in {time.perf_counter() - started:.1f} s"


def _attachments(settings: Settings) -> str:
    config = settings.extractor_config
    if config.ocr is None:
        why = "Tesseract is not installed" if settings.attachments.ocr else "`attachments.ocr` is off"
        raise _NoteError(f"documents and archives are read, the text of images is not ({why})")
    asked = subprocess.run([config.ocr, "--list-langs"], capture_output=True, text=True, timeout=_PATIENCE)  # noqa: S603
    lacking = set(config.languages) - set(asked.stdout.split())
    if lacking:
        raise _ProblemError(f"Tesseract does not know {', '.join(sorted(lacking))}: install its data")
    return f"documents, archives and images are read ({config.ocr}, {', '.join(config.languages)})"


def _vault(settings: Settings) -> str:
    config = settings.vault_config
    if config.store == "memory":
        return "in memory: values are forgotten when the proxy ends"
    if config.store == "sqlite" and config.path is not None and not config.path.exists():
        raise _NoteError(f"none yet: {config.path} is made when it is needed")
    if config.key.file is not None and not config.key.file.exists():
        raise _ProblemError(f"{config.key.file}: no key. Put back the one that this vault is kept with")

    async def counted() -> int:
        vault = config.open()
        try:
            return (await vault.stats()).entries
        finally:
            await vault.close()

    return f"{asyncio.run(counted())} values in {config.store}, and the key fits"


def _tls(settings: Settings) -> str:
    tls = settings.tls
    assert tls
    proxy_tls.context(tls)
    certificate = x509.load_pem_x509_certificates(tls.certificate.read_bytes())[0]
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    if left < timedelta(days=_SOON):
        raise _ProblemError(f"{tls.certificate} ends in {max(0, left.days)} days: put a new one there")
    clients = "" if tls.client_ca is None else f", and asks clients for one ({tls.client_certificates})"
    return f"the proxy shows {tls.certificate}, good for {left.days} days{clients}"


def _budgets(settings: Settings) -> str:
    count = len(_policy(settings).budgets)
    if not count:
        return "the policy has none"
    config, key = settings.budget_config, settings.state_dir / "fingerprint.key"
    if config.store == "memory":
        return f"{count}, counted in memory: what was used is forgotten when the proxy ends"
    if not key.exists() or (
        config.store == "sqlite" and config.path is not None and not config.path.exists()
    ):
        raise _NoteError(f"{count}, and nothing was counted yet")
    check_file(key, ca.CaError)

    async def asked() -> None:
        ledger = config.open(key.read_bytes())
        try:
            await ledger.standing([Charge(bytes(16), Window(60))])
        finally:
            await ledger.close()

    asyncio.run(asked())
    return f"{count}, counted in {config.store}, and the key fits"


def _aws(settings: Settings) -> str:
    places = aws_credentials.sources(settings.aws.profiles)

    async def held() -> list[str]:
        async with asyncio.timeout(_PATIENCE):
            return [credentials.access_key_id for credentials in await aws_credentials.held(places)]

    try:
        keys = asyncio.run(held())
    except TimeoutError:
        keys = []
    if not keys:
        raise _ProblemError(
            "no credentials to sign requests with (`aws` in the settings). `aws sts get-caller-identity`, as "
            "the proxy's user, shows whether AWS's own tools find some"
        )
    return f"signs anew what {', '.join(keys)} signed"


# --- ports ---------------------------------------------------------------------------------------


def _ports(settings: Settings) -> Iterator[Result]:
    """Each address that is listened on; those that Outgate itself has are well."""
    running = bool(settings.metrics) and _is_outgate(str(settings.metrics))
    try:
        wanted = modes.listeners(settings, _loaded(settings))
    except Exception as error:
        yield Result("modes", "mend", getattr(error, "message", None) or str(error))
        return
    if settings.metrics:
        host, _, port = settings.metrics.rpartition(":")
        wanted = [*wanted, modes.Listener("metrics and health", host.strip("[]"), int(port), "tcp")]
    for listener in wanted:
        yield _result("port", lambda listener=listener: _port(listener, running))  # type: ignore[misc]


def _port(listener: modes.Listener, running: bool) -> str:
    kind = socket.SOCK_DGRAM if listener.protocol == "udp" else socket.SOCK_STREAM
    try:
        with socket.socket(socket.AF_INET6 if ":" in listener.host else socket.AF_INET, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((listener.host, listener.port))
    except OSError as error:
        if running:
            return f"{listener} ({listener.purpose}) is taken, and Outgate is running"
        told = f"{listener} ({listener.purpose}): {error.strerror}. Choose another address in the settings"
        raise _ProblemError(told) from None
    if running:
        raise _NoteError(
            f"{listener} ({listener.purpose}) is free although Outgate is running: not with these settings"
        )
    return f"{listener} ({listener.purpose}) is free"


def _is_outgate(address: str) -> bool:
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().getheader("server", "").startswith("outgate")
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


# --- upstream ------------------------------------------------------------------------------------


def _hosts(settings: Settings) -> list[str]:
    """Where to try: what base URLs are for, or one that everybody knows."""
    catalogue = _loaded(settings)
    hosts = [catalogue.base_host(name) or name for name in settings.reverse]
    return hosts or ["api.openai.com"]


def _reach(settings: Settings, host: str) -> str:
    """As a request would go: the parent or the route, then the provider's certificate."""
    parent = modes.parent_of(settings)
    route = settings.routes.get(f"{host}:443") or settings.routes.get(host) or f"{host}:443"
    name, _, number = route.rpartition(":")
    target = parent[1] if parent else (name.strip("[]"), int(number))
    where = f"parent {settings.parent}" if parent else route
    try:
        with socket.create_connection(target, timeout=_PATIENCE) as connection:
            if parent:
                return _through_parent(settings, connection, parent, host)
            return _certificate(settings, connection, host, where)
    except ssl.SSLCertVerificationError as error:
        remedy = "If your company opens TLS on the way, name its root with `extra_roots`"
        raise _ProblemError(f"{host} by {where}: {error.verify_message}. {remedy}") from None
    except OSError as error:
        what = (
            "the name cannot be looked up" if isinstance(error, socket.gaierror) else error.strerror or error
        )
        remedy = "Is it up?" if parent else "Set `parent` to your company's proxy if there is one"
        raise _ProblemError(f"{host} by {where}: {what}. {remedy}") from None


def _through_parent(settings: Settings, connection: socket.socket, parent: ServerSpec, host: str) -> str:
    scheme, (parent_host, _) = parent
    where = f"parent {settings.parent}"
    if scheme == "https":
        connection = _context(settings).wrap_socket(connection, server_hostname=parent_host)
    connection.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
    status = connection.recv(4096).split(b"\r\n", 1)[0].decode("latin-1")
    if " 200" not in status:
        asks = " It asks for credentials, which Outgate does not send." if " 407" in status else ""
        raise _ProblemError(f"{host} by {where}: it answers `{status}`.{asks} Have it let {host} through")
    if scheme == "https":  # TLS within TLS is more than this check can do
        return f"{host} by {where} can be reached"
    return _certificate(settings, connection, host, where)


def _certificate(settings: Settings, connection: socket.socket, host: str, where: str) -> str:
    with _context(settings).wrap_socket(connection, server_hostname=host):
        return f"{host} by {where} can be reached, and shows a certificate that we trust"


def _context(settings: Settings) -> ssl.SSLContext:
    roots = master.upstream_roots(settings.extra_roots)
    return ssl.create_default_context(cadata=roots.decode("ascii", "ignore"))
