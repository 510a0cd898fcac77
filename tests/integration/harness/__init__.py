"""What integration tests stand on: private servers and the services of a build, on ports and in folders of their own.

    from harness import Stack, eventually
    with Stack(gateways=2) as stack: ...

waiting.py   wait for a condition          ports.py    ports that are free
process.py   one service of the build      servers.py  private PostgreSQL and nats-server
stack.py     all of it together            live.py     WebSocket clients
proxy.py     cuts connections              streams.py  clients of event streams, over HTTP/1.1 and HTTP/2
raw_websocket.py  WebSocket clients that can do wrong
http2.py     HTTP/2, frame by frame, for clients that no library would be
"""

from .http2 import Http2Client
from .live import LiveClient, Refused
from .ports import free_port
from .process import Process
from .proxy import Proxy
from .raw_websocket import RawWebSocket
from .servers import Nats, Postgres
from .stack import BIN, ROOT, Stack
from .streams import Http1Stream, Http2Connection
from .waiting import eventually

__all__ = ["BIN", "ROOT", "Http1Stream", "Http2Client", "Http2Connection", "LiveClient", "Nats", "Postgres", "Process", "Proxy", "RawWebSocket", "Refused", "Stack", "eventually",
           "free_port"]
