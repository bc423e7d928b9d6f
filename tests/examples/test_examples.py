"""The examples do what their first lines say."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit import Task, again
from flowkit.testing import call_task, run_dag

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def load(name: str) -> ModuleType:
    """Import an example by its own name, and leave the registry of tasks as it was."""
    sys.path.insert(0, str(EXAMPLES))
    registered = list(Task._all_tasks)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(EXAMPLES))
        Task._all_tasks[:] = registered


source = load("stdlib_report_source")
page = load("stdlib_report_page")
report = load("stdlib_report")
etl = load("etl")
approval = load("approval")
fan_out = load("fan_out")
poller = load("poller")
tree_crawler = load("tree_crawler")
yearly_report = load("yearly_report")


def run_python(*arguments: str, folder: Path) -> str:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(EXAMPLES)])}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- the small examples -------------------------------------------------------------------------


def test_etl_loads_the_orders_that_have_an_amount(tmp_path: Path) -> None:
    params = {"database": str(tmp_path / "orders.sqlite")}
    results = etl.dag.run(params=params)
    assert results["load"] == {"customers": 2, "orders": 4, "cents": 10250}
    assert [row["id"] for row in results["transform"]] == [100, 101, 103, 104]
    assert etl.dag.run(params=params)["load"] == results["load"], "loading again changes nothing"


@pytest.mark.parametrize(("amount", "expected"), [("17.50", 1750), ("17.5", 1750), ("17", 1700)])
def test_etl_reads_money_exactly(amount: str, expected: int) -> None:
    assert etl.cents(amount) == expected


@pytest.mark.parametrize(
    ("amount", "ran", "outcome"),
    [
        (1_000, "approve_at_once", "1000 EUR: approved by rule"),
        (1_001, "ask_manager", "1001 EUR: approved by the manager"),
        (25_000, "ask_manager", "25000 EUR: refused by the manager"),
    ],
)
def test_approval_takes_exactly_one_branch(amount: int, ran: str, outcome: str) -> None:
    results = approval.dag.run(params={"amount": amount})
    assert results.keys() == {"request", ran, "notify"}
    assert results["notify"] == outcome


def test_approval_refuses_what_is_no_sum() -> None:
    with pytest.raises(ValueError, match="amount: 0 euros cannot be paid out"):
        approval.dag.run(params={"amount": 0})


@pytest.mark.parametrize(("below", "primes"), [(0, 0), (3, 1), (1_000, 168)])
def test_fan_out_counts_each_prime_once(below: int, primes: int) -> None:
    results = fan_out.dag.run(params={"below": below})
    assert results["total"] == primes
    assert len([name for name in results if name.startswith("count_")]) == fan_out.PARTS


def test_poller_reads_each_line_once() -> None:
    result = run_dag(poller.dag, params={"lines": 5})
    assert result.results["follow"] == [f"line {number} of 5" for number in range(1, 6)]
    assert result.tasks["follow"].agains == [0.2, 0.2]


def test_poller_remembers_what_it_has_read() -> None:
    job = poller.Job(3)
    first = ["line 1 of 3", "line 2 of 3"]
    assert call_task(poller.follow, job) == again(0.2, memory=first, times=1000)
    assert call_task(poller.follow, job, memory=first, times=1) == [*first, "line 3 of 3"]


def test_the_yearly_report_is_made_of_monthly_ones() -> None:
    results = yearly_report.dag.run(params={"year": 2024})
    months = [yearly_report.monthly.run(params={"year": 2024, "month": at}) for at in range(1, 13)]
    assert results["months"] == [month["summary"] for month in months]
    assert results["budget"] == 9900
    total = sum(month["total"] for month in results["months"])
    assert results["report"].startswith(f"2024: {total:,} of 9,900 in 12 months, best in ")


def test_the_tree_crawler_finds_equal_files(tmp_path: Path) -> None:
    contents = {"a.txt": "same", "sub/b.txt": "same", "sub/deep/c.txt": "other", "sub/empty": ""}
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "link.txt").symlink_to(tmp_path / "a.txt")
    results = tree_crawler.dag.run(params={"root": str(tmp_path)})
    assert results["report"] == {
        "files": 3,
        "unreadable": 0,
        "wasted": 4,
        "equal": [[str(tmp_path / "a.txt"), str(tmp_path / "sub" / "b.txt")]],
    }
    assert [len(paths) for paths in results["list_folder"]] == [1, 1, 1]


def test_the_tree_crawler_counts_files_that_it_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    found = run_dag(tree_crawler.dag, params={"root": str(tmp_path)})
    assert found.results["report"]["unreadable"] == 0
    monkeypatch.setattr(tree_crawler.digests, "func", refuses("b", tree_crawler.digest.func))
    found = run_dag(tree_crawler.dag, params={"root": str(tmp_path)}).assert_succeeded()
    assert (found.results["report"]["files"], found.results["report"]["unreadable"]) == (1, 1)
    found.assert_failed("digest[1]", PermissionError)
    assert found.items("digest")[1].label == str(tmp_path / "b")


def refuses(name: str, func: Any) -> Any:
    """Return the function, which cannot read that file."""

    def digest(path: str) -> Any:
        if Path(path).name == name:
            raise PermissionError(path)
        return func(path)

    return digest


def test_the_tree_crawler_refuses_what_is_no_folder() -> None:
    with pytest.raises(NotADirectoryError, match="root: '/no/such' is no folder"):
        tree_crawler.dag.run(params={"root": "/no/such"})


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("tree_crawler", ["0 groups of equal files waste 0 bytes"]),
        ("etl", ["{'customers': 2, 'orders': 4, 'cents': 10250}"]),
        (
            "approval",
            [
                "250 EUR: approved by rule",
                "2500 EUR: approved by the manager",
                "25000 EUR: refused by the manager",
            ],
        ),
        ("fan_out", ["9592"]),
        ("poller", ["5 lines, the last one: line 5 of 5"]),
        ("yearly_report", ["2025: 9,642 of 9,900 in 12 months, best in December"]),
    ],
)
def test_the_python_command_prints_the_result(
    name: str, printed: list[str], tmp_path: Path
) -> None:
    lines = run_python(str(EXAMPLES / f"{name}.py"), folder=tmp_path).splitlines()
    assert [line for line in lines if line in printed] == printed


# --- measuring one file -------------------------------------------------------------------------

SNIPPETS = {
    "nothing to decide": ("def f():\n    return 1", 1),
    "if, elif, else": ("def f(a):\n if a: return 1\n elif a + 1: return 2\n else: return 3", 3),
    "loops": ("async def f(a):\n for x in a: pass\n while a: pass\n async for y in a: pass", 4),
    "conditional expression": ("def f(a):\n return 1 if a else 2", 2),
    "two operators": ("def f(a, b, c):\n return a and b or c", 3),
    "four operands": ("def f(a, b, c, d):\n return a and b and c and d", 4),
    "comprehension": ("def f(a):\n return [x for y in a if y if y > 1 for x in y]", 5),
    "generator": ("def f(a):\n return sum(x for x in a)", 2),
    "try": (
        "def f():\n try: pass\n except A: pass\n except B: pass\n else: pass\n finally: pass",
        3,
    ),
    "match": ("def f(a):\n match a:\n  case 1: pass\n  case [2, x]: pass\n  case _: pass", 3),
    "guarded match": ("def f(a):\n match a:\n  case x if x: pass\n  case 2 if a: pass", 4),
    "lambda": ("def f():\n return lambda a: a or 1", 2),
    "with and assert": ("def f():\n with a: assert b", 1),
}


@pytest.mark.parametrize(("snippet", "expected"), SNIPPETS.values(), ids=SNIPPETS)
def test_complexity(snippet: str, expected: int) -> None:
    assert source.complexity(snippet) == {"f": expected}


def test_nested_functions_count_for_themselves() -> None:
    text = """
