"""What somebody is told who may not go on, because it is not known who it is."""

from __future__ import annotations

from mitmproxy import http

from outgate.catalogue import Catalogue
from outgate.gateway import errors, exchanges
from outgate.gateway.block_page import Stopped
from outgate.gateway.identity import PROXIES
from outgate.identity.evidence import Refused

_SHOW = "Show who you are with a user name and a password, or a token, in the address of the proxy."
_MESSAGES = {
    "missing": "Outgate does not know who is asking, and lets nobody through whom it does not know.",
    "malformed": "Outgate cannot read these credentials: Basic or Bearer is expected, once.",
    "password": "Outgate does not know this user with this password.",
    "token": "Outgate does not accept this token: is it for this proxy, and still good?",
    "header": "The proxy in front of Outgate does not say clearly who is asking.",
    "slowed": "Too many wrong credentials came from here, or for this user. Try again in {wait} seconds.",
    "unavailable": "Outgate cannot find out who is asking at the moment. Try again later.",
    "error": "Outgate could not find out who is asking.",
    "expired": "What showed who is asking is good no more. Connect anew.",
}
_STATUS = {"slowed": 429, "unavailable": 503, "error": 503}


class Refusals:
    """Answers in the words that a client's way in lets it understand."""

    def __init__(self, catalogue: Catalogue, *, basic: bool, bearer: bool) -> None:
        """``basic`` and ``bearer``: the credentials that a proxy's client may be asked for."""
        self._catalogue = catalogue
        self._schemes = [
            *(['Basic realm="Outgate", charset="UTF-8"'] if basic else ()),
            *(['Bearer realm="Outgate"'] if bearer else ()),
        ]

    def __call__(self, flow: http.HTTPFlow, refused: Refused) -> None:
        """Answer ``flow``."""
        message = _MESSAGES[refused.kind].format(wait=refused.wait)
        proxy = isinstance(flow.client_conn.proxy_mode, PROXIES) and refused.kind != "expired"
        response = self._of_a_proxy(refused, message) if proxy else self._of_a_server(flow, refused, message)
        if refused.wait:
            response.headers["retry-after"] = str(refused.wait)
        flow.response = response

    def _of_a_proxy(self, refused: Refused, message: str) -> http.Response:
        status = _STATUS.get(refused.kind, 407 if self._schemes else 403)
        text = f"{message} {_SHOW}\n" if status == 407 else f"{message}\n"
        response = http.Response.make(status, text, {"content-type": "text/plain; charset=utf-8"})
        if status == 407:
            response.headers.set_all("proxy-authenticate", self._schemes)
        return response

    def _of_a_server(self, flow: http.HTTPFlow, refused: Refused, message: str) -> http.Response:
        """In the provider's shape: its client takes us for it."""
        request, status = flow.request, _STATUS.get(refused.kind, 401)
        path = request.data.path.split(b"?", 1)[0].decode("latin-1")
        endpoints = (
            self._catalogue.identify(host, path, request.method) for host in sorted(exchanges.names_of(flow))
        )
        endpoint = next(filter(None, endpoints), None)
        format_name = endpoint.format if endpoint else "generic"
        page = None
        if exchanges.wants_html(request):
            page = Stopped(request.host, endpoint.provider.name if endpoint else "")
        answer = errors.answer(format_name, status, message, exchanges.reference(), html=page)
        response = exchanges.to_response(answer, head=request.method == "HEAD")
        if response.status_code == 401:
            response.headers["www-authenticate"] = "Outgate"  # no client takes that for its provider's own
        return response
