"""executor="process": where tasks run, what comes back, and what happens when a process dies."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import threading
from itertools import pairwise

import process_tasks as tasks
import psutil
import pytest
from helpers import wait_until

from flowkit import DAG, StateManager, Task, TaskExecutionError, task
from flowkit.exceptions import (
    IllegalValue,
    NotImportableError,
    ParameterError,
    TaskTimeout,
    WaitTimeout,
    WorkerLost,
)


def dag_of(*members: Task, **options) -> DAG:
    with DAG("etl", **options) as dag:
        for member in members:
            dag.add(member)
    return dag


def run(*members: Task, max_workers: int = 2, params=None, **options):
    return dag_of(*members, **options).run("process", max_workers=max_workers, params=params)


@pytest.fixture
def path(tmp_path) -> str:
    return str(tmp_path / "marks")


# -- where tasks run -------------------------------------------------------------------------


@pytest.mark.promise("dag-8")
def test_plain_tasks_run_in_other_processes_and_async_ones_here():
    with DAG("etl") as dag:
        tasks.pid >> tasks.pid.bind("behind")
        dag.add(tasks.here)
    results = dag.run("process")
    assert os.getpid() not in (results["pid"], results["behind"])
    assert results["here"] == (os.getpid(), "here")


def test_programs_that_tasks_start_do_not_get_the_secrets_and_flowkit_there_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLOWKIT_REDIS_URL", "redis://:s3cr3t@127.0.0.1:1/0")
    assert run(tasks.secrets_of_a_program) == {"secrets_of_a_program": [False, True]}
    assert "FLOWKIT_REDIS_URL" in os.environ, "the caller's own environment is left as it is"


def test_one_process_is_enough_for_tasks_that_follow_one_another():
    with DAG("etl") as dag:
        chain = [tasks.pid.bind(f"p{number}") for number in range(5)]
        for upstream, downstream in pairwise(chain):
            upstream >> downstream
    assert len(set(dag.run("process", max_workers=4).values())) == 1


def test_independent_tasks_run_at_the_same_time(path):
    parts = [tasks.meet.bind(part=number) for number in range(2)]
    assert list(run(*parts, params={"path": path}).values()) == [0, 1]
    assert len(set(tasks.marks(path))) == 2


@pytest.mark.promise("dag-9")
def test_max_workers_bounds_the_processes():
    pids = run(*(tasks.pid.bind() for _ in range(20)), max_workers=1).values()
    assert len(set(pids)) == 1


def test_arguments_and_the_current_attempt_are_there_as_in_a_thread():
    result = run(tasks.who.bind("first", part=3), params={"day": "monday"})
    assert result == {"first": ("first", 1, {"day": "monday"}, "monday", 3)}


def test_a_condition_is_evaluated_in_the_parent_process():
    """It may be any lambda: it is not sent anywhere."""
    with DAG("etl") as dag:
        tasks.give.bind("one", value=1) >> tasks.conditional.bind("no")
        tasks.give.bind("two", value=2) >> tasks.conditional.bind("yes")
    assert dag.run("process") == {"one": 1, "two": 2, "yes": 2}


def test_task_output_appears_in_the_parent_process(capfd):
    run(tasks.say, params={"words": "no line end"})
    assert "no line end" in capfd.readouterr().out


def test_nothing_is_left_behind():
    before = threading.active_count()
    run(tasks.pid, tasks.give)
    assert multiprocessing.active_children() == []
    wait_until("all threads have ended", lambda: threading.active_count() <= before)


def test_results_are_recorded_and_reused(path):
    store = StateManager()
    dag = dag_of(tasks.pid)
    first = dag.run("process", state=store)
    assert dag.run("process", state=store, resume=True) == first


def test_a_dag_of_async_tasks_alone_starts_no_process(monkeypatch):
    monkeypatch.setattr(
        "flowkit.local.processes.children.ChildPool.start_child", lambda self: 1 / 0
    )
    assert run(tasks.here) == {"here": (os.getpid(), "here")}


# -- failures --------------------------------------------------------------------------------


@pytest.mark.promise("dag-16")
def test_a_task_fails_with_its_own_exception_and_notes_that_say_where():
    with DAG("etl") as dag:
        tasks.fail >> tasks.pid
    with pytest.raises(ValueError, match="bad row") as caught:
        dag.run("process")
    where, whose = caught.value.__notes__
    assert 'process_tasks.py", line' in where
    assert "flowkit/" not in where
    assert whose == "Raised by task 'fail' of DAG 'etl'."


def test_an_exception_that_cannot_be_sent_is_described():
    with pytest.raises(
        TaskExecutionError, match="Task 'fail_oddly' failed: TakesTwo: 1 and 2"
    ) as e:
        run(tasks.fail_oddly)
    assert (e.value.error_type, e.value.error_message) == ("TakesTwo", "1 and 2")
    assert "raise TakesTwo(1, 2)" in e.value.remote_traceback


def test_retry_on_holds_for_an_exception_that_cannot_be_sent_too(path):
    assert run(tasks.fail_oddly_twice, params={"path": path}) == {"fail_oddly_twice": 3}
    assert len(tasks.marks(path)) == 3


def test_a_base_exception_comes_back_as_the_cause_of_the_failure():
    with pytest.raises(TaskExecutionError, match="'leave' failed: SystemExit: 3") as caught:
        run(tasks.leave)
    assert isinstance(caught.value.__cause__, SystemExit)
    assert caught.value.__cause__.code == 3


def test_a_coroutine_hidden_by_a_decorator_is_an_error_not_a_result():
    with pytest.raises(TypeError, match=r"'hidden_coroutine' returned a coroutine.*async def"):
        run(tasks.hidden_coroutine)


def test_a_fork_made_by_a_task_does_not_answer_for_it():
    both = run(tasks.fork_and_return, tasks.give.bind("after", value=1), max_workers=1)
    assert both == {"fork_and_return": "original", "after": 1}


def test_an_attempt_over_its_timeout_is_killed_with_what_it_started(path):
    assert run(tasks.stuck_once, params={"path": path}) == {"stuck_once": "second"}
    with open(f"{path}.started") as file:
        started = list(map(int, file.read().split()))
    first, second = tasks.marks(path)
    assert first != second
    for pid in (first, *started):
        wait_until(f"process {pid} is gone", lambda pid=pid: _gone(pid))


def test_term_and_int_are_for_the_parent_alone(caplog):
    """Sent to all processes of a service, they ended tasks, which were made again in other ones."""
    assert run(tasks.terminated) == {"terminated": "goes on"}
    assert "died" not in caplog.text


def test_a_timeout_without_retries_raises_task_timeout(path):
    stuck = Task(tasks.sleep.func, name="stuck", timeout=0.05)
    with pytest.raises(TaskTimeout, match=r"'stuck'.*0.05 s"):
        run(stuck, params={"path": path})


def test_a_run_over_its_timeout_kills_its_processes(path):
    with pytest.raises(WaitTimeout, match="DAG 'etl' did not end"):
        dag_of(tasks.sleep).run("process", params={"path": path}, timeout=0.5)
    assert multiprocessing.active_children() == []


# -- deaths ----------------------------------------------------------------------------------


def test_a_task_whose_process_dies_reruns_without_using_a_retry(path, capsys):
    assert tasks.die_once.retries == 0
    assert run(tasks.die_once, params={"path": path}) == {"die_once": 2}
    assert "died (SIGKILL) while it executed task 'die_once'" in capsys.readouterr().out


def test_after_three_deaths_a_task_fails_whatever_its_retries(path):
    with pytest.raises(WorkerLost, match=r"'die_by_signal' of DAG 'etl'.*3 times.*SIGSEGV") as e:
        run(tasks.die_by_signal, params={"path": path})
    assert len(tasks.marks(path)) == 3
    assert e.value.__notes__ == ["Raised by task 'die_by_signal' of DAG 'etl'."]


def test_a_task_that_must_not_start_twice_fails_with_its_process(path):
    with pytest.raises(WorkerLost, match=r"'die_once_for_all'.*exit code 8.*at most once"):
        run(tasks.die_once_for_all, params={"path": path})
    assert len(tasks.marks(path)) == 1


def test_a_death_does_not_affect_other_tasks(path):
    calm = [tasks.meet.bind(f"calm{number}", count=1) for number in range(6)]
    with pytest.raises(WorkerLost, match=r"'die'.*exit code 7"):
        run(tasks.die, *calm, params={"path": path}, on_failure="continue")
    assert len(tasks.marks(path)) == 6


def test_a_death_is_noticed_even_if_a_leftover_process_holds_the_pipe(path, monkeypatch):
    monkeypatch.setattr("flowkit.local.processes.children._LOOK_S", 0.02)
    with pytest.raises(WorkerLost, match="exit code 1"):
        run(tasks.die_behind_a_leftover, params={"path": path})
    for pid in tasks.marks(path):
        wait_until(f"process {pid} is gone", lambda pid=pid: _gone(pid))


# -- what cannot be sent ---------------------------------------------------------------------


def test_a_result_that_cannot_be_sent_fails_its_task_by_name():
    with pytest.raises(IllegalValue, match=r"'give_lock' of DAG 'etl': its result.*lock"):
        run(tasks.give_lock)


def test_an_argument_that_cannot_be_sent_is_named():
    with DAG("etl") as dag:
        tasks.give_lock_here >> tasks.give
    with pytest.raises(IllegalValue, match=r"'give'.*the result of task 'give_lock_here'.*lock"):
        dag.run("process")
    with pytest.raises(IllegalValue, match=r"'bound'.*its argument 'value'.*lock"):
        run(tasks.give.bind("bound", value=threading.Lock()))


def test_a_run_parameter_that_cannot_be_sent_is_named_before_anything_runs(path):
    with pytest.raises(ParameterError, match=r"run parameter 'value' cannot be sent.*lock") as e:
        run(tasks.give, tasks.sleep, params={"path": path, "value": threading.Lock()})
    assert e.value.parameter == "value"
    assert not os.path.exists(path)


def test_cloudpickle_sends_functions_that_no_module_has():
    factor = 3

    class Mine(Exception):
        pass

    @task
    def nested():
        return factor * helper()

    @task
    def helper():
        return 2

    @task
    def own():
        raise Mine("own")

    parts = [Task(lambda: 1, name="lambda"), nested]
    assert run(*parts) == {"lambda": 1, "nested": 6}
    with pytest.raises(Mine, match="own"):
        run(own)


def test_values_that_cloudpickle_cannot_send_are_refused_before_anything_runs(path):
    lock = threading.Lock()
    with pytest.raises(
        NotImportableError, match=r"'locked'.*a lambda.*cannot be pickled.*lock.*top level"
    ):
        run(tasks.sleep, Task(lambda: lock, name="locked"), params={"path": path})
    assert not os.path.exists(path)


def test_a_callable_object_and_a_builtin_can_be_tasks():
    import functools

    half = functools.partial(round, 2.5)
    assert run(Task(half, name="half"), Task(os.getcwd)) == {"half": 2, "getcwd": os.getcwd()}


def test_a_module_that_children_cannot_import_is_reported_before_anything_runs(monkeypatch):
    module = type(sys)("made_up")
    exec("def nothing():\n    return 1", vars(module))
    monkeypatch.setitem(sys.modules, "made_up", module)
    with pytest.raises(NotImportableError, match=r"made_up:nothing.*cannot be imported there"):
        run(Task(module.nothing))


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.slow
@pytest.mark.parametrize("member", [tasks.give, tasks.die_once, tasks.stuck_once])
def test_a_run_gives_back_its_descriptors_without_the_garbage_collection(member, path):
    """A program that has switched it off ran out of descriptors after some runs."""
    run(tasks.give)  # from now on, what multiprocessing needs only once is there
    this = psutil.Process()
    before = this.num_fds()
    gc.disable()
    try:
        run(member, params={"path": path} if member is not tasks.give else None)
        wait_until("all is closed", lambda: this.num_fds() <= before)
    finally:
        gc.enable()