if module_level: pass
class Outer:
    def method(self, a):
        if a:
            def inner(b):
                return b or a or self
        return inner
"""
    assert source.complexity(text) == {"Outer.method": 2, "Outer.method.inner": 3}


def test_every_line_has_one_kind() -> None:
    text = b'''"""Title.

# in the docstring
"""
# a comment

x = """
# in a string

"""  # code

class C:
    "One line."
    y = 1  # code
'''
    totals = source.tally_file("a.py", text)["totals"]
    kinds = {kind: totals[kind] for kind in ("docstring", "comment", "blank", "code")}
    assert kinds == {"docstring": 5, "comment": 1, "blank": 2, "code": 6}
    assert totals["lines"] == sum(kinds.values()) == 14


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_line_ends_and_byte_order_mark_do_not_matter(end: bytes) -> None:
    totals = source.tally_file("a.py", b"\xef\xbb\xbf# one" + end + end + b"x = 1")["totals"]
    assert (totals["comment"], totals["blank"], totals["code"]) == (1, 1, 1)


def test_imports_count_once_per_file_and_by_absolute_name() -> None:
    text = (
        b"import os, os.path\nimport os\nfrom . import a\nfrom ..b import c\nfrom json import x\n"
    )
    imports = source.tally_file("pack/inner/module.py", text)["imports"]
    assert imports == dict.fromkeys(["os", "os.path", "pack.inner", "pack.b", "json"], 1)


BROKEN = {
    "bad syntax": b"def (:\n",
    "no text": b"x = '\xff\xfe'\n",
    "unknown encoding": b"# coding: klingon\n",
    "encoding of no text": b"# coding: rot13\nx = 1\n",
    "null byte": b"x = 1\x00\n",
    "too deep": b"(" * 5_000 + b")" * 5_000,
    "too deep for the compiler": b"x = " + b"-" * 200_000 + b"1\n",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_no_python_is_counted_and_named(data: bytes) -> None:
    tally = source.tally_file("test/broken.py", data)
    assert tally["totals"] == {"files": 1, "bytes": len(data), "unparsable": 1}
    [entry] = tally["unparsable"]
    assert entry["path"] == "test/broken.py"
    assert entry["reason"].partition(":")[0].endswith("Error")


def test_warnings_about_a_measured_file_are_not_the_reports(tmp_path: Path) -> None:
    code = r"""
