"""Reads an answer of /metrics from stdin with the parsers of the official Prometheus client and prints
what it says as JSON: {family: {"type", "help", "samples": [[name, labels, value]]}}.

Argument: "openmetrics" or "classic". It deliberately knows no metric of ours.
"""

import json
import sys

from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client import parser as classic

reader = {"openmetrics": openmetrics, "classic": classic}[sys.argv[1]]
families = {}
for family in reader.text_string_to_metric_families(sys.stdin.read()):
    assert family.name not in families, f"{family.name} stands there twice"
    samples = [[sample.name, sample.labels, sample.value] for sample in family.samples]
    families[family.name] = {"type": family.type, "help": family.documentation, "samples": samples}
json.dump(families, sys.stdout)
