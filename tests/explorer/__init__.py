"""An exhaustive explorer of the Redis protocol: every order of every call of a small system.

``model`` and ``scripts`` are the keys and the Lua scripts as plain values and functions. ``state``
describes a system, ``schedulers``, ``workers`` and ``system`` the processes that call the scripts.
``safety`` says what must hold, and ``explore`` is the search. ``conformance`` compares the model
with the real scripts. ``python -m tests.explorer`` searches by hand; docs/reliability.md says what
is covered.
"""
