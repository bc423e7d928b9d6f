"""Conditional approval: one of two branches runs, and the branches meet again.

Shows `when=`: a predicate on the upstream result decides whether a task runs. A skipped task is
absent from the results, and what lies downstream of it runs all the same, with None in its place.

              ┌─▶ approve_at_once  (small sums) ─┐
    request ──┼─▶ ask_manager      (others) ─────┼─▶ notify
              └──────────────────────────────────┘

    flowkit run examples/approval.py
    python examples/approval.py

Run parameter: `amount`, in whole euros (250). Up to 1,000 `notify` gives
"250 EUR: approved by rule"; up to 5,000 "… EUR: approved by the manager"; above that
"… EUR: refused by the manager".
"""

from __future__ import annotations

from typing import Any

from flowkit import DAG, task

LIMIT = 1_000
BUDGET = 5_000


def is_small(request: dict[str, Any]) -> bool:
    """Tell whether nobody has to be asked."""
    return bool(request["amount"] <= LIMIT)


def needs_manager(request: dict[str, Any]) -> bool:
    """Tell whether the manager has to be asked: exactly when the other branch is skipped."""
    return not is_small(request)


@task()
def request(amount: int = 250) -> dict[str, Any]:
    """Take the request in; refuse what is no sum of money."""
    if amount <= 0:
        raise ValueError(f"amount: {amount} euros cannot be paid out. Give a number above 0.")
    return {"amount": amount}


@task(when=is_small)
def approve_at_once(request: dict[str, Any]) -> str:
    """Approve a small sum."""
    return "approved by rule"


@task(when=needs_manager)
def ask_manager(request: dict[str, Any]) -> str:
    """Ask the manager, who here is a very regular one."""
    verdict = "approved" if request["amount"] <= BUDGET else "refused"
    return f"{verdict} by the manager"


@task()
def notify(by_rule: str | None, by_manager: str | None, request: dict[str, Any]) -> str:
    """Tell the outcome: exactly one of the two verdicts is there."""
    return f"{request['amount']} EUR: {by_rule or by_manager}"


with DAG("approval") as dag:
    request >> [approve_at_once, ask_manager] >> notify
    request >> notify


if __name__ == "__main__":
    for amount in (250, 2_500, 25_000):
        print(dag.run(params={"amount": amount})["notify"])
