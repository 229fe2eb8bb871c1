#!/usr/bin/env python3
"""Trains the word table on pairs of prompts and tool texts.

    python3 train.py ROUTING     (ROUTING: the folder with model/ and data/; numpy, scipy)

Starts from ROUTING/model, pulls a prompt's embedding towards its tool's and away from the other
tools', and holds every row near where it was, so that words no pair has keep their place. Pairs:
pairs-*.txt beside this script (written by hand: what people say, what tools call it) and the sets
metatool, sealtools and toolbench of ROUTING/data; never mcp-registry and mcpproxy-golden, which
measure it. The mean of three runs, as int8 rows, goes to rows.i8 and scales.f32 beside this script
(the words stay as they are); a test's expectations to ../tests/data/parity.jsonl. Deterministic for
one version of numpy on one kind of machine. About a minute on one core.

    python3 train.py ROUTING --check     prints what the table beside this script recalls, writes nothing
"""
import collections
import glob
import json
import math
import pathlib
import re
import sys

import numpy as np
import scipy.sparse as sparse

HERE = pathlib.Path(__file__).parent
SETS = ("metatool", "sealtools", "toolbench")
STEPS, BATCH, RATE, SEEDS = 400, 128, 0.003, (0, 1, 2)
TEMPERATURE, DROP = 20.0, 0.15
HOLD = 1.0  # how strongly a row is held where it was
GENERAL, GENERAL_EVERY = "generic", 8  # tools of no server: compared with each other only, every eighth step
IDS_MAX = 128
RUN = re.compile(r"[a-z]+|[0-9]+")


def words(text):
    """Identifiers split, lower case, runs of letters or of digits."""
    out = []
    for at, c in enumerate(text):
        if ord(c) < 128 and not c.isalnum():
            out.append(" ")
            continue
        if at and "A" <= c <= "Z":
            before, after = text[at - 1], text[at + 1 : at + 2]
            if before.islower() or before.isdigit() or ("A" <= before <= "Z" and after.islower()):
                out.append(" ")
        out.append(c.lower() if ord(c) < 128 else c)
    return RUN.findall("".join(out))


class Table:
    def __init__(self, folder):
        self.words = [word for word in (folder / "vocab.txt").read_text(encoding="utf8").split("\n") if word]
        self.row = {word: row for row, word in enumerate(self.words)}
        dim = int((folder / "dim.txt").read_text())
        values = np.fromfile(folder / "emb.i8", dtype=np.int8).reshape(-1, dim).astype(np.float32)
        self.rows = values * np.fromfile(folder / "scale.f32", dtype="<f4")[:, None]
        self.known = {}

    def ids(self, text):
        out = []
        for word in words(text):
            out += self.pieces(word)
        return out[:IDS_MAX]

    def pieces(self, word):
        if word in self.known:
            return self.known[word]
        out, at = [], 0
        if word in self.row:
            out, at = [self.row[word]], len(word)
        while at < len(word):
            for end in range(min(len(word), at + 24), at, -1):
                piece = word[at:end] if at == 0 else "##" + word[at:end]
                if piece in self.row:
                    out.append(self.row[piece])
                    at = end
                    break
            else:
                break
        self.known[word] = out
        return out


def title_of(tool):
    return f"{tool['server_title'] or tool['server']} {tool['name']}: {tool['description']}"


def read(path):
    return [json.loads(line) for line in open(path, encoding="utf8")]


def hand_written():
    """Tools as (server, name, description), prompts as (text, index of its tool)."""
    tools, prompts = [], []
    for path in sorted(glob.glob(str(HERE / "pairs-*.txt"))):
        for line in open(path, encoding="utf8"):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            left, right = line.split(" | ", 1)
            name, description = left.split(" - ", 1)
            server, name = name.split(".", 1)
            prompts += [(prompt.strip(), len(tools)) for prompt in right.split(" ; ")]
            tools.append((server, name, description))
    return tools, prompts


class Set:
    """A set of ROUTING/data as lists of rows."""

    def __init__(self, folder, table):
        tools, queries = read(folder / "tools.jsonl"), read(folder / "queries.jsonl")
        place = {tool["id"]: at for at, tool in enumerate(tools)}
        self.tools = [table.ids(title_of(tool)) for tool in tools]
        self.queries = [table.ids(query["text"]) for query in queries]
        self.relevant = [sorted({place[tool] for tool in query["relevant"] if tool in place}) for query in queries]


