"""Running a DAG in this process: in threads, on an event loop, in child processes.

``run`` carries out the decisions of the core. ``attempts`` makes the attempts, in ``lanes`` or in
``processes``. The other modules store results, write the log and manage timers. Nothing here talks
to Redis.
"""