import stdlib_report_source as source
print(source.tally_file("a.py", b"x = '\\d'\n1 is 1\n")["unparsable"])
"""
    assert run_python("-W", "error", "-c", code, folder=tmp_path) == "[]\n"


@given(st.permutations(range(6)), st.lists(st.integers(0, 6), min_size=2, max_size=2))
def test_adding_up_is_the_same_in_any_order_and_grouping(order: list[int], cuts: list[int]) -> None:
    texts = ["def f(a):\n return a" + " or a" * n + "\nimport os\n" for n in (0, 2, 2, 7, 30, 60)]
    tallies = [source.tally_file(f"p{n % 2}/m{n}.py", t.encode()) for n, t in enumerate(texts)]
    shuffled = [tallies[index] for index in order]
    low, high = sorted(cuts)
    groups = [shuffled[:low], shuffled[low:high], shuffled[high:]]
    assert source.combine([source.combine(group, 3) for group in groups], 3) == (
        source.combine(tallies, 3)
    )


# --- the DAG ------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10_000), max_size=60), st.integers(1, 20), st.randoms())
def test_parts_hold_every_file_once_and_are_balanced(
    sizes: list[int], parts: int, random: Any
) -> None:
    files = [(f"{index}.py", size) for index, size in enumerate(sizes)]
    dealt = report.balance(files, parts)
    assert sorted(path for part in dealt for path in part) == sorted(path for path, _ in files)
    loads = [sum(dict(files)[path] for path in part) for part in dealt]
    assert max(loads) - min(loads) <= max(sizes, default=0)
    random.shuffle(files)
    assert report.balance(files, parts) == dealt


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small source tree with everything that a big one has."""
    files = {
        "single.py": b"import os\n\n# comment\ndef f(a):\n    return a or 1\n",
        "pack/__init__.py": b"",
        "pack/module.py": b'"""Doc."""\nfrom . import other\nclass C:\n    def m(self): pass\n',
        "pack/<b>.py": b"import os\n",
        "pack/broken.py": b"def <script>alert(1)</script>\n",
        "pack/site-packages/installed.py": b"x = 1\n",
        "pack/notes.txt": b"no Python",
    }
    for name, data in files.items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_bytes(data)
    (tmp_path / "tree" / ".#lock.py").symlink_to("nowhere")
    return tmp_path / "tree"


def test_the_report_is_the_same_byte_for_byte(tree: Path, tmp_path: Path) -> None:
    written = []
    for max_workers in (1, 2, 16):
        out = tmp_path / f"out{len(written)}"
        params = {"root": str(tree), "out": str(out), "top": 3}
        summary = report.dag.run(max_workers=max_workers, params=params)["write_report"]
        assert summary["json"] == str(out / "report.json")
        assert sorted(path.name for path in out.iterdir()) == ["report.html", "report.json"]
        written.append([(out / name).read_bytes() for name in ("report.html", "report.json")])
    assert written[0] == written[1] == written[2]


