"""One vocabulary of what happens to runs, tasks, attempts, workers and schedulers.

Each event is a class: its name, its level, its fields, and the message of its line. The in-process
runner, the workers and the scheduler create the same events, and hand them to a ``Listener``. They
do not know what listens. Today that is the log (``flowkit.logging.event_log``).

Each program chooses its listener in one place: ``local/environment.py``, ``worker/child.py``,
``worker/daemon.py`` and ``scheduler/daemon.py``. To add another, choose a listener there that
passes each event on to both.

- ``runs.py``: events of runs.
- ``tasks.py``: events of tasks: how their attempts begin and end.
- ``attempts.py``: events of attempts that end in another way.
- ``workers.py``: events of workers and their processes.
- ``schedulers.py``: events of schedulers.
- ``redis.py``: events of the Redis that they use.
- ``programs.py``: events of the program: its settings, DAGs and stores of state.
- ``lines.py``: names of the lines that are no events: output and log records of tasks.
- ``warn_once.py``: a listener for events that come before a log is set up.
"""
