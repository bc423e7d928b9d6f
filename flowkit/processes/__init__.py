"""Starting, restarting and ending processes, and naming how they ended."""
