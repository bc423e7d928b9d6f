"""What flowkit costs, measured: ``python -m benchmarks`` in the root of the source tree.

``app`` has the tasks, ``daemons`` and ``system`` start what is measured, ``workloads`` measures it,
``metrics`` says what each figure means and which floor it is held to, ``report`` prints.

``python -m benchmarks.inprocess`` compares one process with other libraries: ``contest`` says what
is compared, ``beside`` has a program for each library, ``venvs`` installs them apart.

``python -m benchmarks.peers`` compares a system with other systems: the folder ``peers``.
"""
