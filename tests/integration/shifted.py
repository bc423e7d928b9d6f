"""Runs one of flowkit's programs on a machine whose wall clock is wrong: SECONDS MODULE OPTION…"""

from __future__ import annotations

import runpy
import sys
import time

offset, module = float(sys.argv[1]), sys.argv[2]
right, right_ns = time.time, time.time_ns
time.time = lambda: right() + offset
time.time_ns = lambda: right_ns() + int(offset * 1e9)
sys.argv[:] = [module, *sys.argv[3:]]
runpy.run_module(module, run_name="__main__", alter_sys=True)
