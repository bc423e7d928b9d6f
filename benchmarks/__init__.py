"""What flowkit costs, measured: ``python -m benchmarks`` in the root of the source tree.

``app`` has the tasks, ``system`` starts what is measured, ``workloads`` measures it, ``metrics``
says what each figure means and which floor it is held to, ``report`` prints.
"""
