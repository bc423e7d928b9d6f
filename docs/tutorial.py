# %% [markdown]
# # Tutorial
#
# This tutorial takes you from a first task to workers on Redis in ten minutes. You need Python 3.11
# or newer and flowkit (`pip install .` in a clone). You need no server, no account and no
# configuration file.
#
# This page is made from a script, [tutorial.py](tutorial.py). Run it, or open it in an editor that
# treats `# %%` as the start of a notebook cell:
#
# ```sh
# python docs/tutorial.py
# ```
#
# The output of each cell is shown below it.

# %%
import asyncio
import logging
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from flowkit import DAG, StateManager, configure_logging, current_attempt, task

configure_logging(level=logging.CRITICAL)  # this page shows results; leave it out to see each event

folder = Path(tempfile.mkdtemp(prefix="flowkit-tutorial-"))

# %% [markdown]
# ## A task is a function
#
# `@task` turns a function into a task. Calling the task calls the function immediately, so you can
# try it and test it without a DAG.


# %%
@task
def read_prices() -> dict[str, float]:
    return {"apple": 0.5, "pear": 0.7, "plum": 0.2}


@task
def most_expensive(prices: dict[str, float]) -> str:
    return max(prices, key=lambda name: prices[name])


print(most_expensive({"apple": 0.5, "melon": 3.0}))

# %% [markdown]
# ## Edges make a DAG
#
# `a >> b` means that `b` runs after `a` and receives its result. Edges drawn inside a `with DAG(…)`
# block belong to that DAG. `run()` returns a dict with the result of each task.


# %%
@task
def count(prices: dict[str, float]) -> int:
    return len(prices)


@task
def headline(fruit: str, number: int) -> str:
    return f"{fruit} leads a list of {number}"


with DAG("prices") as prices:
    read_prices >> [most_expensive, count] >> headline

results = prices.run()
print(results["headline"])
print(sorted(results))

# %% [markdown]
# `headline` has two upstream tasks, so it receives two arguments, in the order in which you drew
# the edges. `most_expensive` and `count` do not depend on each other, so they run at the same
# time. To say only that a task comes after another one, without its result, write
# `headline.after(count)` ([arguments and order](howto/arguments.md)).
#
# flowkit checks a DAG before it runs anything. In this one, a task waits for itself:

# %%
with DAG("circle") as circle:
    read_prices >> count >> headline >> headline

try:
    circle.run()
except Exception as error:
    print(f"{type(error).__name__}: {error}")

# %% [markdown]
# ## Parameters of a run
#
# An argument that no edge fills is a parameter of the run. If it has no default, you must pass it.
# A parameter that no task takes is an error.


# %%
@task
def discount(prices: dict[str, float], percent: int = 10) -> dict[str, float]:
    return {name: round(price * (100 - percent) / 100, 2) for name, price in prices.items()}


with DAG("sale") as sale:
    read_prices >> discount

print(sale.run()["discount"])
print(sale.run(params={"percent": 50})["discount"])

try:
    sale.run(params={"per_cent": 50})
except Exception as error:
    print(f"{type(error).__name__}: {error}")

# %% [markdown]
# ## Retries
#
# A task that uses the network fails now and then. `retries=3` allows three more attempts, after
# `delay`, `delay * backoff`, … seconds. `retry_on` names the exceptions that are worth a retry.
# Inside a task, `current_attempt()` returns the number of the attempt, among other things.


# %%
@task(retries=3, delay=0.05, retry_on=ConnectionError)
def fetch() -> str:
    attempt = current_attempt().attempt
    if attempt < 3:
        raise ConnectionError("the line is busy")
    return f"fetched in attempt {attempt}"


with DAG("patient") as patient:
    patient.add(fetch)  # a task without an edge

print(patient.run())

# %% [markdown]
# [More about retries](howto/retries.md).
#
# ## Conditions
#
# `when` is called with the upstream result and decides whether the task runs. A skipped task has no
# entry in the results. Tasks downstream of it receive `None` in its place, so branches can join
# again.


# %%
@task
def order(amount: int = 100) -> int:
    return amount


