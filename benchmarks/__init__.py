"""What flowkit costs, measured: ``python -m benchmarks`` in the root of the source tree.

``app`` has the tasks, ``daemons`` and ``system`` start the system, ``workloads`` measures it,
``metrics`` defines each figure and its floor, ``report`` prints.

``python -m benchmarks.inprocess`` compares one process with other libraries: ``contest`` defines
the rows, ``beside`` has a program for each library, ``venvs`` installs each library separately.

``python -m benchmarks.peers`` compares a system with other systems: the folder ``peers``.
"""
