"""What a child says of the version of its app, and where a retry of a pinned run waits."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from bench import LANE, FakeInputs, claim_of, dag_of

from flowkit import task
from flowkit.exceptions import StoreError
from flowkit.logging import FlowkitLogger
from flowkit.logging.event_log import EventLog
from flowkit.protocol.app_functions import app_id, function_id, pinned_id
from flowkit.protocol.keys import of_function
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.records import ErrorInfo
from flowkit.worker.app_versions import LoadedApp
from flowkit.worker.execution_slots import ExecutionSlots
from flowkit.worker.executor import Executor
from flowkit.worker.prepared import Prepared


def executor_of(inputs: FakeInputs, version: str) -> Executor:
    log = EventLog(FlowkitLogger("flowkit.test", "ERROR"), on_worker=True)
    return Executor(inputs, log, LANE, "app", 10_000, version=version, random_unit=lambda: 0.5)  # type: ignore[arg-type]


def test_an_app_is_named_by_its_functions_and_its_version() -> None:
    app = LoadedApp.of(["app:f", "app:g"], "v1")
    assert app.functions == {function_id("app:f"), function_id("app:g")}
    assert app.pinned == {pinned_id("app:f", "v1"), pinned_id("app:g", "v1")}
    assert app.id == app_id(app.functions | app.pinned)
    assert app.id != LoadedApp.of(["app:f", "app:g"], "v2").id


def test_without_a_given_version_it_is_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowkit.worker.app_versions.code_of_app", lambda: "0123456789ab")
    assert LoadedApp.of(["app:f"], "").version == "0123456789ab"


def test_a_child_tells_its_parent_through_its_slots() -> None:
    slots = ExecutionSlots(2)
    assert (slots.app, slots.app_version) == ("", "")
    for version in ("v" * 64, "v1", ""):
        slots.record_app("a" * 16, version)
        assert (slots.app, slots.app_version) == ("a" * 16, version)
    slots._memory[-64:] = b"\n" * 64  # the user's code may write there
    assert slots.app_version == ""


def test_a_retry_of_a_pinned_run_waits_for_its_version_too() -> None:
    @task(retries=2, timeout=5)
    def fails() -> None:
        raise ValueError("no")

    plain = dag_of(fails)
    for dag in (plain, replace(plain, pinned="v1")):
        executor = executor_of(FakeInputs(dag), "v1")
        prepared = executor.prepare(claim_of())
        assert isinstance(prepared, Prepared)
        outcome = executor.raised(prepared, ValueError("no"))
        function = pinned_id(dag.refs[0], "v1")
        where = of_function("default", function) if dag.pinned else "default"
        assert outcome.retry is not None
        assert outcome.retry.ready_list == where
        assert Outcome.decode("r1", outcome.token).retry == outcome.retry
        slots = ExecutionSlots(1)
        slots.enter(0, executor.slot_text(prepared), 1.0)
        (item,) = slots.executing()
        assert item.outcome is not None
        assert item.outcome.retry == outcome.retry


class _Store(SimpleNamespace):
    submitted: str | Exception

    def read_submitted_version(self, run: str) -> str:
        if isinstance(self.submitted, Exception):
            raise self.submitted
        return self.submitted


def message(submitted: str | Exception, *, ours: str = "v2", call: bool = True) -> str:
    @task
    def takes(number: int) -> int:
        raise TypeError("mine")

    inputs = FakeInputs(dag_of(takes))
    inputs.store = _Store(submitted=submitted)
    executor = executor_of(inputs, ours)
    prepared = executor.prepare(claim_of())
    assert isinstance(prepared, Prepared)
    kwargs: dict[str, Any] = {} if call else {"number": 1}
    try:
        takes.func(**kwargs)
    except TypeError as error:
        trace = error.__traceback__
        assert trace is not None
        outcome = executor.raised(prepared, error.with_traceback(trace.tb_next))
        return ErrorInfo.unpack(outcome.payload).message
    raise AssertionError("it took wrong arguments")


def test_wrong_arguments_name_the_versions_if_they_differ() -> None:
    text = "The run was submitted with version v1 of the code, and this worker has version v2."
    assert text in message("v1")
    for same in ("v2", "", StoreError("gone")):
        assert "version" not in message(same)
    assert "version" not in message("v1", ours="")


def test_a_type_error_of_the_task_itself_names_none() -> None:
    assert message("v1", call=False) == "mine"
