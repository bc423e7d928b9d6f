"""``flowkit result`` of mapped tasks, on records written by hand."""

from __future__ import annotations

import json

from click.testing import CliRunner
from mapped_records import finished, parse_item, store_item, submitted, write

from flowkit import Client
from flowkit.cli import main


def show(client: Client, *words: str) -> str:
    words = ("result", "r1", *words, "--redis", client.shards[0].shard.url)
    return CliRunner().invoke(main, words).stdout


def test_results_of_items_are_shown_by_name_and_as_a_list() -> None:
    count = 300
    values = {parse_item(index): index for index in range(count)}
    values |= {store_item(index): "x" for index in range(count)}
    with submitted() as (client, run):
        write(run, finished(count), results={0: ["a"], **values, 3: 9})
        assert show(client, "parse[299]") == "299\n"
        rows = dict(line.split(maxsplit=1) for line in show(client).splitlines()[1:])
        assert rows["parse"].startswith("300 items: [0, 1, 2, 3,")
        assert rows["store"].startswith("300 items: ['x', 'x',")
        assert json.loads(show(client, "--json"))["results"]["parse"] == list(range(count))
        assert json.loads(show(client, "parse", "--json")) == list(range(count))
        write(run, finished(0))
        assert "parse  0 items: []" in show(client)
