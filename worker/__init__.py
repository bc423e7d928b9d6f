"""flowkit-worker: runs user code, never resolves a DAG.

A worker is a parent process that runs no user code and child processes that do. The parent renews
the lease, watches its children, enforces timeouts and stops cancelled attempts. A child claims
attempts in batches, runs them and reports their outcomes. ``daemon`` describes the order of
starting and stopping, and ``child`` the parts of a child.
"""
