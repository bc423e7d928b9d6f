"""How large anything that is read from Redis may be, in one place.

What flowkit writes stays within these limits, and what exceeds them was not written by flowkit.
``lua/_lib/border.lua`` has the same numbers for the scripts; a test compares the two.
"""

from __future__ import annotations

# -- numbers and ids ------------------------------------------------------------------------------

TASK_DIGITS = 7  # of a task's number
ATTEMPT_DIGITS = 9  # of an attempt's number, and of a count of deaths
TIME_DIGITS = 15  # of a time or a duration in ms
MAX_RUN_ID = 128  # characters
MAX_LANE = 80  # characters: a worker id, a dot, the number of a child
MAX_SPENT = 64  # characters of the field of a record that says what a task has spent
MAX_QUEUE = 64  # characters of a queue; a ready list is one, with "~async" for async lanes
MAX_LEVELS = 11  # levels of a ready list: ten priorities and that of suspects

# -- events and workers ---------------------------------------------------------------------------

MAX_EVENT_BYTES = 32 * 1024  # one fact: a run and the tasks of it that ended in one batch
MAX_ABOUT_BYTES = 64 * 1024  # what a worker says of itself
MAX_LANES = 4000  # of one worker: two for each child that lives or has just died

# -- replies --------------------------------------------------------------------------------------

# Of one reply, where no values are read. The largest honest one names the 10,000 queued tasks of
# each of hundreds of runs. Where values are read, the largest of them comes on top.
MAX_REPLY_BYTES = 128 * 1024 * 1024

# Of one message of a run's feed: how many of its tasks are in each state.
MAX_MESSAGE_BYTES = 64 * 1024

# -- graphs ---------------------------------------------------------------------------------------

MAX_TASKS = 2_000_000  # of one DAG
MAX_EDGES = 10_000_000
MAX_GRAPH_BYTES = 256 * 1024 * 1024  # of a graph, when it is not compressed
MAX_REF = 1000  # characters of a function's reference

# -- what clients show ----------------------------------------------------------------------------

MAX_TIME_MS = 253_370_764_800_000  # the year 9999 begins: no calendar of Python's goes further
MAX_COUNTS_BYTES = 512  # how many tasks of a run are in each state, as text
MAX_RUN_FIELD_BYTES = 1000  # of a field of a run's record, the parameters apart
MAX_ERROR_BYTES = 128 * 1024  # what is kept of a failed attempt: 20,200 characters at most
MAX_ABOUT_TEXT = 4096  # characters of a text in what a worker says of itself
MAX_QUEUES = 1000  # that one worker serves
MAX_WORKERS = 10_000  # that are listed
MAX_DEAD = 10_000  # entries of the list of tasks that failed for good

# -- values: what `unpack` accepts ----------------------------------------------------------------

# Packed size in bytes. Callers may set their own.
DEFAULT_MAX_BYTES = 64 * 1024 * 1024

# Levels of containers: every walk over a value stays far away from the end of the stack.
MAX_DEPTH = 100

# Characters of "module:qualname". Honest names have fewer than 200.
MAX_CLASS_NAME = 1_000

# Characters of a time zone's key. The longest one of the IANA database has 32.
MAX_ZONE_KEY = 100

# Bytes of a path's text. Linux takes 4,096 and Windows 32,767 characters. pathlib makes an object
# per part and never frees some of them: a path of 64 MiB would need gigabytes.
MAX_PATH_BYTES = 64 * 1024

# Dimensions of an array: numpy 2 has no more, and a product of millions of lengths takes minutes.
MAX_DIMENSIONS = 64

# Elements of an empty array apart from its dimensions of length zero. It takes no memory itself,
# but a sum over an axis of length zero makes an array of the others.
MAX_EMPTY_SHAPE = 2**31

# Characters of a pandas frequency: its regular expression is quadratic. Honest ones have 20.
MAX_FREQUENCY = 40

# Up to this many plain keys (numbers, text, bytes) a table is built without a look at their
# hashes: at worst it takes 2,000 comparisons.
FEW_KEYS = 64

# Comparisons of keys with equal hashes per key, on average, when a set or a dictionary is built.
# Honest keys collide in twos and fours (-1 and -2 have one hash, and so have tuples of them).
MAX_COMPARISONS_PER_KEY = 32

# Bits of an integer per step of its conversion to a Decimal, which a comparison of the two needs
# and which is quadratic.
LONG_INT_BITS = 256

# Keys that are inserted between two looks at the clock of processor time, and what a key may take
# on top of four times the hashing, in nanoseconds. Honest keys take 30 to 300.
KEYS_PER_LOOK = 2_048
MAX_NS_PER_KEY = 3_000
KEYS_SLACK_NS = 100_000_000

# Characters of the message of a BrokenValue, which may quote what it read.
MAX_FAULT = 1_000

# -- signatures -----------------------------------------------------------------------------------

MAX_SIGNATURES = 4  # of one value: flowkit writes two at most
