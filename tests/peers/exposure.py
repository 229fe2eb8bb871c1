"""The Python SDK as an agent with many tools: `exposure.py legacy|auto|2026-07-28 URL PLAN`, or with
`-- COMMAND ARG...` in place of the URL for stdio.

Lists the tools, finds tools by a text and calls them as an agent does, and prints one JSON object; the
plan and the object are in README.md here, and exposure.mjs does the same for TypeScript. The bytes of
the list are those that came over HTTP; over stdio the SDK keeps none.
"""

import hashlib
import json
import sys
import time

import anyio
import httpx2
import mcp_types as types
from mcp import StdioServerParameters
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

STEP_TIMEOUT = 60


class Tee(httpx2.AsyncByteStream):
    """Gives a body on and keeps it."""

    def __init__(self, stream, kept):
        self.stream, self.kept = stream, kept

    async def __aiter__(self):
        async for piece in self.stream:
            self.kept.append(piece)
            yield piece

    async def aclose(self):
        await self.stream.aclose()


class Tap(httpx2.AsyncHTTPTransport):
    """Keeps the bodies that answer `tools/list`."""

    def __init__(self):
        super().__init__()
        self.bodies = []

    async def handle_async_request(self, request):
        response = await super().handle_async_request(request)
        if request.method == "POST" and b'"tools/list"' in request.content:
            kept = []
            self.bodies.append(kept)
            response.stream = Tee(response.stream, kept)
        return response

    def results(self):
        """The results in the bodies, as they came; each a JSON text or one event of a stream."""
        for kept in self.bodies:
            text = b"".join(kept).decode()
            lines = [line.removeprefix("data:") for line in text.splitlines() if line.startswith(("data:", "{"))]
            for line in lines:
                at = line.find('"result":')
                if at >= 0:
                    at += len('"result":')
                    yield line[at : json.JSONDecoder().raw_decode(line, at)[1]]


def plain(result):
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


async def tools_of(client):
    found, cursor = [], None
    while True:
        page = await client.list_tools(cursor=cursor)
        found += page.tools
        cursor = page.next_cursor
        if cursor is None:
            return found


async def call(client, tool, arguments):
    try:
        with anyio.fail_after(STEP_TIMEOUT):
            return plain(await client.call_tool(tool, arguments))
    except Exception as why:
        return {"error": {"code": getattr(getattr(why, "error", None), "code", None), "message": str(why)}}


async def until(client, wanted):
    """Calls until the result has a text."""
    deadline = time.monotonic() + STEP_TIMEOUT
    while wanted["text"] not in json.dumps(await call(client, wanted["tool"], wanted.get("arguments", {}))):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{wanted['tool']} never said {wanted['text']}")
        await anyio.sleep(0.1)


async def task(client, wanted):
    """What an agent does that needs something: search, look at what it takes, call it."""
    search = await call(client, "search_tools", {"query": wanted["query"]})
    found = [tool["name"] for tool in search.get("structuredContent", {}).get("tools", [])]
    name = wanted.get("tool", found[0] if found else None)
    described = await call(client, "describe_tool", {"names": [name]})
    arguments = {"name": name, "arguments": wanted.get("arguments", {})}
    result = await call(client, wanted.get("with", "call_tool"), arguments)
    return {"search": search, "found": found, "name": name, "described": described, "result": result}


async def walk(client, tap, plan):
    async with client:
        listed = [plain(tool) for tool in await tools_of(client)]
        results = list(tap.results()) if tap else []
        if "until" in plan:
            await until(client, plan["until"])
        done = {
            "version": client.protocol_version,
            "instructions": client.instructions or "",
            "names": [tool["name"] for tool in listed],
            "shown": {tool["name"]: tool for tool in listed if tool["name"] in plan.get("show", [])},
            "sha256": hashlib.sha256("\n".join(results).encode()).hexdigest() if results else None,
            "tasks": [await task(client, wanted) for wanted in plan.get("tasks", [])],
            "calls": [await call(client, one["tool"], one.get("arguments", {})) for one in plan.get("calls", [])],
        }
    if "raw" in plan:
        with open(plan["raw"], "w") as file:
            file.write("\n".join(results))
    print(json.dumps(done))


async def main():
    mode, *target, path = sys.argv[1:]
    with open(path) as file:
        plan = json.load(file)
    about = types.Implementation(name=plan.get("client", "py-agent"), version="1.0.0")
    if target[0] == "--":
        server = StdioServerParameters(command=target[1], args=target[2:])
        return await walk(Client(server, mode=mode, client_info=about, cache=None), None, plan)
    tap = Tap()
    async with httpx2.AsyncClient(transport=tap, timeout=httpx2.Timeout(STEP_TIMEOUT)) as http:
        server = streamable_http_client(target[0], http_client=http)
        await walk(Client(server, mode=mode, client_info=about, cache=None), tap, plan)


anyio.run(main)
