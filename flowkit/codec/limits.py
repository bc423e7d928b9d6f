"""What ``unpack`` accepts at most. What flowkit packs stays within these limits."""

from __future__ import annotations

# Packed size in bytes. Callers may set their own.
DEFAULT_MAX_BYTES = 64 * 1024 * 1024

# Levels of containers, so that recursion over a value stays far from the limit of the stack.
MAX_DEPTH = 100

# Characters of "module:qualname". Honest names have fewer than 200.
MAX_CLASS_NAME = 1_000

# Characters of a time zone's key. The longest one of the IANA database has 32.
MAX_ZONE_KEY = 100

# Bytes of the text of a path. Linux allows 4,096 and Windows 32,767 characters. pathlib creates an
# object per part and never frees some of them: a path of 64 MiB would need gigabytes.
MAX_PATH_BYTES = 64 * 1024

# Dimensions of an array, the limit of numpy 2. A product of millions of lengths takes minutes.
MAX_DIMENSIONS = 64

# Elements of an empty array without its dimensions of length zero. The array itself takes no
# memory, but a sum over an axis of length zero creates an array of the other dimensions.
MAX_EMPTY_SHAPE = 2**31

# Bytes of a structured array for each byte of its fields. Aligned layouts have less than eight.
MAX_PADDING = 16

# Values of a category or of a level of a MultiIndex, unless they are text or in order. pandas
# hashes the others, with a predictable hash: 10,000 keys that collide take a tenth of a second.
MAX_UNORDERED_LABELS = 10_000

# Characters of a pandas frequency: its regular expression is quadratic. Honest ones have 20.
MAX_FREQUENCY = 40

# Up to this many plain keys (numbers, text, bytes), a table is built without checking their hashes:
# at worst it takes 2,000 comparisons.
FEW_KEYS = 64

# Comparisons of keys with equal hashes per key, on average, when a set or a dictionary is built.
# Honest keys collide in twos and fours (-1 and -2 have the same hash, and so do tuples of them).
MAX_COMPARISONS_PER_KEY = 32

# Bits of an integer per step of its conversion to a Decimal. A comparison of the two needs this
# conversion, which is quadratic.
LONG_INT_BITS = 256

# Keys that are inserted between two checks of the processor time, and the time that a key may take
# in addition to four times the hashing, in nanoseconds. Honest keys take 30 to 300.
KEYS_PER_LOOK = 2_048
MAX_NS_PER_KEY = 3_000
KEYS_SLACK_NS = 100_000_000

# Characters of the message of a BrokenValue, which may quote what it read.
MAX_FAULT = 1_000

# -- signatures -----------------------------------------------------------------------------------

MAX_SIGNATURES = 4  # of one value: flowkit writes two at most
