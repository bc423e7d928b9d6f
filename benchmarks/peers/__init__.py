"""flowkit beside its peers on one redis-server: ``python -m benchmarks.peers``.

``catalogue`` says who they are and what they are given, ``figures`` what is measured, ``session``
talks to the client of a peer, ``visit`` measures one peer once, ``tables`` and ``chart`` show what
came of it. ``adapters`` is all that a peer's processes see of the tree.
"""