def test_the_report_holds_what_is_in_the_tree(tree: Path, tmp_path: Path) -> None:
    params = {"root": str(tree), "out": str(tmp_path / "out"), "top": 1}
    results = report.dag.run(params=params)
    result = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert result == results["rank"]
    assert result["source"] == "tree"
    assert (result["totals"]["files"], result["totals"]["unparsable"]) == (5, 1)
    assert [row["name"] for row in result["most_complex"]] == ["f"]
    assert result["most_imported"] == [{"module": "os", "files": 2}]
    assert [row["package"] for row in result["packages"]] == ["(single modules)", "pack"]
    assert [row["path"] for row in result["unparsable"]] == ["pack/broken.py"]
    assert str(tree) not in json.dumps(result), "the place of the tree is no part of the report"


def test_the_standard_library_is_what_is_measured_by_default() -> None:
    listing = report.list_files.func()
    paths = [path for path, _ in listing["files"]]
    assert len(paths) > 1_000
    assert paths == sorted(paths)
    assert {"json/decoder.py", "argparse.py"} <= set(paths)
    assert not [path for path in paths if "site-packages" in path.split("/")]


def test_bad_parameters_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match=r"root: '/no/such' is no folder. Give"):
        report.list_files.func("/no/such")
    with pytest.raises(FileNotFoundError, match=r"root: no \.py file below"):
        report.list_files.func(str(tmp_path))
    with pytest.raises(ValueError, match=r"top: 0 is not a number of table rows. Give"):
        report.split.func({"source": "", "root": "", "files": []}, top=0)


def test_a_lost_part_is_an_error() -> None:
    listing = {"source": "", "root": "", "files": [("a.py", 1), ("b.py", 1)]}
    with pytest.raises(RuntimeError, match="1 of 2 files were measured"):
        report.rank.func(source.combine([source.tally_file("a.py", b"x")], 1), listing)


# --- the page -----------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Collect tags and text, and see to it that every element is closed in turn."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(document)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


HOSTILE = "</style><script>alert(1)</script><img src=x onerror='alert(2)'>\" & <b>"


def hostile_report() -> dict[str, Any]:
    tally = source.combine([source.tally_file("p/a.py", b"import os\ndef f(): pass\n")], 5)
    listing = {"source": HOSTILE, "root": "", "files": [("p/a.py", 1)]}
    made: dict[str, Any] = report.rank.func(tally, listing)
    made["left_out"] = [HOSTILE]
    made["unparsable"] = [{"path": HOSTILE, "reason": HOSTILE}]
    for function in (*made["most_complex"], *made["longest"]):
        function |= {"name": HOSTILE, "path": HOSTILE}
    for table, field in (("biggest", "path"), ("most_imported", "module"), ("packages", "package")):
        made[table][0][field] = HOSTILE
    return made


def test_hostile_names_are_text_in_the_page() -> None:
    read = Reader(page.render(hostile_report()))
    tags = {tag for tag, _ in read.seen}
    assert not tags & {"script", "img", "link", "iframe", "object"}
    places = {"title and heading": 2, "functions": 4, "other rows": 3, "unparsable": 2, "folder": 1}
    assert read.text.count(HOSTILE) == sum(places.values())
    assert not [name for _, attributes in read.seen for name in attributes if name[:2] == "on"]


def test_the_page_loads_nothing_from_the_network() -> None:
    document = page.render(hostile_report())
    assert "default-src 'none'" in document
    attributes = [name for _, result in Reader(document).seen for name in result]
    assert not {"src", "href", "xlink:href", "action"} & set(attributes)
    assert "url(" not in page.STYLE
    assert "@import" not in page.STYLE


def test_a_tree_without_functions_also_makes_a_page() -> None:
    tally = source.combine([source.tally_file("a.py", b"def (")], 5)
    empty = report.rank.func(tally, {"source": "s", "root": "", "files": [("a.py", 5)]})
    read = Reader(page.render(empty))
    assert "Unparsable files (1)" in read.text
    assert empty["mean_complexity"] == 0.0


def test_a_small_percentage_is_not_shown_as_zero() -> None:
    shares = [page.share(*pair) for pair in ((0, 0), (0, 5), (1, 9_999), (1, 8))]
    assert shares == ["0.0 %", "0.0 %", "under 0.1 %", "12.5 %"]
