"""flowkit-scheduler: resolves DAGs, never runs user code.

One duty, one class, one file: ``leader`` keeps the lease, ``resolver`` turns events into commands,
``promoter`` queues what is due, ``reaper`` takes back what dead workers held, ``janitor`` forgets
expired runs and finds lost hints. ``daemon`` starts and stops them.
"""
