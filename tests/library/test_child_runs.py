"""The ids of the runs that a task on a worker submits, and the settings that it gets."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

import pytest

from flowkit import DAG, Client, Task
from flowkit.configuration.own_system import adopt_system
from flowkit.context import current_attempt, enter_attempt, leave_attempt
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import SettingsError
from flowkit.settings import Settings, adopt_settings, load_settings

ONE, OTHER = {0, 8}, {8, 0}  # equal, in another order


def work(n: object = None, names: object = None) -> int:
    return 1


def dag(**bound: Any) -> DAG:
    return DAG("child", tasks=[Task(work).bind("work", **bound)])


@contextmanager
def attempt(
    number: int = 1, *, run: str = "outer", task: str = "t", life: str = "7"
) -> Iterator[None]:
    token = enter_attempt(run, task, number, {}, life)
    try:
        yield
    finally:
        leave_attempt(token)


@pytest.fixture
def own(fake_server: EmbeddedServer, namespace: str) -> Iterator[Client]:
    """A client of the system whose tasks this process runs."""
    settings = Settings(redis_url=fake_server.url, namespace=namespace)
    adopt_settings(settings)
    try:
        with Client(settings) as client:
            yield client
    finally:
        adopt_system(None)


def test_each_attempt_gets_the_same_ids_in_the_same_places(own: Client) -> None:
    ids = []
    for number in (1, 2):
        with attempt(number):
            runs = [own.submit(dag()), own.submit(dag()), own.submit(dag(), params={"n": 1})]
            runs += own.submit_many(dag(), [None, {"n": 2}, {"n": 2}])
        ids.append([run.run_id for run in runs])
        assert {run.existed for run in runs} == {number == 2}
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == len(own.runs()) == 6


def test_different_submissions_may_come_in_another_order(own: Client) -> None:
    """As from threads: what they submit at the same time is counted by what it is."""
    params = ({"n": 1}, {"n": 2})
    with attempt(1):
        first = [own.submit(dag(), params=param).run_id for param in params]
    with attempt(2):
        again = [own.submit(dag(), params=param).run_id for param in reversed(params)]
    assert again == first[::-1]


def test_another_run_task_or_life_has_other_children(own: Client) -> None:
    places: list[dict[str, Any]] = [{}, {"run": "o"}, {"task": "u"}, {"life": "8"}, {"life": "7/1"}]
    for place in places:
        with attempt(**place):
            assert not own.submit(dag()).existed
    assert len(own.runs()) == len(places)


def test_equal_values_in_another_order_are_the_same_run(own: Client) -> None:
    for values in (ONE, OTHER):
        with attempt():
            own.submit(dag(n=values), params={"names": values})
            own.submit_many(dag(n=values), [{"names": values}, {"names": {1}}])
    assert len(own.runs()) == 3


def test_another_dag_of_that_name_is_another_run(own: Client) -> None:
    """A task is executed again by a worker that has a later version of the code."""
    for value in (1, 2):
        with attempt():
            assert not own.submit(dag(n=value)).existed


def test_threads_that_have_the_context_of_the_attempt_count_together(own: Client) -> None:
    child = dag()
    for number in (1, 2):
        with attempt(number):
            contexts = [copy_context() for _ in range(8)]
            threads = [
                threading.Thread(target=context.run, args=(own.submit, child))
                for context in contexts
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
    assert len(own.runs()) == 8


def test_elsewhere_ids_are_random(own: Client, namespace: str) -> None:
    for _ in range(2):
        own.submit(dag())  # outside of a task
        with attempt(life=""):  # of a run in this process
            own.submit(dag())
        with attempt():
            thread = threading.Thread(target=own.submit, args=(dag(),))  # without its context
            thread.start()
            thread.join(20)
    assert len(own.runs()) == 6
    with Client(Settings(redis_url=own.url, namespace=f"{namespace}-other")) as other:
        for _ in range(2):
            with attempt():
                assert not other.submit(dag()).existed


def test_a_chosen_id_stays(own: Client) -> None:
    for number in (1, 2):
        with attempt(number):
            run = own.submit(dag(), run_id="mine")
            assert (run.run_id, run.existed) == ("mine", number == 2)


def test_a_copy_of_the_process_has_random_ids(own: Client) -> None:
    with attempt():
        pids = []
        for _ in range(2):
            pid = os.fork()
            if pid == 0:
                try:
                    own.submit(dag())
                finally:
                    os._exit(0)
            pids.append(pid)
        for pid in pids:
            os.waitpid(pid, 0)
    assert len(own.runs()) == 2


def test_the_attempt_that_users_see_is_as_before() -> None:
    with attempt(3):
        assert (current_attempt().run_id, current_attempt().attempt) == ("outer", 3)


def test_settings_come_from_the_worker_unless_they_were_set_since(
    own: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    assert load_settings() == own.settings
    assert load_settings(namespace="given").namespace == "given"
    assert load_settings(cwd=tmp_path, environ={}).namespace == "flowkit"
    monkeypatch.setenv("FLOWKIT_NAMESPACE", "set")
    monkeypatch.setenv("FLOWKIT_SIGNING_KEY", "s" * 16)
    result = load_settings()
    assert (result.redis_url, result.namespace, result.signing_key) == (own.url, "set", "s" * 16)
    assert result.source("namespace") == "environment FLOWKIT_NAMESPACE"
    monkeypatch.setenv("FLOWKIT_SIGNING_KEY", " ")
    with pytest.raises(SettingsError, match="blank"):
        load_settings()


def test_a_variable_of_the_start_does_not_win_over_an_option_of_the_worker(
    own: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWKIT_NAMESPACE", "from-the-start")
    adopt_settings(own.settings)  # which come from options, here a namespace
    assert load_settings().namespace == own.settings.namespace
