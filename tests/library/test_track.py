"""``flowkit.track`` and ``flowkit.progress``: what a running task reports about itself.

A loop over a million rows reports a million times. Nothing but the last report matters, and it must
cost next to nothing; a reader sees two a second, and always the last one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping

import pytest

from flowkit import DAG, progress, task, track
from flowkit.context import Attempt, attempt_scope
from flowkit.core.task_progress import TaskProgress, counted
from flowkit.execution import progress as reports
from flowkit.execution.progress import INTERVAL_S, REPORTERS, Key, Reporter, Sampler, end_reports
from flowkit.testing import run_dag

ATTEMPT = Attempt("run", "load", 2, {})
KEY = ("run", "load", 2)


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    yield
    assert not REPORTERS


def seen() -> TaskProgress:
    return REPORTERS[KEY].progress()


@pytest.mark.promise("sight-10")
def test_outside_of_a_task_both_do_nothing_but_iterate() -> None:
    progress(-1, "all", 7)  # type: ignore[arg-type]
    assert list(track([1, 2, 3])) == [1, 2, 3]

    async def rows() -> AsyncIterator[int]:
        yield 1

    async def read() -> list[int]:
        return [row async for row in track(rows())]

    assert asyncio.run(read()) == [1]


def test_a_row_counts_when_the_loop_asks_for_the_next_one() -> None:
    with attempt_scope(ATTEMPT):
        counts = []
        for _ in track(["a", "b"], "letters"):
            counts.append(seen())
        assert counts == [TaskProgress(0, 2, "letters"), TaskProgress(1, 2, "letters")]
        assert end_reports() == TaskProgress(2, 2, "letters")
        assert end_reports() is None


def test_what_a_call_of_progress_omits_stays_as_it_was() -> None:
    with attempt_scope(ATTEMPT):
        progress(1, 10, "files")
        progress(2)
        assert seen() == TaskProgress(2, 10, "files")
        progress(0.5, 1.0, "")
        assert end_reports() == TaskProgress(0.5, 1.0, "")


def test_rows_without_a_length_have_no_total_unless_one_is_given() -> None:
    with attempt_scope(ATTEMPT):
        progress(7, 70)
        list(track(iter(range(3)), total=5))
        assert seen() == TaskProgress(3, 5, "rows")
        list(track(row for row in range(3)))
        assert end_reports() == TaskProgress(3, None, "rows")


def test_the_threads_and_coroutines_of_an_attempt_share_one_progress() -> None:
    async def work() -> None:
        async def rows() -> AsyncIterator[int]:
            for row in range(4):
                yield row

        async for _ in track(rows(), "pages", total=4):
            pass
        assert seen() == TaskProgress(4, 4, "pages")
        await asyncio.to_thread(progress, 1)

    with attempt_scope(ATTEMPT):
        asyncio.run(work())
        assert end_reports() == TaskProgress(1, 4, "pages")


@pytest.mark.parametrize("bad", [-1, float("nan"), float("inf"), 2**53])
def test_a_number_that_is_no_count_is_refused(bad: float) -> None:
    with attempt_scope(ATTEMPT):
        with pytest.raises(ValueError, match=r"progress\(done=.*give a number from 0 up"):
            progress(bad)
        with pytest.raises(ValueError, match=r"progress\(total=.*give a number from 0 up"):
            progress(1, bad)
        end_reports()


def test_what_is_no_number_or_no_text_is_refused() -> None:
    with attempt_scope(ATTEMPT):
        with pytest.raises(TypeError, match="takes a number, not str"):
            progress("many")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="takes text, not int"):
            progress(1, text=1)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="not iterable"):
            track(5)  # type: ignore[call-overload]
        end_reports()


def test_a_number_of_another_library_becomes_a_plain_one() -> None:
    class Index:
        def __index__(self) -> int:
            return 3

    with attempt_scope(ATTEMPT):
        progress(Index(), True)  # type: ignore[arg-type]
        report = end_reports()
    assert report == TaskProgress(3, 1)
    assert type(report.total) is int


def test_the_sampler_passes_on_the_last_report_at_every_interval() -> None:
    """The clock of this test is the pause: between two samples the task makes 1,000 reports."""
    sent: list[dict[Key, TaskProgress]] = []
    pauses: list[float] = []

    def send(reporters: Mapping[Key, Reporter]) -> None:
        sent.append({key: reporter.progress() for key, reporter in reporters.items()})

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        for done in range(1000):
            progress(1000 * len(pauses) + done)
        if len(pauses) == 3:
            end_reports()

    with attempt_scope(ATTEMPT):
        progress(0)
        Sampler(send, pause=pause).work()
    assert [part.get(KEY) for part in sent] == [
        TaskProgress(0),
        TaskProgress(1999),
        TaskProgress(2999),
        None,
    ]
    assert set(pauses) == {INTERVAL_S}


def test_reports_of_threads_that_outlive_their_attempts_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reports, "MOST_REPORTERS", 3)
    for number in range(5):
        with attempt_scope(Attempt("run", f"task{number}", 1, {})):
            progress(number)
    assert [name for _, name, _ in REPORTERS] == ["task2", "task3", "task4"]
    REPORTERS.clear()


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0"), (1200, "1,200"), (2.0, "2"), (0.25, "0.25"), (12345.6, "12,346")],
)
def test_counts_are_shown_as_people_write_them(number: float, shown: str) -> None:
    assert counted(number) == shown


def test_a_progress_knows_its_part_and_its_text() -> None:
    assert TaskProgress(5, 4).fraction == 1.0
    assert TaskProgress(5).fraction is TaskProgress(0, 0).fraction is None
    assert str(TaskProgress(1200, 5000, "rows")) == "1,200/5,000 rows"
    assert str(TaskProgress(3)) == "3"


def test_the_result_of_a_run_under_test_has_the_last_report_of_each_task() -> None:
    @task
    def load() -> int:
        return sum(1 for _ in track(range(3), "files"))

    @task(retries=1)
    def store(count: int) -> int:
        progress(len(run_order), 2, "tries")
        run_order.append(count)
        if len(run_order) == 1:
            raise ValueError("again")
        return count

    run_order: list[int] = []
    with DAG("reporting") as dag:
        load >> store
    result = run_dag(dag).assert_succeeded()
    assert result.tasks["load"].progress == TaskProgress(3, 3, "files")
    assert result.tasks["store"].progress == TaskProgress(1, 2, "tries")


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_reports_end_with_their_run(executor: str) -> None:
    with DAG("reporting") as dag:
        dag.add(count_rows)
    assert dag.run(executor=executor) == {"count_rows": 5}


@task
def count_rows() -> int:
    return sum(1 for _ in track(range(5)))
