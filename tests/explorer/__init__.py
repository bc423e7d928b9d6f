"""An exhaustive explorer of the Redis protocol: every order of every call of a small system.

``model`` and ``scripts`` are the keys and the Lua scripts as plain values and functions, ``roles``
and ``system`` the processes that call them, ``safety`` what must hold, ``explore`` the search.
``conformance`` compares the model with the real scripts. ``python -m tests.explorer`` searches by
hand; docs/reliability.md says what is covered.
"""
