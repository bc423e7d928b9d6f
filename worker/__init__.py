"""flowkit-worker: runs user code, never resolves a DAG.

A parent that runs no user code, and children that do. The parent keeps the lease, watches its
children, enforces timeouts from outside and stops what was cancelled; a child claims attempts in
batches, runs them and reports. See ``daemon`` for the order of starting and stopping, ``child``
for what a child is made of.
"""
