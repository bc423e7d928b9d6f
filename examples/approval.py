"""Conditional approval: one of two branches runs, and the branches meet again.

Shows `when=`: a predicate on the upstream result decides whether a task runs. A skipped task has
no entry in the results. Tasks downstream of it still run, with None in place of its result.

              ┌─▶ approve_at_once  (small sums) ─┐
    request ──┼─▶ ask_manager      (others) ─────┼─▶ notify
              └──────────────────────────────────┘

    flowkit run examples/approval.py
    python examples/approval.py

Run parameter: `amount`, in whole euros (default 250). Up to 1,000, `notify` returns
"250 EUR: approved by rule". Up to 5,000, it returns "… EUR: approved by the manager". Above that,
it returns "… EUR: refused by the manager".
"""

from __future__ import annotations

from typing import Any

from flowkit import DAG, task

LIMIT = 1_000
BUDGET = 5_000


def is_small(request: dict[str, Any]) -> bool:
    """Return whether the amount needs no approval by the manager."""
    return bool(request["amount"] <= LIMIT)


def needs_manager(request: dict[str, Any]) -> bool:
    """Return whether the manager must approve. If so, the other branch is skipped."""
    return not is_small(request)


@task()
def request(amount: int = 250) -> dict[str, Any]:
    """Accept the request if its amount is positive."""
    if amount <= 0:
        raise ValueError(f"amount: {amount} euros cannot be paid out. Give a number above 0.")
    return {"amount": amount}


@task(when=is_small)
def approve_at_once(request: dict[str, Any]) -> str:
    """Approve a small amount."""
    return "approved by rule"


@task(when=needs_manager)
def ask_manager(request: dict[str, Any]) -> str:
    """Ask the manager, who follows a simple rule here."""
    verdict = "approved" if request["amount"] <= BUDGET else "refused"
    return f"{verdict} by the manager"


@task()
def notify(by_rule: str | None, by_manager: str | None, request: dict[str, Any]) -> str:
    """Report the outcome. Exactly one of the two verdicts is not None."""
    return f"{request['amount']} EUR: {by_rule or by_manager}"


with DAG("approval") as dag:
    request >> [approve_at_once, ask_manager] >> notify
    request >> notify


if __name__ == "__main__":
    for amount in (250, 2_500, 25_000):
        print(dag.run(params={"amount": amount})["notify"])
