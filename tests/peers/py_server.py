"""A server on the Python SDK, for both eras: `py_server.py stdio` or `py_server.py http PORT`,
or over HTTP+SSE with `py_server.py sse PORT`.

Over HTTP it prints `listening on ADDRESS` when it is ready. It is a peer for tests: one tool for
each thing that the tests look at.
"""

import socket
import sys

import anyio
import uvicorn
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("py-peer", version="1.0.0")
cancelled: set[str] = set()


@server.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers"""
    return a + b


@server.tool()
def echo(message: str) -> str:
    """Says it again"""
    return message


@server.tool()
async def slow(ctx: Context, id: str, steps: int = 3, ms: int = 50) -> str:
    """Takes its time in steps and reports each; notices a cancellation"""
    try:
        for step in range(1, steps + 1):
            await anyio.sleep(ms / 1000)
            await ctx.report_progress(step, steps)
        # SDK v1 clients lose a progress that arrives in one piece with the result: keep them apart.
        await anyio.sleep(0.3)
    except anyio.get_cancelled_exc_class():
        cancelled.add(id)
        raise
    return f"{steps} steps"


@server.tool()
def was_cancelled(id: str) -> str:
    """Says whether the slow call with this id was cancelled"""
    return "true" if id in cancelled else "false"


@server.tool()
async def toggle(ctx: Context) -> str:
    """Adds the tool `extra`, or takes it away"""
    try:
        server.remove_tool("extra")
    except Exception:
        server.add_tool(lambda: "extra", name="extra", description="Here only sometimes")
    await ctx.notify_tools_changed()
    if (ctx.protocol_version or "") < "2026-07-28":
        await ctx.session.send_tool_list_changed()
    return "toggled"


@server.prompt()
def greet(name: str) -> str:
    """Greets"""
    return f"Say hello to {name}"


@server.resource("peer://note")
def note() -> str:
    """A note"""
    return "A note of the Python peer."


@server.resource("peer://item/{key}")
def item(key: str) -> str:
    """An item by key"""
    return f"Item {key}"


def serve_http(app, port: int) -> None:
    """Serves on a socket that is bound before the address is printed."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(64)
    print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(app, log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run("stdio")
    else:
        app = server.sse_app() if sys.argv[1] == "sse" else server.streamable_http_app()
        serve_http(app, int(sys.argv[2]))