@task(when=lambda amount: amount <= 500)
def approve(amount: int) -> str:
    return "approved by rule"


@task(when=lambda amount: amount > 500)
def ask_manager(amount: int) -> str:
    return "approved by the manager"


@task
def notify(by_rule: str | None, by_manager: str | None) -> str:
    return by_rule or by_manager or "no decision"


with DAG("approval") as approval:
    order >> [approve, ask_manager] >> notify

print(approval.run())
print(approval.run(params={"amount": 900})["notify"])

# %% [markdown]
# [More about conditions](howto/conditions.md).
#
# ## Fan-out and fan-in
#
# `bind` makes another task from the same function, with its own name and arguments. A task that
# takes `*parts` receives one result for each incoming edge.


# %%
@task
def squares(part: int) -> int:
    return sum(number * number for number in range(part * 1000, (part + 1) * 1000))


@task
def add_up(*parts: int) -> int:
    return sum(parts)


with DAG("wide") as wide:
    [squares.bind(f"squares_{part}", part=part) for part in range(8)] >> add_up

print(len(wide.tasks), "tasks:", wide.run()["add_up"])

# %% [markdown]
# [More about fan-in](howto/fan-in.md).
#
# ## One task for each item
#
# Often you know only in the run how many tasks you need: a task lists files, and each file needs a
# task. `map()` makes one task for each element of the upstream result. The task behind it gets the
# list of their results, in the order of the elements.


# %%
@task
def list_files(day: str = "monday") -> list[str]:
    return [f"{day}-{part}.csv" for part in ("north", "south", "west")]


@task
def count_rows(name: str) -> int:
    if name.endswith("west.csv"):
        raise ValueError(f"{name} has no header")
    return 10 * len(name)


@task
def total(rows: list[int | None]) -> int:
    return sum(number for number in rows if number is not None)


with DAG("files") as files:
    list_files >> count_rows.map(failures="collect", label="{}") >> total

results = files.run()
print(results["count_rows"], results["total"])

# %% [markdown]
# The items are tasks like any other: each has its own retries, timeout and logs. They are called
# `count_rows[0]`, `count_rows[1]`, …, and `label` says what people see beside the number. Without
# `failures="collect"`, the first item that fails for good ends the run. With it, the run continues
# with None in its place.
#
# A map behind a map works item by item: `check[7]` starts as soon as `read[7]` is over. With
# `flatten=True`, it has an item for each element of the lists that the items returned.


# %%
@task
def list_folders() -> list[str]:
    return ["fruit", "nuts"]


@task
def list_folder(folder: str) -> list[str]:
    return {"fruit": ["apple", "pear", "plum"], "nuts": ["hazel"]}[folder]


@task
def weigh(name: str) -> int:
    return len(name)


with DAG("shelf") as shelf:
    list_folders >> list_folder.map() >> weigh.map(flatten=True)

print(shelf.run()["weigh"])

# %% [markdown]
# [More about map](howto/map.md).
#
# ## A task that comes again
#
# A task that waits for something outside returns `again(…)`. Its attempt ends, and it starts again
# after the delay. Meanwhile it occupies no worker. `memory` takes a value to the next time.

# %%
from flowkit import Again, again


@task
def wait_for_rows() -> int | Again:
    seen: int = current_attempt().memory or 0
    seen += 4  # stands for a question to a database
    if seen < 10:
        return again(0.1, memory=seen, times=20)
    return seen


with DAG("polling") as polling:
    polling.add(wait_for_rows)

print(polling.run())

# %% [markdown]
# [More about polling](howto/polling.md).
#
# ## DAGs inside DAGs
#
# A task may return a call of another DAG, or a list of calls. Then a run of that DAG starts, and
# its result becomes the result of the task. `as_task` makes such a task.


# %%
@task
def days() -> list[str]:
    return ["monday", "tuesday"]


@task
def one_day(day: str) -> Any:
    return files.call(params={"day": day}, result="total")


with DAG("week") as week:
    days >> one_day.map()

print(week.run()["one_day"])

