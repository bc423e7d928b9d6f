"""The command that measures flowkit beside its peers, here without them.

Sizes are tiny and no figure is judged. flowkit and the loop by hand need no network; what would
need one is stood in for.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psutil
import pytest
from click.testing import CliRunner
from helpers import wait_until
from real_redis import executables
from running import ROOT, run_module

ADAPTERS = ROOT / "benchmarks" / "peers" / "adapters"
TINY = {
    "round-trip": 3,
    "chain": 4,
    "drain": 12,
    "fan-out": 12,
    "fan-out-large": 15,
    "layered": 230,
    "cpu": 2,
    "large": 2,
    "memory": 12,
    "idle": 1,
    "sleeps": 12,
    "million": 40,
}
MARKS = ("peers", "peers-settings")


SERVER = ("--redis-server", next(iter(executables().values())))


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return run_module("benchmarks.peers", TINY, *SERVER, *options)


def row(part: Callable[[str], Any], key: str, peer: str, *values: float, reason: str = "") -> Any:
    return part("peers.figures").Row(key, peer, 10, values, reason)


# -- measuring --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["flowkit", "ceiling"])
def test_every_workload_is_measured_without_a_network(
    part: Callable[[str], Any], peer: str
) -> None:
    figures = part("peers.figures")
    done = run("--with", peer, "--repeat", "1", "--json")
    assert done.returncode == 0, done.stderr
    result = {load["figure"]: load for load in json.loads(done.stdout)["figures"]}
    assert set(result) == {
        key for name in figures.DEFAULT for key in figures.WORKLOADS[name].figures
    }
    assert [item["reason"] for item in result.values() if item["reason"]] == []
    assert all(len(item["values"]) == 1 for item in result.values())
    # At this size the server's own housekeeping can outweigh what the tasks take in memory.
    assert all(
        item["median"] > 0 for key, item in result.items() if key not in ("memory", "idle-cpu")
    )


@pytest.mark.slow
def test_the_large_run_is_measured_for_flowkit_only_with_memory_per_process() -> None:
    options = ("--with", "flowkit", "--with", "ceiling", "--workload", "million", "--repeat", "1")
    done = run(*options, "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["figures"]
    rate = next(
        figure
        for figure in figures
        if figure["figure"] == "million" and figure["peer"] == "flowkit"
    )
    assert rate["median"] > 0
    reasons = {figure["reason"] for figure in figures if figure["peer"] == "ceiling"}
    assert reasons == {"not measured: of flowkit only"}


@pytest.mark.slow
def test_tables_and_picture_go_to_their_places(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    places = [f"<!-- {name}: begin -->\nold\n<!-- {name}: end -->\n" for name in MARKS]
    document.write_text("before\n" + "".join(places) + "after\n")
    options = ("--with", "ceiling", "--workload", "chain", "--repeat", "2")
    done = run(*options, "--write", str(document))
    assert done.returncode == 0, done.stderr
    text = document.read_text()
    assert done.stdout.strip() in text
    assert "repeat 2" in text
    assert "| Celery" in text
    assert "old" not in text
    assert ElementTree.fromstring((tmp_path / "peers.svg").read_text()).tag.endswith("svg")


def test_the_peers_take_turns(
    part: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    main, turns = part("peers.__main__"), []
    python = tmp_path / "python"
    monkeypatch.setattr(main.venvs, "install", lambda folder, pins: python)

    class Visit:
        def __init__(self, peer: str, python: Path, place: object) -> None:
            self.peer = peer

        def measure(self, workload: str, size: int) -> dict[str, float]:
            turns.append(self.peer)
            return {"chain": float(len(turns))}

        def close(self) -> None:
            turns.append("end")

    monkeypatch.setattr(main, "Visit", Visit)
    options = ["--with", "huey", "--with", "flowkit", "--workload", "chain", "--repeat", "2"]
    shown = CliRunner().invoke(main.main, [*options, *SERVER, "--json"])
    assert turns == ["flowkit", "end", "huey", "end"] * 2
    flowkit, huey = json.loads(shown.stdout)["figures"]
    assert (flowkit["values"], huey["values"]) == ([1, 5], [3, 7])
    assert huey["times_flowkit"] == 5 / 3


# -- what comes of it -------------------------------------------------------------------------


def test_a_table_shows_multiples_of_flowkit_and_reasons_for_gaps(
    part: Callable[[str], Any],
) -> None:
    rows = [
        row(part, "drain", "flowkit", 900.0, 1_000.0, 1_200.0),
        row(part, "drain", "rq", 250.0),
        row(part, "layered", "huey", reason="cannot: no DAG | none"),
    ]
    table = part("peers.tables").as_table(rows, {"cores": 2})
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    what = "single tasks that do nothing"
    assert [what, "**flowkit**", "10", "1,000", "900–1,200", "tasks/s ↑", ""] in lines
    assert [what, "RQ", "10", "250", "250–250", "tasks/s ↑", "0.25"] in lines
    assert ["layered DAG", "Huey", "10", "–", "cannot: no DAG / none", "tasks/s ↑", ""] in lines
    assert ["**flowkit**", "1,000", "–"] in lines
    assert "Cores 2." in table


def test_the_longest_bar_is_the_best_also_of_times(part: Callable[[str], Any]) -> None:
    rows = [row(part, "chain", "flowkit", 2.0), row(part, "chain", "arq", 8.0)]
    picture = ElementTree.fromstring(part("peers.chart").as_svg(rows, {"cores": 2}))
    bars = [item for item in picture.iter() if item.tag.endswith("rect")]
    assert [bar.get("class") for bar in bars] == ["own", ""]
    assert float(bars[0].get("width", 0)) == pytest.approx(4 * float(bars[1].get("width", 0)), 0.01)


def test_names_are_escaped_in_the_picture(
    part: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    chart = part("peers.chart")
    odd = part("peers.catalogue").Peer("<a> & b", "", "")
    monkeypatch.setitem(chart.PEERS, "arq", odd)
    assert "&lt;a&gt; &amp; b" in chart.as_svg([row(part, "chain", "arq", 8.0)], {})


def test_without_a_figure_there_is_no_picture(part: Callable[[str], Any]) -> None:
    with pytest.raises(ValueError, match="none of these was measured"):
        part("peers.chart").as_svg([row(part, "chain", "arq", reason="cannot: x")], {})


def test_every_peer_describes_its_setup_and_pins_its_dependencies(
    part: Callable[[str], Any],
) -> None:
    peers = part("peers.catalogue").PEERS
    table = part("peers.tables").settings(list(peers))
    for name, peer in peers.items():
        assert (ADAPTERS / f"with_{name}.py").is_file()
        assert peer.settings in table
        assert all("==" in pin for pin in peer.pins)
        assert set(peer.cannot) | set(peer.sizes) <= set(part("peers.figures").WORKLOADS)


@pytest.mark.slow
def test_the_layered_dag_is_the_same_for_all(part: Callable[[str], Any]) -> None:
    program = (
        "import jobs; parents = jobs.layers(430); print(jobs.answer(parents), parents[250:252])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program], cwd=ADAPTERS, capture_output=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(said) == 1


# -- what goes wrong --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--size", "start-up=3"], "write WORKLOAD=N"),
        (["--with", "huey", "--workload", "layered"], "no library chosen"),
    ],
)
def test_a_wrong_option_is_named(options: list[str], said: str) -> None:
    done = run(*options)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.slow
def test_a_peer_that_cannot_be_installed_is_listed_with_the_reason(
    part: Callable[[str], Any], no_network: None, tmp_path: Path
) -> None:
    options = ["--with", "huey", "--workload", "chain", "--cache", str(tmp_path), "--json"]
    shown = CliRunner().invoke(part("peers.__main__").main, [*SERVER, *options])
    assert shown.exit_code == 0, shown.output
    (figure,) = json.loads(shown.stdout)["figures"]
    assert figure["values"] == []
    assert figure["reason"].startswith("not measured: huey==")
    assert "could not be installed" in figure["reason"]


def host_of(tmp_path: Path, peer: str) -> subprocess.Popen[str]:
    (tmp_path / "with_odd.py").write_text(peer)
    return subprocess.Popen(
        [sys.executable, str(ADAPTERS / "serve.py"), "odd"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PEERS_TALLY": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


ODD = """
import host, sys
class Peer(host.Adapter):
    def commands(self, mode):
        return [[sys.executable, "-c", "import time; time.sleep(60)"]]
    def one(self):
        print("noise")
        return 1
    def chain(self, size):
        return size - 1
