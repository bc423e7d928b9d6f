# %% [markdown]
# # Tutorial
#
# From a first task to workers on Redis, in ten minutes. You need Python 3.11 or newer and flowkit
# (`pip install .` in a clone), nothing else: no server, no account, no configuration file.
#
# This page is a script, [tutorial.py](tutorial.py). Run it, or open it in an editor that takes
# `# %%` for the cells of a notebook:
#
# ```sh
# python docs/tutorial.py
# ```
#
# Below each cell stands what it prints.

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
# `@task` makes a task of a function. Calling the task calls the function, here and now, so that you
# can try and test it alone.


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
# `a >> b` says: first `a`, then `b`, and `b` gets the result of `a`. The edges that you draw in a
# `with DAG(…)` block belong to that DAG. `run()` gives the result of each task.


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
# `headline` has two upstream tasks, so it gets two arguments, in the order in which the edges were
# drawn. `most_expensive` and `count` do not need each other: they run at the same time.
#
# What cannot work is refused before anything runs. Here, a circle:

# %%
with DAG("circle") as circle:
    read_prices >> count >> headline >> count

try:
    circle.run()
except Exception as error:
    print(f"{type(error).__name__}: {error}")

# %% [markdown]
# ## Parameters of a run
#
# An argument that no edge fills is a parameter of the run. It has a default, or has to be given. A
# name that no task takes is refused.


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
# A task that talks to the world fails now and then. `retries=3` allows three more attempts, after
# `delay`, `delay * backoff`, … seconds. `retry_on` names the errors that are worth it.
# `current_attempt()` tells a task which attempt it is.


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
# `when` asks the upstream result whether the task should run. A skipped task is absent from the
# results, and the tasks below it get `None` in its place: that is how branches meet again.


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
    return by_rule or by_manager or "nobody decided"


with DAG("approval") as approval:
    order >> [approve, ask_manager] >> notify

print(approval.run())
print(approval.run(params={"amount": 900})["notify"])

# %% [markdown]
# [More about conditions](howto/conditions.md).
#
# ## Fan-out and fan-in
#
# `bind` makes another task of the same function, with a name and arguments of its own. A task that
# takes `*parts` gets as many results as there are edges to it.


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
# ## Async tasks
#
# An `async def` function is a task like any other. Async tasks run concurrently on one event loop,
# beside the plain ones, which run in threads.


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
# The first task that fails for good ends the run, and `run()` raises its own exception, with a note
# that says whose it is.

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
# ## Taking a run up again
#
# With a `StateManager`, each result is kept as it comes. After you have mended what was broken,
# `resume=True` runs only the rest.

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
# A DAG draws itself as text, Mermaid, Graphviz or SVG. In a notebook, a DAG at the end of a cell is
# shown as its drawing.

# %%
print(approval.visualize())
(folder / "approval.svg").write_text(approval.to_svg(), encoding="utf-8")

# %% [markdown]
# [More about drawing](howto/drawing.md).
#
# ## The same DAG on workers
#
# Workers are processes, here or on other machines. They have to find your functions, so the tasks
# stand in a module and not in the script that is running. That is the only change:

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
# `LocalSystem` starts a whole system on this machine: a scheduler and a worker with two processes,
# as in production. Only the store is in memory, in place of Redis.

# %%
from flowkit.system import LocalSystem

with LocalSystem(str(app), processes=2) as system:
    results = tutorial_squares.dag.run(executor="redis", redis=system.url, timeout=30)
    print(results["add_up"])

    run = tutorial_squares.dag.submit(redis=system.url, run_id="squares-of-today")
    print(run, run.wait(timeout=30))
    print(run.result("squares_7"), run.status().counts)

# %% [markdown]
# `submit` returns at once, and the run goes on whether anybody waits or not. The same `run_id`
# again is the same run: nothing is run twice.
#
# ## On Redis
#
# With a real Redis you start scheduler and workers yourself, once, on as many machines as you like:
#
# ```sh
# flowkit-scheduler --redis redis://localhost:6379
# flowkit-worker --app tutorial_squares.py --redis redis://localhost:6379
# ```
#
# Then give that URL in place of `system.url`, or set `FLOWKIT_REDIS_URL` and leave it out. The
# command line submits the same DAG without any further Python of yours:
#
# ```sh
# flowkit submit tutorial_squares.py --wait --redis redis://localhost:6379
# ```
#
# [Moving to Redis](howto/moving-to-redis.md) goes through it step by step, and
# [what flowkit promises](guarantees.md) says what happens when something dies.
