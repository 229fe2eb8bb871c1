"""The Python SDK as a client: `py_client.py legacy|auto|2026-07-28|sse URL SCENARIO`, or with
`-- COMMAND ARG...` in place of the URL for stdio. `sse` is legacy over HTTP+SSE.

Runs the steps of a scenario file and prints one JSON object; the contract is in README.md here.
"""

import json
import re
import sys
import time

import anyio
import mcp_types as types
from mcp import StdioServerParameters
from mcp.client.client import Client
from mcp.client.sse import sse_client

STEP_TIMEOUT = 30


async def pages(method, member, key):
    found, cursor = [], None
    while True:
        page = await method(cursor=cursor)
        found += [str(getattr(each, key)) for each in getattr(page, member)]
        cursor = page.next_cursor
        if cursor is None:
            return found


def filled(value, done):
    """`{{2.tasks.0.id}}` is what the structured content of the third step holds there."""
    if isinstance(value, dict):
        return {key: filled(each, done) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, done) for each in value]
    named = re.fullmatch(r"\{\{(\d+)((?:\.\w+)*)\}\}", value) if isinstance(value, str) else None
    if named is None:
        return value
    found = done[int(named[1])]["result"]["structuredContent"]
    for part in named[2].split(".")[1:]:
        found = found[int(part) if isinstance(found, list) else part]
    return found


def plain(result):
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


class Player:
    def __init__(self, mode, target, answers):
        self.changed = anyio.Event()
        self.answers = answers
        self.asked = []
        self.client = Client(
            target,
            mode=mode,
            message_handler=self.heard,
            cache=None,
            elicitation_callback=self.fill_in if "form" in answers or "url" in answers else None,
            sampling_callback=self.generate if "sampling" in answers else None,
            list_roots_callback=self.tell_roots if "roots" in answers else None,
        )

    async def fill_in(self, context, params):
        self.asked.append({"method": "elicitation/create", "params": plain(params)})
        if params.mode == "url":
            return types.ElicitResult(**self.answers["url"])
        form = dict(self.answers["form"])
        # Of all that the scenario would fill in, the fields that this form has.
        fields = params.requested_schema["properties"]
        if "content" in form:
            form["content"] = {name: value for name, value in form["content"].items() if name in fields}
        return types.ElicitResult(**form)

    async def generate(self, context, params):
        self.asked.append({"method": "sampling/createMessage", "params": plain(params)})
        return types.CreateMessageResult.model_validate(self.answers["sampling"])

    async def tell_roots(self, context):
        self.asked.append({"method": "roots/list", "params": {}})
        return types.ListRootsResult.model_validate({"roots": self.answers["roots"]})

    async def heard(self, message):
        if isinstance(message, types.ToolListChangedNotification):
            self.changed.set()

    async def tools(self):
        return await pages(self.client.list_tools, "tools", "name")

    async def call(self, step, progress=None):
        return await self.client.call_tool(step["tool"], step.get("args", {}), progress_callback=progress)

    async def do_list(self, step):
        client = self.client
        return {
            "tools": await self.tools(),
            "prompts": await pages(client.list_prompts, "prompts", "name"),
            "resources": await pages(client.list_resources, "resources", "uri"),
            "templates": await pages(client.list_resource_templates, "resource_templates", "uri_template"),
        }

    async def do_call(self, step):
        return {"result": plain(await self.call(step))}

    async def do_progress(self, step):
        told = []

        async def hear(progress, total, message):
            told.append({"progress": progress, "total": total})

        return {"result": plain(await self.call(step, hear)), "progress": told}

    async def do_cancel(self, step):
        with anyio.move_on_after(step["after_ms"] / 1000) as scope:
            result = await self.call(step)
        return {"cancelled": True} if scope.cancelled_caught else {"result": plain(result)}

    async def do_until(self, step):
        deadline = time.monotonic() + step.get("deadline_ms", 10_000) / 1000
        while True:
            result = await self.call(step)
            if result.content and getattr(result.content[0], "text", None) == step["text"]:
                return {"result": plain(result)}
            if time.monotonic() > deadline:
                raise RuntimeError(f"never said {step['text']}; last: {plain(result)}")
            await anyio.sleep(0.05)

    async def do_prompt(self, step):
        return {"result": plain(await self.client.get_prompt(step["name"], step.get("args", {})))}

    async def do_read(self, step):
        return {"result": plain(await self.client.read_resource(step["uri"]))}

    async def do_change(self, step):
        """Waits for notifications until the tool `name` came or went."""
        before = step["name"] in await self.tools()
        if self.client.protocol_version >= "2026-07-28":
            async with self.client.listen(tools_list_changed=True) as subscription:
                result = await self.call(step)
                async for _ in subscription:
                    tools = await self.tools()
                    if (step["name"] in tools) != before:
                        break
        else:
            self.changed = anyio.Event()
            result = await self.call(step)
            while True:
                await self.changed.wait()
                self.changed = anyio.Event()
                tools = await self.tools()
                if (step["name"] in tools) != before:
                    break
        return {"changed": True, "result": plain(result), "tools": tools}

    async def play(self, steps):
        done = []
        async with self.client:
            for step in steps:
                try:
                    with anyio.fail_after(STEP_TIMEOUT):
                        done.append(await getattr(self, "do_" + step["do"])(filled(step, done)))
                except Exception as why:
                    error = getattr(why, "error", None)
                    code = getattr(error, "code", None)
                    done.append({"error": {"code": code, "message": f"{type(why).__name__}: {why}"}})
            version = self.client.protocol_version
        print(json.dumps({"version": version, "steps": done, "asked": self.asked}))


def main():
    mode, *target, scenario = sys.argv[1:]
    if target[0] == "--":
        server = StdioServerParameters(command=target[1], args=target[2:])
    elif mode == "sse":
        mode, server = "legacy", sse_client(target[0])
    else:
        server = target[0]
    with open(scenario) as file:
        scenario = json.load(file)
    anyio.run(Player(mode, server, scenario.get("answers", {})).play, scenario["steps"])


main()
