"""A plugin for pytest: Hypothesis stops at the first failure that it finds.

A mutation is killed by any failure. To look for the smallest one, as for a person, takes a minute.
"""

from __future__ import annotations

from hypothesis import Phase, settings

settings.register_profile("no_shrinking", phases=[Phase.explicit, Phase.generate])
settings.load_profile("no_shrinking")
