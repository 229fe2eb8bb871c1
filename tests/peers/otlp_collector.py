"""A small collector of traces, and beside it an MCP server (2025-11-25 over HTTP) whose one tool says in
which trace it was called.

POST /v1/traces takes what the messages of opentelemetry-proto can decode; GET /spans tells it as JSON, with
the headers that it came with; POST /refuse makes the next requests fail with 503 that many times.
It deliberately knows nothing of Switchboard.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

spans, requests, refusals = [], [], [0]


def plain(value):
    return getattr(value, value.WhichOneof("value"))


def attributes(pairs):
    return {pair.key: plain(pair.value) for pair in pairs}


def take(body, headers):
    request = ExportTraceServiceRequest()
    request.ParseFromString(body)
    requests.append(headers)
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                spans.append({
                    "trace": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "state": span.trace_state,
                    "name": span.name,
                    "kind": span.kind,
                    "flags": span.flags,
                    "start": span.start_time_unix_nano,
                    "end": span.end_time_unix_nano,
                    "error": span.status.code == 2,
                    "attributes": attributes(span.attributes),
                    "resource": attributes(resource.resource.attributes),
                    "scope": scope.scope.name,
                })


def answer(message, headers):
    method, params = message["method"], message.get("params", {})
    if method == "initialize":
        server = {"name": "traced", "version": "1"}
        return {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": server}
    if method == "tools/list":
        tool = {"name": "where", "description": "Says the trace.", "inputSchema": {"type": "object"}}
        return {"tools": [tool]}
    if method == "tools/call":
        said = {"meta": params.get("_meta", {}), "header": headers.get("traceparent")}
        return {"content": [{"type": "text", "text": json.dumps(said)}]}
    return {} if method == "ping" else None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path != "/spans":
            return self.reply(405)
        self.reply(200, json.dumps({"spans": spans, "requests": requests}).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/refuse":
            refusals[0] = int(body)
            return self.reply(200)
        if self.path == "/v1/traces":
            if refusals[0] > 0:
                refusals[0] -= 1
                return self.reply(503)
            take(body, dict(self.headers.items()))
            return self.reply(200, ExportTraceServiceResponse().SerializeToString(), "application/x-protobuf")
        message = json.loads(body)
        if "id" not in message:
            return self.reply(202)
        result = answer(message, self.headers)
        error = {"code": -32601, "message": "not here"}
        outcome = {"error": error} if result is None else {"result": result}
        self.reply(200, json.dumps({"jsonrpc": "2.0", "id": message["id"], **outcome}).encode())


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"listening on 127.0.0.1:{server.server_address[1]}", flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    sys.exit()
