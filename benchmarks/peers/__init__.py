"""flowkit compared with its peers on one redis-server: ``python -m benchmarks.peers``.

``catalogue`` has the peers and their settings, ``figures`` the workloads and figures. ``session``
talks to the client of a peer, ``visit`` measures one peer once, ``tables`` and ``chart`` show the
results. A peer's processes see nothing of the tree but ``adapters``.
"""
