"""A task goes to a process pool of the program's own as its function did: by module and name."""

from __future__ import annotations

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import pytest

from flowkit import task


@task
def squared(number):
    return number * number


def test_a_task_is_found_by_its_name():
    assert pickle.loads(pickle.dumps(squared)) is squared
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        assert list(pool.map(squared, [1, 2, 3])) == [1, 4, 9]


def test_one_that_has_no_name_there_is_refused():
    with pytest.raises(TypeError, match="was bound, so another process does not find it"):
        pickle.dumps(squared.bind("nine", number=3))
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(task(name="local")(lambda: None))
