"""What the scheduler and the worker share: outages, exposure, health."""