"""


@pytest.mark.slow
def test_a_wrong_answer_is_no_figure_and_noise_is_no_answer(tmp_path: Path) -> None:
    with host_of(tmp_path, ODD) as host:
        said, _ = host.communicate(
            '{"do": "start", "mode": ""}\n{"do": "time", "what": "chain", "size": 6}\n', timeout=30
        )
    started, wrong = map(json.loads, said.splitlines())
    assert started["seconds"] > 0
    assert wrong == {"error": "Wrong: the answer is 3, but 4 is right"}


@pytest.mark.slow
def test_workers_end_with_the_client(tmp_path: Path) -> None:
    with host_of(tmp_path, ODD) as host:
        assert host.stdin is not None
        assert host.stdout is not None
        host.stdin.write('{"do": "start", "mode": ""}\n')
        host.stdin.flush()
        host.stdout.readline()
        (worker,) = psutil.Process(host.pid).children()
        host.stdin.close()
        host.wait(30)
        assert not worker.is_running()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_measurement_leaves_nothing_behind(kind: signal.Signals) -> None:
    options = ("--with", "flowkit", "--workload", "chain", "--size", "chain=100000")
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.peers", *SERVER, *options],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as running:
        everyone: list[psutil.Process] = []

        def workers_run() -> bool:
            everyone[:] = psutil.Process(running.pid).children(recursive=True)
            try:
                return any("flowkit.worker" in " ".join(item.cmdline()) for item in everyone)
            except psutil.NoSuchProcess:
                return False

        wait_until("its workers run", workers_run, 60)
        running.send_signal(kind)
        assert running.wait(60) != 0
        wait_until("all have ended", lambda: not any(item.is_running() for item in everyone))
