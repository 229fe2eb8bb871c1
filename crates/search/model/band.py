#!/usr/bin/env python3
"""Fits what decides whether an answer is confident, weak or nothing, and writes band.txt.

    python3 band.py ROUTING     (ROUTING: the folder with model/ and data/; numpy, scikit-learn)

Run after train.py: its numbers belong to the table beside this script. Two facts decide: the nearest
tool's cosine, and how much the prompt sounds like a wish (a linear function of its embedding, learnt
from the sets' prompts and pairs-*.txt against no-tool.jsonl). The second enters the fit of the first
out of fold: prompts five-fold, sets left out in turn. The thresholds `nothing` and `confident` were
chosen by hand from the table that this prints. Deterministic.
"""
import math
import pathlib
import sys

import numpy as np
from sklearn.linear_model import LogisticRegression

from train import HERE, SETS, Table, embed, hand_written, read, title_of, words

ALL = ("mcp-registry", "mcpproxy-golden", *SETS)
PROMPTS_MAX = 400
NOTHING, CONFIDENT, SIZE, SIZE_AT = -2.0, 0.8, 0.02, 755
EXPANDED = 0.2
STOP = set(
    "a an the and or but if of to in on at for from by with as is are was were be been am do does did have has had i you he she it "
    "we they me him her us them my your his its our their this that these those there can could should would will shall may might "
    "must so than too very just also into please want need".split()
)


class Thesaurus:
    def __init__(self, stem):
        self.stem, self.adds = stem, {}
        for line in open(HERE / "thesaurus.txt", encoding="utf8"):
            line = line.split("#")[0].strip()
            if not line:
                continue
            left, _, right = line.partition(">")
            left = [phrase.strip() for phrase in left.split(",")]
            for phrase in left:
                others = [p for p in right.split(",")] if right else [p for p in left if p != phrase]
                key = tuple(stem(word) for word in words(phrase))
                self.adds.setdefault(key, []).extend(word for other in others for word in words(other))
        self.longest = max(map(len, self.adds))

    def added(self, text):
        stems = [self.stem(word) for word in words(text)]
        plain, out, at = {self.stem(word) for word in STOP}, [], 0
        while at < len(stems):
            step = 1
            for n in range(min(self.longest, len(stems) - at), 0, -1):
                key = tuple(stems[at : at + n])
                if key in self.adds and not (n == 1 and key[0] in plain):
                    out, step = out + self.adds[key], n
                    break
            at += step
        known, added = set(stems), []
        for word in out:
            if self.stem(word) not in known and word not in STOP:
                known.add(self.stem(word))
                added.append(word)
        return added


def main():
    from Stemmer import Stemmer  # PyStemmer

    routing = pathlib.Path(sys.argv[1])
    table = Table(routing / "model")
    values = np.fromfile(HERE / "rows.i8", dtype=np.int8).reshape(len(table.words), -1).astype(np.float32)
    rows = values * np.fromfile(HERE / "scales.f32", dtype="<f4")[:, None]
    thesaurus = Thesaurus(Stemmer("english").stemWord)
    plain = lambda text: embed(rows, table.ids(text))

    def expanded(text):
        out, added = plain(text), thesaurus.added(text)
        if added:
            out = out + EXPANDED * embed(rows, [row for word in added for row in table.pieces(word)])
        return out / (np.linalg.norm(out) + 1e-9)

    none = [line["text"] for line in read(routing / "data" / "no-tool.jsonl")]
    random, asked, tools = np.random.default_rng(0), {}, {}
    for name in ALL:
        tools[name] = np.array([embed(rows, table.ids(title_of(tool))) for tool in read(routing / "data" / name / "tools.jsonl")])
        texts = [query["text"] for query in read(routing / "data" / name / "queries.jsonl")]
        asked[name] = [texts[i] for i in random.choice(len(texts), min(len(texts), PROMPTS_MAX), replace=False)]
    near = lambda name, texts: (np.array([expanded(text) for text in texts]) @ tools[name].T).max(1)
    shift = {name: SIZE * math.log(min(max(len(tools[name]), 50), 5000) / SIZE_AT) for name in ALL}
    none_row = np.array([plain(text) for text in none])
    row = {name: np.array([plain(text) for text in asked[name]]) for name in ALL}
    pairs_row = np.array([plain(text) for text, _ in hand_written()[1]])

    def wish(names, which):
        """Prompts without a tool against the prompts of sets (half of the weight) and of pairs (the other half)."""
        groups = [none_row[which], pairs_row, *(row[name] for name in names)]
        weights = [1.0, 0.5, *(0.5 / len(names) for _ in names)]
        weight = np.concatenate([np.full(len(group), share / len(group)) for group, share in zip(groups, weights)])
        answer = np.concatenate([np.full(len(group), at > 0) for at, group in enumerate(groups)])
        model = LogisticRegression(C=0.1, max_iter=500)
        return model.fit(np.vstack(groups), answer, sample_weight=weight * len(weight) / weight.sum())

    fold, every = np.arange(len(none)) % 5, np.ones(len(none), bool)
    none_wish = np.zeros(len(none))
    for at in range(5):
        none_wish[fold == at] = wish(ALL, fold != at).decision_function(none_row[fold == at])
    asked_wish = {name: wish([n for n in ALL if n != name], every).decision_function(row[name]) for name in ALL}
    facts, answers, weights = [], [], []
    for name in ALL:
        facts += [np.column_stack([near(name, none), none_wish]), np.column_stack([near(name, asked[name]), asked_wish[name]])]
        answers += [np.zeros(len(none)), np.ones(len(asked[name]))]
        share = 2.0 if name.startswith("mcp") else 0.7
        weights += [np.full(len(none), 1000.0 / len(none)), np.full(len(asked[name]), 1000.0 * share / len(asked[name]))]
    model = LogisticRegression(C=3.0, max_iter=500)
    model.fit(np.vstack(facts), np.concatenate(answers), sample_weight=np.concatenate(weights))
    (cosine, weight), bias = model.coef_[0], model.intercept_[0]
    for limit in (NOTHING, CONFIDENT):
        for name, without, with_tool in zip(ALL, facts[::2], facts[1::2]):
            score = lambda f: cosine * (f[:, 0] - shift[name]) + weight * f[:, 1] + bias
            kept, out = 100 * (score(with_tool) >= limit).mean(), 100 * (score(without) < limit).mean()
            print(f"{limit:5} {name:16} kept {kept:5.1f} rejected {out:5.1f}")
    final = wish(ALL, every)
    with open(HERE / "band.txt", "w", encoding="utf8") as out:
        out.write("# Which band an answer has: made by band.py with the table of this folder.\n")
        out.write(f"cosine {cosine:.4f}\nwish {weight:.4f}\nbias {bias:.4f}\nsize {SIZE}\nsize_at {SIZE_AT}\n")
        out.write(f"nothing {NOTHING}\nconfident {CONFIDENT}\nwish_bias {final.intercept_[0]:.5f}\n")
        out.write("wish_row " + " ".join(f"{x:.4f}" for x in final.coef_[0]) + "\n")


if __name__ == "__main__":
    main()
