"""Running a DAG in this process: in threads, on an event loop, in child processes.

``run`` carries out what the core decides; ``attempts`` makes the attempts, in ``lanes`` or in
``processes``; the others are what a run keeps, tells and waits for. Nothing here talks to Redis.
"""
