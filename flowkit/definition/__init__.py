"""What a user writes: tasks, their options, edges, hooks and DAGs, and the checks of them.

Nothing here runs a task or talks to Redis.
"""
