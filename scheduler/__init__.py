"""flowkit-scheduler resolves DAGs. It never runs user code.

One duty, one class, one file: ``leader`` keeps the lease, ``resolver`` turns events into commands,
``promoter`` queues what is due, ``reaper`` takes back the work of dead workers, ``janitor`` deletes
expired runs and repairs queues. ``daemon`` starts and stops them.
"""