class Run:
    def __init__(self, table, seed):
        self.rows, self.start = table.rows.copy(), table.rows
        self.first, self.second = np.zeros_like(self.rows), np.zeros_like(self.rows)
        self.count = np.zeros(len(self.rows), np.int32)
        self.random = np.random.default_rng(seed)

    def bags(self, texts, drop):
        at, ids, values = [], [], []
        for line, text in enumerate(texts):
            if len(text) > 3:
                text = [word for word, keep in zip(text, self.random.random(len(text)) > drop) if keep] or text
            for word, times in collections.Counter(text).items():
                at.append(line)
                ids.append(word)
                values.append(math.sqrt(times))
        return sparse.csr_matrix((values, (at, ids)), shape=(len(texts), len(self.rows)), dtype=np.float32)

    def embed(self, bags):
        sums = bags @ self.rows
        length = np.linalg.norm(sums, axis=1, keepdims=True) + 1e-6
        return sums / length, length

    def step(self, prompts, tools, right, weight):
        """One step of softmax over `tools`; right[p, t] says that tool t fits prompt p. Adam, touched rows only."""
        a, b = self.bags(prompts, DROP), self.bags(tools, DROP / 2)
        (p, p_length), (t, t_length) = self.embed(a), self.embed(b)
        logits = TEMPERATURE * p @ t.T
        share = np.exp(logits - logits.max(1, keepdims=True))
        share /= share.sum(1, keepdims=True)
        wanted = share * right
        wanted /= wanted.sum(1, keepdims=True) + 1e-12
        error = TEMPERATURE * weight * (share - wanted) / len(prompts)
        dp, dt = error @ t, error.T @ p
        dp = (dp - p * (dp * p).sum(1, keepdims=True)) / p_length
        dt = (dt - t * (dt * t).sum(1, keepdims=True)) / t_length
        touched = np.unique(np.concatenate([a.indices, b.indices]))
        slope = (a.T @ dp + b.T @ dt)[touched]
        slope += HOLD * (self.rows[touched] - self.start[touched]) / len(prompts)
        self.count[touched] += 1
        n = self.count[touched][:, None]
        self.first[touched] = 0.9 * self.first[touched] + 0.1 * slope
        self.second[touched] = 0.99 * self.second[touched] + 0.01 * (slope * slope).mean(1, keepdims=True)
        move = (self.first[touched] / (1 - 0.9**n)) / (np.sqrt(self.second[touched] / (1 - 0.99**n)) + 1e-6)
        self.rows[touched] -= RATE * move

    def train(self, table, sets):
        tools, prompts = hand_written()
        asked, wanted = [table.ids(text) for text, _ in prompts], np.array([tool for _, tool in prompts])
        general = np.array([server == GENERAL for server, _, _ in tools])
        for at in range(1, STEPS + 1):
            kind = at % GENERAL_EVERY == 0
            mine = np.flatnonzero(general[wanted] == kind)
            some = self.random.choice(mine, min(BATCH, len(mine)), replace=False)
            which, shown = np.flatnonzero(general == kind), []
            for server, name, description in (tools[i] for i in which):
                server = server if self.random.random() < 0.5 and not kind else ""
                shown.append(table.ids(f"{server} {name}: {description if self.random.random() < 0.85 else ''}"))
            self.step([asked[i] for i in some], shown, wanted[some][:, None] == which, 1.0)
            if at % 2 == 0:
                self.other(sets[at // 2 % len(sets)])
        return self.rows

    def other(self, data):
        some = self.random.choice(len(data.queries), 96, replace=False)
        shown = set(self.random.choice(len(data.tools), min(len(data.tools), 400), replace=False))
        shown = sorted(shown.union(*(data.relevant[i] for i in some)))
        right = np.array([[tool in data.relevant[i] for tool in shown] for i in some])
        self.step([data.queries[i] for i in some], [data.tools[i] for i in shown], right, 0.5)


def embed(rows, ids):
    out = np.zeros(rows.shape[1], np.float32)
    for word, times in collections.Counter(ids).items():
        out += rows[word] * math.sqrt(times)
    return out / (np.linalg.norm(out) + 1e-9)


def check(rows, table, routing):
    for name in ("mcp-registry", "mcpproxy-golden", *SETS):
        data = Set(routing / "data" / name, table)
        tools = np.array([embed(rows, ids) for ids in data.tools])
        found = collections.Counter()
        for ids, right in zip(data.queries, data.relevant):
            best = np.argsort(-(tools @ embed(rows, ids)), kind="stable")[:10]
            first = next((at for at, tool in enumerate(best) if tool in right), 99)
            for k in (1, 5, 10):
                found[k] += first < k
        print(f"{name:16} hit@1/5/10", *(f"{100 * found[k] / len(data.queries):5.1f}" for k in (1, 5, 10)))


def main():
    routing = pathlib.Path(sys.argv[1])
    table = Table(routing / "model")
    if "--check" in sys.argv:
        values = np.fromfile(HERE / "rows.i8", dtype=np.int8).reshape(len(table.words), -1).astype(np.float32)
        check(values * np.fromfile(HERE / "scales.f32", dtype="<f4")[:, None], table, routing)
        return
    sets = [Set(routing / "data" / name, table) for name in SETS]
    rows = np.mean([Run(table, seed).train(table, sets) for seed in SEEDS], 0)
    scales = (np.abs(rows).max(1) / 127 + 1e-12).astype("<f4")
    values = np.round(rows / scales[:, None]).clip(-127, 127).astype(np.int8)
    values.tofile(HERE / "rows.i8")
    scales.tofile(HERE / "scales.f32")
    rows = values.astype(np.float32) * scales[:, None]
    parity = HERE.parent / "tests" / "data" / "parity.jsonl"
    lines = [json.loads(line) for line in open(parity, encoding="utf8")]
    with open(parity, "w", encoding="utf8") as out:
        for line in lines:
            line["embedding"] = [round(float(x), 5) for x in embed(rows, table.ids(line["text"]))]
            out.write(json.dumps(line) + "\n")
    check(rows, table, routing)


if __name__ == "__main__":
    main()
