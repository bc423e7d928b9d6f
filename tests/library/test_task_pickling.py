"""Tasks in process pools of the user's own: by name where they are found, else by value."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cloudpickle
import pytest

from flowkit import DAG, task

SCRIPT = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from flowkit import task

@task
def square(n=0):
    return n * n

if __name__ == "__main__":
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        print(list(pool.map(square, range(3))), pool.submit(square.bind(n=5)).result())
"""


@task
def double(n: int = 0) -> int:
    return 2 * n


class Holder:
    @task
    @staticmethod
    def inner(n: int) -> int:
        return n + 1


def test_a_task_of_a_module_is_found_by_its_name() -> None:
    assert pickle.loads(pickle.dumps(double)) is double
    assert len(pickle.dumps(double)) < 100


def test_a_bound_task_takes_its_arguments_along() -> None:
    bound = double.bind("four", n=2)
    copy = pickle.loads(pickle.dumps(bound))
    assert (copy.name, copy(), copy.base) == ("four", 4, double)
    assert copy.upstream == copy.downstream == []


def test_a_copy_of_a_bound_task_belongs_to_no_dag_by_itself() -> None:
    with DAG("d") as dag:
        dag.add(double)
    pickle.loads(pickle.dumps(double.bind("five", n=5)))
    assert dag.tasks == [double]


def test_a_task_that_is_not_an_attribute_is_pickled_by_value() -> None:
    @task
    def local(n: int) -> int:
        return n + 10

    assert cloudpickle.loads(cloudpickle.dumps(local))(1) == 11
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(local)


def test_tasks_of_a_module_run_in_a_process_pool() -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        assert list(pool.map(double, range(3))) == [0, 2, 4]


@pytest.mark.slow
def test_tasks_of_a_script_run_in_its_process_pool(tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[0, 1, 4] 25\n", done.stderr
