# SPDX-License-Identifier: ISC
"""A WSGI middleware that admits requests by their API tokens, and a small server around it.

    python3 wsgi_example.py [CONFIG [PLUGIN]]        # http://127.0.0.1:PORT/metrics/METRIC?entity=NAME

Answers follow RFC 6750. The middleware takes the token from Authorization: Bearer, from X-API-KEY, or from a
Basic password, and does not pass it on.
"""

from __future__ import annotations

import base64
import binascii
import json
import socketserver
import sys
import urllib.parse
from typing import TYPE_CHECKING, Callable, Iterable, Optional, Tuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import esp_token

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REALM = 'Bearer realm="analytics"'
UNDECIDED = {esp_token.Status.UNAVAILABLE, esp_token.Status.CORRUPT, esp_token.Status.USAGE}
OUT_OF_SCOPE = {esp_token.Status.METRIC, esp_token.Status.ENTITY}


def token_in(authorization: str, key: Optional[str]) -> Optional[str]:
    """The token in the value of Authorization ("" if there is none), or else in that of X-API-KEY."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if key is not None:
        return key
    if scheme.lower() == "basic":
        try:
            return (
                base64.b64decode(value.strip(), validate=True).decode("latin-1").partition(":")[2]
            )
        except (binascii.Error, ValueError):
            return ""
    return None


def presented(environ: WSGIEnvironment) -> Optional[str]:
    """The token of a request, or None. Removes it from `environ`."""
    authorization = str(environ.pop("HTTP_AUTHORIZATION", ""))
    return token_in(authorization, environ.pop("HTTP_X_API_KEY", None))


def refusal(result: esp_token.Result, token: Optional[str]) -> Tuple[str, Optional[str]]:
    """The status line of a refusal, and the challenge that goes with it."""
    if result.status in UNDECIDED:
        return "503 Service Unavailable", None
    if result.status in OUT_OF_SCOPE:
        return "403 Forbidden", REALM + ', error="insufficient_scope"'
    if token is None:
        return "401 Unauthorized", REALM
    return "401 Unauthorized", REALM + ', error="invalid_token"'


class TokenMiddleware:
    """Passes admitted requests to `app`, with the Result as environ["esp_token.result"] and its entity
    as REMOTE_USER. `metric` and `entity` return what a request asks for."""

    def __init__(
        self,
        app: WSGIApplication,
        validator: esp_token.Validator,
        metric: Callable[[WSGIEnvironment], Optional[str]],
        entity: Callable[[WSGIEnvironment], Optional[str]] = lambda environ: None,
    ) -> None:
        self.app, self.validator, self.metric, self.entity = app, validator, metric, entity

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        token = presented(environ)
        result = self.validator.validate(
            token, metric=self.metric(environ), entity=self.entity(environ)
        )
        if result:
            environ["esp_token.result"] = result
            environ["REMOTE_USER"] = result.entity
            return self.app(environ, start_response)
        environ["wsgi.errors"].write(
            f"token {result.token_id or '-'}: {result.reason} ({result.detail})\n"
        )
        environ["wsgi.errors"].flush()
        status, challenge = refusal(result, token)
        headers = [("Content-Type", "text/plain; charset=utf-8")]
        if challenge is not None:
            headers.append(("WWW-Authenticate", challenge))
        start_response(status, headers)
        return [f"{status[4:]}\n".encode()]


def metric_of(environ: WSGIEnvironment) -> Optional[str]:
    """The METRIC of /metrics/METRIC. For other paths the empty name, which no tier shows."""
    head, _, metric = str(environ.get("PATH_INFO", "")).rpartition("/")
    return metric if head == "/metrics" else ""


def entity_of(environ: WSGIEnvironment) -> Optional[str]:
    """The NAME of ?entity=NAME; None for the token's own."""
    asked = urllib.parse.parse_qs(str(environ.get("QUERY_STRING", "")), keep_blank_values=True)
    return asked["entity"][0] if "entity" in asked else None


def analytics(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The application behind the middleware."""
    result: esp_token.Result = environ["esp_token.result"]
    shown = {
        "metric": metric_of(environ),
        "entity": entity_of(environ) or result.entity,
        "tier": result.tier,
        "sees_token": "HTTP_AUTHORIZATION" in environ or "HTTP_X_API_KEY" in environ,
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(shown).encode() + b"\n"]


class Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing: the middleware logs refusals."""


def main() -> None:
    config = sys.argv[1] if len(sys.argv) > 1 else None
    plugin = sys.argv[2] if len(sys.argv) > 2 else esp_token.PLUGIN
    with esp_token.Validator(
        config, plugin=plugin, log=lambda _, line: print(line, file=sys.stderr)
    ) as validator:
        app = TokenMiddleware(analytics, validator, metric_of, entity_of)
        with make_server("127.0.0.1", 0, app, server_class=Server, handler_class=Handler) as server:
            print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
            server.serve_forever()


if __name__ == "__main__":
    try:
        main()
    except esp_token.OpenError as error:
        sys.exit(str(error))
