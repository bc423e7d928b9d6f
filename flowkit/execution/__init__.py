"""What one attempt of a task needs, in this process and on a worker alike."""
