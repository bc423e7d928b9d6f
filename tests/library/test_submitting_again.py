"""``client.submit_again()``: a new run of a stored graph."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import msgpack
import pytest
from ended_runs import dag, work

from flowkit import DAG, AsyncClient, Client, Task
from flowkit.codec.wire import HEADS, Code
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import RunDamaged, RunNotFound, UntrustedValue


@pytest.fixture
def client(fake_server: EmbeddedServer, namespace: str) -> Iterator[Client]:
    with Client.connect(fake_server.url, namespace) as result:
        yield result


def test_the_graph_and_the_other_parameters_are_those_of_the_run(client: Client) -> None:
    old = client.submit(dag("etl"), params={"text": "a"})
    same, other = client.submit_again(old.run_id), client.submit_again(old.run_id, {"text": "b"})
    assert len({old.run_id, same.run_id, other.run_id}) == 3
    assert (same.existed, same.params(), other.params()) == (False, {"text": "a"}, {"text": "b"})
    assert other.record().digest == old.record().digest
    assert other.record().dag_name == "etl"


def test_fixed_arguments_stay(client: Client) -> None:
    flow = DAG("fixed")
    flow.add(Task(work).bind("bound", text="abc"))
    old = client.submit(flow)
    again = client.run(client.submit_again(old.run_id).run_id)
    assert again.graph().kwargs == old.graph().kwargs != {}


def test_a_graph_that_was_changed_is_not_signed(client: Client) -> None:
    settings = replace(client.settings, signing_key="k" * 32)
    with Client(settings) as signing:
        first, other = signing.submit(dag("etl")), signing.submit(dag("other"))
        assert signing.submit_again(first.run_id).params() == {}
        digests = [run.record().digest for run in (first, other)]
        with first.shard.store() as store:
            keys = [store.keys.graph(digest) for digest in digests]
            store.link.call("SET", keys[0], store.link.call("GET", keys[1]))
        with pytest.raises(RunDamaged, match="its content does not match"):
            signing.submit_again(first.run_id)
        unsigned = client.submit(dag("own"))
        with pytest.raises(UntrustedValue):
            signing.submit_again(unsigned.run_id)


def test_wrong_calls_are_refused(client: Client) -> None:
    with pytest.raises(RunNotFound):
        client.submit_again("no-such-run")
    with pytest.raises(TypeError, match="params must be a mapping"):
        client.submit_again("run", 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ttl"):
        client.submit_again("run", ttl=-1)


def test_for_asyncio(client: Client) -> None:
    old = client.submit(dag("etl"))

    async def ask() -> object:
        async with AsyncClient(client.settings) as own:
            return await (await own.submit_again(old.run_id, {"text": "b"})).params()

    assert asyncio.run(ask()) == {"text": "b"}


def apart(document: bytes) -> bytes:
    """Return a value whose buffers lie apart: one byte, and the rest is the document."""
    head = b"\xdd\0\0\0\4" + msgpack.packb(HEADS[Code.APART])
    return head + b"\xc6" + len(document).to_bytes(4, "big") + document + b"\xc4\0\xc6\0\0\0\1x"


MANY = msgpack.packb({f"n{number}": None for number in range(10_001)})
HOSTILE = {
    "malformed": (b"\xc1", "it is no dict"),
    "a list": (msgpack.packb([1]), "it is no dict"),
    "many": (MANY, "10,001 values"),
    "a million": (b"\xdf\x00\x0f\x42\x40", "1,000,000 values"),
    "a long name": (msgpack.packb({"n" * 1_001: 1}), "a name has 1,001 characters"),
    "many apart": (apart(MANY), "10,001 values"),
    "malformed apart": (apart(b"")[:-1], "cut off"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_parameters_are_an_error_that_names_the_run(client: Client, name: str) -> None:
    """Each would take a hundred times its memory, or make an error of megabytes."""
    stored, why = HOSTILE[name]
    run = submitted_with(client, stored)
    for call in (client.run_form, partial(client.params_from_text, texts={"text": "x"})):
        with pytest.raises(RunDamaged, match=f"{run}.*{why}"):
            call(run)
    with pytest.raises(RunDamaged, match=run):
        client.submit_again(run, without=["text"])


def test_values_beside_buffers_are_copied_up_to_a_size(client: Client) -> None:
    run = submitted_with(client, apart(msgpack.packb({"text": [[]] * 1_100_000})))
    assert [parameter.name for parameter in client.run_form(run).parameters] == ["text"]
    with pytest.raises(RunDamaged, match=r"1\.0 MiB would have to be decoded.*Submit its DAG"):
        client.submit_again(run)


def submitted_with(client: Client, stored: bytes) -> str:
    """Return a run whose parameters somebody has replaced."""
    run = client.submit(dag("etl"), params={"text": "a"})
    with run.shard.store() as store:
        store.link.call("HSET", store.keys.run(run.run_id), "params", stored)
    return run.run_id
