# SPDX-License-Identifier: ISC
"""A client of MQTT 3.1.1 over WebSockets, which mosquitto-clients lacks. It subscribes, and prints messages.

    mqtt_websocket.py PORT USER TOKEN-FILE TOPIC
"""
import socket
import struct
import sys

port, user, token_file, topic = sys.argv[1:]


def text(value):
    return struct.pack(">H", len(value)) + value.encode()


def packet(kind, body):
    """One short binary frame with one packet. Clients mask what they send; this mask is zero."""
    content = bytes([kind, len(body)]) + body
    assert len(content) < 126
    return bytes([0x82, 0x80 | len(content), 0, 0, 0, 0]) + content


with open(token_file, encoding="ascii") as file:
    token = file.read().strip()
connection = socket.create_connection(("127.0.0.1", int(port)), timeout=30)
connection.sendall(
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: mqtt\r\n\r\n"
)
answer = connection.recv(4096)
assert b" 101 " in answer, answer
credentials = text("by-websocket") + text(user) + text(token)
connection.sendall(packet(0x10, text("MQTT") + b"\x04\xc2\x00\x3c" + credentials))
answer = connection.recv(4096)
print("connected" if answer[-1:] == b"\x00" else "refused", flush=True)
connection.sendall(packet(0x82, b"\x00\x01" + text(topic) + b"\x00"))
while True:
    answer = connection.recv(4096)
    if not answer:
        break
    if answer[2:3] == b"\x90":
        print("subscribed", answer[-1], flush=True)
    else:
        print("received", answer[2:], flush=True)
print("closed", flush=True)