# %% [markdown]
# [More about sub-flows](howto/sub-flows.md).
#
# ## Async tasks
#
# An `async def` function is a task like any other. Async tasks run concurrently on one event loop,
# while other tasks run in threads.


# %%
@task
async def ask(server: str) -> str:
    await asyncio.sleep(0.1)
    return f"{server} is up"


with DAG("servers") as servers:
    for name in ("north", "south", "west"):
        servers.add(ask.bind(f"ask_{name}", server=name))

print(servers.run())

# %% [markdown]
# ## When a task fails
#
# When a task has failed and has no retries left, the run ends. `run()` raises the exception of the
# task, with a note that names the task.

# %%
database_is_up = False


@task
def load(fruit: str) -> str:
    if not database_is_up:
        raise OSError("the database is down")
    return f"loaded {fruit}"


with DAG("nightly") as nightly:
    read_prices >> most_expensive >> load

try:
    nightly.run()
except OSError as error:
    print(repr(error))
    print(error.__notes__[0])

# %% [markdown]
# ## Resuming a run
#
# A `StateManager` stores each result as soon as its task succeeds. After you have fixed the
# problem, `resume=True` runs only the remaining tasks.

# %%
state = StateManager(folder / "nightly.json")
try:
    nightly.run(state=state)
except OSError:
    print("kept:", sorted(state.get_all()))

database_is_up = True
print(nightly.run(state=state, resume=True)["load"])

# %% [markdown]
# [More about state](howto/state.md).
#
# ## Drawing it
#
# You can draw a DAG as text, Mermaid, Graphviz or SVG. A notebook shows the drawing when a cell
# ends with a DAG.

# %%
print(approval.visualize())
(folder / "approval.svg").write_text(approval.to_svg(), encoding="utf-8")

# %% [markdown]
# [More about drawing](howto/drawing.md).
#
# ## The same DAG on workers
#
# Workers are processes, on this machine or on others. They must be able to import your functions,
# so the tasks must be in a module, not in the script that you run. That is the only change:

# %%
module = """
from flowkit import DAG, task

@task
def squares(part: int) -> int:
    return sum(number * number for number in range(part * 1000, (part + 1) * 1000))

@task
def add_up(*parts: int) -> int:
    return sum(parts)

with DAG("wide") as dag:
    [squares.bind(f"squares_{part}", part=part) for part in range(8)] >> add_up
"""
app = folder / "tutorial_squares.py"
app.write_text(module, encoding="utf-8")

sys.path.insert(0, str(folder))
tutorial_squares: Any = import_module("tutorial_squares")
print(tutorial_squares.dag.run()["add_up"])

# %% [markdown]
# `LocalSystem` starts a complete system on this machine, with a scheduler and, here, a worker with
# two processes. These are the same programs as in production. Only the store differs: it is in
# memory instead of in Redis.

# %%
from flowkit.system import LocalSystem

with LocalSystem(str(app), processes=2) as system:
    results = tutorial_squares.dag.run(executor="redis", redis=system.url, timeout=30)
    print(results["add_up"])

    run = tutorial_squares.dag.submit(redis=system.url, run_id="squares-of-today")
    print(run, run.wait(timeout=30))
    print(run.result("squares_7"), run.status().counts)

# %% [markdown]
# `submit` returns immediately, and the run continues whether or not you wait for it. If you submit
# the same `run_id` again, you get the same run, and nothing runs twice.
#
# ## On Redis
#
# With a real Redis, you start the scheduler and the workers yourself, on as many machines as you
# like. Save the module above as `tutorial_squares.py`. In its folder, run each of these commands in
# its own terminal:
#
# ```sh
# flowkit-scheduler --redis redis://localhost:6379
# flowkit-worker --app tutorial_squares.py --redis redis://localhost:6379
# ```
#
# Then pass this URL instead of `system.url`, or set `FLOWKIT_REDIS_URL` and pass no URL. You can
# also submit the same DAG from the command line:
#
# ```sh
# flowkit submit tutorial_squares.py --wait --redis redis://localhost:6379
# ```
#
# [Moving to Redis](howto/moving-to-redis.md) explains this step by step.
# [Guarantees](guarantees.md) says what happens when a process or a machine fails.
