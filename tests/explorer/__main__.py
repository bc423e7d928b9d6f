"""The search by hand: ``python -m tests.explorer --faults 2 --cancels 1``."""

from __future__ import annotations

import argparse
import sys

from flowkit.scheduler.serving import SMALL

from .cause_watch import CauseWatch
from .explore import Report, Search
from .setups import EDGES, KINDS, setup


def main() -> int:
    """Search as the options say; return 1 if something is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.explorer", description=__doc__)
    parser.add_argument("--tasks", default="diamond", choices=list(EDGES))
    for name in ("faults", "failures", "retries", "cancels", "resumes", "hastens", "agains"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--batch", type=int, default=1, help="attempts that a lane claims at once")
    parser.add_argument("--pairs", type=int, default=2, help="schedulers, and workers")
    parser.add_argument("--kinds", default=",".join(sorted(KINDS)), help="of faults")
    parser.add_argument("--named", default="", help="task numbers to resume from")
    parser.add_argument("--small", type=int, default=SMALL, help="tasks without turns; 0: turns")
    parser.add_argument("--others", default="", help="tasks with a function of their own")
    parser.add_argument("--apps", default="", help="functions of each worker's app, as in 1,2")
    parser.add_argument("--versions", default="", help="version of each worker's app, as in 1,2")
    parser.add_argument("--cold", action="store_true", help="nobody leads or works yet")
    parser.add_argument("--clock", action="store_true", help="time passes until a retry is due")
    parser.add_argument("--causes", action="store_true", help="prove what `flowkit why` says too")
    parser.add_argument("--most", type=int, default=10_000_000, help="states")
    options = vars(parser.parse_args())
    most = options.pop("most")
    options["kinds"] = frozenset(options["kinds"].split(","))
    options["apps"] = tuple(int(word) for word in options["apps"].split(",") if word)
    options["versions"] = tuple(word for word in options["versions"].split(",") if word)
    causes, which = options.pop("causes"), setup(**options)
    watch = CauseWatch(which) if causes else None
    report = Search(which, most=most, progress=_tell, watcher=watch).run()
    print(report)
    for kind, number in sorted(watch.seen.items()) if watch else ():
        print(f"{number:9,}  {kind.value}")
    if not report.wrong:
        return 0
    print(f"\nBROKEN: {report.wrong}")
    for number, line in enumerate(report.trace, 1):
        print(f"{number:4}  {line}")
    return 1


def _tell(report: Report) -> None:
    print(report, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
