#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to the Python module in uvicorn: the middleware of asgi_example.py, alone and with workers.
# shellcheck disable=SC2086,SC2034
. tests/hosts/lib.sh
. tests/hosts/twenty.sh
. tests/hosts/http.sh
. tests/hosts/wsgi.sh

for mode in '' '--workers 2'; do
    port=$(free_port)
    ports="$ports $port"
    serve "uvicorn_$port.log" $plain $python -m uvicorn --host 127.0.0.1 --port "$port" asgi_example:app $mode
done
verdicts=$work/uvicorn_$port.log
all_answer
twenty
says "$work/ask/body" '{"entity": "acme", "sees_token": false}'
same "a token in X-API-KEY" yes "$(fetch -H "X-API-KEY: $(cat "$work/web.token")" "http://127.0.0.1:$port/metrics/kpi.join_time")"
same "a token sent twice" no "$(fetch -H "@$work/ask/bearer" -H "X-API-KEY: x" -H "@$work/ask/bearer" "http://127.0.0.1:$port/metrics/kpi.join_time")"
# without a library for WebSockets uvicorn refuses them itself, so the test calls the middleware
exits "a WebSocket" 0 $python - <<'END'
import asyncio
import asgi_example

async def send(message):
    print(message)

asyncio.run(asgi_example.app({"type": "websocket", "path": "/metrics/kpi.join_time"}, None, send))
END
same "the answer to a WebSocket" "{'type': 'websocket.close', 'code': 1008}" "$(cat "$work/out.log")"
finished
