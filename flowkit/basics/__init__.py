"""Small things that every part may use. They know nothing of tasks, runs or Redis."""
