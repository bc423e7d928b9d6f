"""The maximum sizes of all data that is read from Redis.

flowkit writes only data within these limits, so data beyond them was not written by flowkit.
``lua/_lib/border.lua`` has the same numbers for the scripts; a test compares the two.
"""

from __future__ import annotations

# -- numbers and ids ------------------------------------------------------------------------------

TASK_DIGITS = 7  # of a task's number
ATTEMPT_DIGITS = 9  # of an attempt's number, and of a count of deaths
TIME_DIGITS = 15  # of a time or a duration in ms
QUEUED_DIGITS = 12  # hexadecimal, of the time in ms when an attempt was queued
MAX_RUN_ID = 128  # characters
MAX_LANE = 80  # characters: a worker id, a dot, the number of a child
MAX_SPENT = 64  # characters of the field `spent` of a record
MAX_QUEUE = 64  # characters of a queue name; a ready list may add "~async"
MAX_LEVELS = 11  # levels of a ready list: ten priorities and that of suspects

# -- items of mapped tasks ------------------------------------------------------------------------

MAX_BLOCK = 512  # elements in one block
MAX_TYPE = 60  # characters of the name of a type that cannot be mapped
MAX_ITEM_LABEL = 200  # characters

# -- facts and workers ----------------------------------------------------------------------------

MAX_FACT_BYTES = 32 * 1024  # one fact: a run and its tasks that ended in one batch
MAX_ABOUT_BYTES = 64 * 1024  # the description of a worker
MAX_FUNCTIONS = 50_000  # ids of the functions of one app; of each, with and without the version
MAX_APPS = 100  # that the children of one worker have loaded
MAX_RATES = 50  # queues whose rate one worker reports
MAX_LANES = 4000  # of one worker: two per child that is live or has just died

# -- replies --------------------------------------------------------------------------------------

# Of one reply without values. The largest honest one names the 10,000 queued tasks of each of
# hundreds of runs. A reply with values may exceed it by the largest value.
MAX_REPLY_BYTES = 128 * 1024 * 1024

# Of one message of a run's feed: the number of tasks in each state.
MAX_MESSAGE_BYTES = 64 * 1024

# -- calls of runs ---------------------------------------------------------------------------------

MAX_CALLS_BYTES = 1024 * 1024  # what is stored of them

# -- graphs ---------------------------------------------------------------------------------------

MAX_TASKS = 2_000_000  # of one DAG
MAX_EDGES = 10_000_000
MAX_GRAPH_BYTES = 256 * 1024 * 1024  # of an uncompressed graph
MAX_REF = 1000  # characters of a function's reference
MAX_TAKES_BYTES = 256 * 1024  # of the run parameters of a DAG, with their signature

# -- what clients show ----------------------------------------------------------------------------

MAX_TIME_MS = 253_370_764_800_000  # the beginning of the year 9999, Python's last one
MAX_CALLER = 400  # characters: who submitted, cancelled or resumed a run
MAX_COUNTS_BYTES = 512  # the number of tasks in each state, as text
MAX_RUN_FIELD_BYTES = 1000  # of a field of a run's record, except the parameters
MAX_ERROR_BYTES = 128 * 1024  # of a stored error, which has at most 20,200 characters
MAX_PROGRESS_BYTES = 1000  # of the progress of one attempt, whose text has 200 characters
MAX_ABOUT_TEXT = 4096  # characters of a text in the description of a worker
MAX_QUEUES = 1000  # that one worker serves
MAX_WORKERS = 10_000  # that are listed
MAX_DEAD = 10_000  # dead letters

# -- logs of tasks --------------------------------------------------------------------------------

MAX_LOG_CHUNK_BYTES = 256 * 1024  # of a chunk of lines; workers write at most 64 KiB
MAX_LOG_LINES = 1_000_000_000  # that one attempt prints
LOG_CHUNKS_READ = 32  # at a time
