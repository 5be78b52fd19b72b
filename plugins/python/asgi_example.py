# SPDX-License-Identifier: ISC
"""An ASGI middleware that admits requests by their API tokens: wsgi_example.py for uvicorn and its like.

    ESP_EXAMPLE_CONFIG=/… ESP_EXAMPLE_PLUGIN=/… uvicorn asgi_example:app
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Awaitable, Callable, Dict, MutableMapping, Optional

import esp_token
from wsgi_example import entity_of, metric_of, refusal, token_in

Scope = MutableMapping[str, Any]
Message = Dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def header(scope: Scope, name: bytes) -> Optional[str]:
    """Removes a header from `scope` and returns its value, or None. The joined values of a header that was sent
    twice are not a valid token."""
    values = [value for key, value in scope["headers"] if key == name]
    scope["headers"] = [pair for pair in scope["headers"] if pair[0] != name]
    return None if not values else ",".join(value.decode("latin-1") for value in values)


def as_environ(scope: Scope) -> Dict[str, str]:
    return {"PATH_INFO": scope["path"], "QUERY_STRING": scope["query_string"].decode("latin-1")}


async def answer(send: Send, status: int, text: str, challenge: Optional[str] = None) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    if challenge is not None:
        headers.append((b"www-authenticate", challenge.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode() + b"\n"})


class TokenMiddleware:
    """Passes admitted requests to `app`, with the Result as scope["esp_token.result"]. A verdict takes
    microseconds, so it is given in the event loop. A WebSocket is refused: a program that admits one must
    validate its token again as long as it lasts."""

    def __init__(self, app: Application, validator: esp_token.Validator) -> None:
        self.app, self.validator = app, validator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self.http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def http(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = header(scope, b"x-api-key")
        token = token_in(header(scope, b"authorization") or "", key)
        asked = as_environ(scope)
        result = self.validator.validate(token, metric=metric_of(asked), entity=entity_of(asked))
        if result:
            scope["esp_token.result"] = result
            await self.app(scope, receive, send)
            return
        print(f"token {result.token_id or '-'}: {result.reason} ({result.detail})", file=sys.stderr)
        status, challenge = refusal(result, token)
        await answer(send, int(status[:3]), status[4:], challenge)


async def analytics(scope: Scope, receive: Receive, send: Send) -> None:
    """The application behind the middleware."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    result: esp_token.Result = scope["esp_token.result"]
    seen = {name for name, _ in scope["headers"]} & {b"authorization", b"x-api-key"}
    await answer(send, 200, json.dumps({"entity": result.entity, "sees_token": bool(seen)}))


app = TokenMiddleware(
    analytics,
    esp_token.Validator(
        os.environ.get("ESP_EXAMPLE_CONFIG"),
        plugin=os.environ.get("ESP_EXAMPLE_PLUGIN", esp_token.PLUGIN),
    ),
)
