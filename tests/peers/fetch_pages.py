"""Reads pages as the reference server mcp-server-fetch does: each `source.html` below the first folder becomes a
Markdown file in the second. Prints the milliseconds of each page. It fetches nothing."""

import pathlib
import sys
import time

from mcp_server_fetch.server import extract_content_from_html

pages, out = map(pathlib.Path, sys.argv[1:3])
out.mkdir(parents=True, exist_ok=True)
times = []
for page in sorted(pages.iterdir()):
    source = page / "source.html"
    if not source.is_file():
        continue
    html = source.read_text(encoding="utf-8", errors="replace")
    began = time.perf_counter()
    text = extract_content_from_html(html)
    times.append((time.perf_counter() - began) * 1000)
    (out / f"{page.name}.md").write_text(text, encoding="utf-8")
times.sort()
print(f"{times[len(times) // 2]:.0f}")
