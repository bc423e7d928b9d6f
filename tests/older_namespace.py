"""A namespace as an older release left it, byte by byte, when its processes were killed.

Two runs are over, ``good`` and ``bad``. ``middle`` is in the middle: ``held`` is running, what
needs it is pending, all else is done. The one task of ``waiting`` has failed and waits for its
retry. That release knew no triggers and no hooks: its graphs say less of a task than today's.

It is not to be written again: it stands for all that lies in the Redis of those who upgrade.
"""

from __future__ import annotations

from typing import Any

# Key without its prefix → its type in Redis, whether it has a TTL, and what it holds.
KEYS: dict[str, tuple[str, bool, Any]] = {
    "active": (
        "set",
        False,
        [
            b"middle",
            b"waiting",
        ],
    ),
    "cursor": ("string", False, b"1735641458690-1"),
    "delayed": (
        "zset",
        False,
        [
            (b"waiting,0,2,default,5", 1735645311066),
        ],
    ),
    "events": (
        "stream",
        False,
        [
            (
                b"1735641458690-1",
                {
                    b"S": b"middle 10",
                },
            ),
        ],
    ),
    "graph:1f6ebc3719bc839fc3ef9885d8afa6ab32f0d1973031a30536b90b0d61d55d62": (
        "string",
        True,
        (
            b"\x9b\x01\xa4good\x92\xa5first\xa3end\xc4\x0c\x00\x00\x00\x00\x00\x00\x00\x00"
            b"\x01\x00\x00\x00\xc4\x04\x00\x00\x00\x00\x91\x98\x00\xcb?\xf0\x00\x00\x00\x00"
            b"\x00\x00\xcb@\x00\x00\x00\x00\x00\x00\x00\xc0\xc0\xa7default\x05\xc2\xc4\x08"
            b"\x00\x00\x00\x00\x00\x00\x00\x00\x92\xb0fault_app:number\xb0fault_app:listed"
            b"\xc4\x08\x00\x00\x00\x00\x01\x00\x00\x00\x91\x92\x00\xc4\x08\x81\xa5value\x07"
            b"\xa4stop"
        ),
    ),
    "graph:7c1dc35397ef915eedd1d56e86e467833d716241be5a7c7ccdae9c52d3bc7735": (
        "string",
        True,
        (
            b"\x9b\x01\xa3bad\x92\xa3bad\xa6behind\xc4\x0c\x00\x00\x00\x00\x00\x00\x00\x00"
            b"\x01\x00\x00\x00\xc4\x04\x00\x00\x00\x00\x91\x98\x00\xcb?\xf0\x00\x00\x00\x00"
            b"\x00\x00\xcb@\x00\x00\x00\x00\x00\x00\x00\xc0\xc0\xa7default\x05\xc2\xc4\x08"
            b"\x00\x00\x00\x00\x00\x00\x00\x00\x92\xb0fault_app:broken\xaffault_app:quick"
            b"\xc4\x08\x00\x00\x00\x00\x01\x00\x00\x00\x90\xa4stop"
        ),
    ),
    "graph:9713a373ad895dbad4f9090da7b235eab8b0015f27703a4da78e5f8b31c19066": (
        "string",
        False,
        (
            b"\x9b\x01\xa4slow\x91\xadslow_to_retry\xc4\x08\x00\x00\x00\x00\x00\x00\x00\x00"
            b"\xc4\x00\x91\x98\x01\xcb@\xac \x00\x00\x00\x00\x00\xcb@\x00\x00\x00\x00\x00"
            b"\x00\x00\xc0\xc0\xa7default\x05\xc2\xc4\x04\x00\x00\x00\x00\x91\xb7fault_app:"
            b"slow_to_retry\xc4\x04\x00\x00\x00\x00\x90\xa4stop"
        ),
    ),
    "graph:ce4a1458d0544d7220d4a7e03d7f8e90740a21409fbeed455f0872cf55ab7d50": (
        "string",
        False,
        (
            b"\x9b\x01\xa6middle\x9b\xa5greet\xa4told\xa5first\xa4held\xa6leaf_0\xa6leaf_1"
            b"\xa6leaf_2\xa6leaf_3\xa6leaf_4\xa5flaky\xa6behind\xc40\x00\x00\x00\x00\x00"
            b"\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00"
            b"\x04\x00\x00\x00\x05\x00\x00\x00\x06\x00\x00\x00\x07\x00\x00\x00\x07\x00\x00"
            b"\x00\x08\x00\x00\x00\xc4 \x00\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x03"
            b"\x00\x00\x00\x03\x00\x00\x00\x03\x00\x00\x00\x03\x00\x00\x00\t\x00\x00\x00"
            b"\x92\x98\x00\xcb?\xf0\x00\x00\x00\x00\x00\x00\xcb@\x00\x00\x00\x00\x00\x00"
            b"\x00\xc0\xc0\xa7default\x05\xc2\x98\x03\xcb?\xa9\x99\x99\x99\x99\x99\x9a\xcb@"
            b"\x00\x00\x00\x00\x00\x00\x00\xc0\xc0\xa7default\x05\xc2\xc4,\x00\x00\x00\x00"
            b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
            b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00"
            b"\x00\x00\x97\xaffault_app:greet\xb0fault_app:listed\xb0fault_app:number\xaefa"
            b"ult_app:held\xaffault_app:brief\xaffault_app:flaky\xaffault_app:quick\xc4,"
            b"\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04\x00\x00"
            b"\x00\x04\x00\x00\x00\x04\x00\x00\x00\x04\x00\x00\x00\x04\x00\x00\x00\x05\x00"
            b"\x00\x00\x06\x00\x00\x00\x93\x92\x02\xc4\x08\x81\xa5value\x07\x92\x03\xc4\x08"
            b"\x81\xa4gate\xa1a\x92\t\xc4\x0b\x81\xa8failures\x01\xa4stop"
        ),
    ),
    "graphs": (
        "hash",
        False,
        {
            b"9713a373ad895dbad4f9090da7b235eab8b0015f27703a4da78e5f8b31c19066": b"1",
            b"ce4a1458d0544d7220d4a7e03d7f8e90740a21409fbeed455f0872cf55ab7d50": b"1",
        },
    ),
    "leader": ("string", False, b"vm-ckjslqlz,1,1735641462503"),
    "levels": (
        "hash",
        False,
        {
            b"default": b"5",
        },
    ),
    "run:bad": (
        "hash",
        True,
        {
            b"counts": b"failed=1 upstream_failed=1",
            b"dag": b"bad",
            b"failed": b"0",
            b"finished": b"1735641458613",
            b"graph": b"7c1dc35397ef915eedd1d56e86e467833d716241be5a7c7ccdae9c52d3bc7735",
            b"state": b"failed",
            b"stop": b"failed",
            b"submitted": b"1735641458610",
            b"total": b"2",
            b"ttl": b"604800000",
        },
    ),
    "run:bad:errors": (
        "hash",
        True,
        {
            b"0": (
                b"\x93\xacRuntimeError\xafbroken for good\xd9\xbdTraceback (most recent cal"
                b'l last):\n  File "/srv/app/release/old/tests/integration/fault_app.py", l'
                b'ine 184, in broken\n    raise RuntimeError("broken for good")\nRuntimeErr'
                b"or: broken for good\n"
            ),
        },
    ),
    "run:bad:tasks": (
        "hash",
        True,
        {
            b"0": b"F1,mcvNRC0Z.0,0,0,2",
            b"1": b"U0,,0,,",
        },
    ),
    "run:good": (
        "hash",
        True,
        {
            b"counts": b"succeeded=2",
            b"dag": b"good",
            b"failed": b"",
            b"finished": b"1735641458608",
            b"graph": b"1f6ebc3719bc839fc3ef9885d8afa6ab32f0d1973031a30536b90b0d61d55d62",
            b"state": b"succeeded",
            b"submitted": b"1735641458112",
            b"total": b"2",
            b"ttl": b"604800000",
        },
    ),
    "run:good:results": (
        "hash",
        True,
        {
            b"0": b"\x07",
            b"1": b"\x91\x07",
        },
    ),
    "run:good:tasks": (
        "hash",
        True,
        {
            b"0": b"S1,mcvNRC0Z.0,0,490,494",
            b"1": b"S1,mcvNRC0Z.1,0,494,496",
        },
    ),
    "run:middle": (
        "hash",
        False,
        {
            b"dag": b"middle",
            b"graph": b"ce4a1458d0544d7220d4a7e03d7f8e90740a21409fbeed455f0872cf55ab7d50",
            b"params": b"\x81\xa4name\xa3Ada",
            b"state": b"running",
            b"submitted": b"1735641458617",
            b"total": b"11",
            b"ttl": b"604800000",
        },
    ),
    "run:middle:errors": (
        "hash",
        False,
        {
            b"9": (
                b"\x93\xaaValueError\xbaattempt 1 is meant to fail\xd9\xd7Traceback (most r"
                b'ecent call last):\n  File "/srv/app/release/old/tests/integration/fault_a'
                b'pp.py", line 171, in flaky\n    raise ValueError(f"attempt {attempt} is m'
                b'eant to fail")\nValueError: attempt 1 is meant to fail\n'
            ),
        },
    ),
    "run:middle:results": (
        "hash",
        False,
        {
            b"0": b"\xaaHello, Ada",
            b"1": b"\x91\xaaHello, Ada",
            b"10": b"\x01",
            b"2": b"\x07",
            b"9": b"\x02",
        },
    ),
    "run:middle:tasks": (
        "hash",
        False,
        {
            b"0": b"S1,mcvNRC0Z.1,0,1,3",
            b"1": b"S1,mcvNRC0Z.1,0,5,7",
            b"10": b"S1,mcvNRC0Z.1,0,73,73",
            b"2": b"S1,mcvNRC0Z.1,0,1,3",
            b"3": b"R1,mcvNRC0Z.0,0,7,",
            b"9": b"S2,mcvNRC0Z.1,0,72,73",
        },
    ),
    "run:waiting": (
        "hash",
        False,
        {
            b"dag": b"slow",
            b"graph": b"9713a373ad895dbad4f9090da7b235eab8b0015f27703a4da78e5f8b31c19066",
            b"state": b"running",
            b"submitted": b"1735641458618",
            b"total": b"1",
            b"ttl": b"604800000",
        },
    ),
    "run:waiting:errors": (
        "hash",
        False,
        {
            b"0": (
                b"\x93\xa7OSError\xb4try again in an hour\xd9\xc4Traceback (most recent cal"
                b'l last):\n  File "/srv/app/release/old/tests/integration/fault_app.py", l'
                b'ine 223, in slow_to_retry\n    raise OSError("try again in an hour")\nOSE'
                b"rror: try again in an hour\n"
            ),
        },
    ),
    "run:waiting:tasks": (
        "hash",
        False,
        {
            b"0": b"W1,mcvNRC0Z.0,0,2,3852448",
        },
    ),
    "runs": (
        "zset",
        False,
        [
            (b"good", 1735641458112),
            (b"bad", 1735641458610),
            (b"middle", 1735641458617),
            (b"waiting", 1735641458618),
        ],
    ),
    "worker:mcvNRC0Z": (
        "hash",
        False,
        {
            b"about": (
                b"\x87\xa4host\xa2vm\xa3pid\xcdf\xd9\xa3app\xd93/srv/app/release/old/tests/"
                b"integration/fault_app.py\xa6queues\x91\xa7default\xa9processes\x02\xabcon"
                b"currencyd\xa7version\xa50.1.0"
            ),
            b"lanes": b"mcvNRC0Z.0 mcvNRC0Z.0a mcvNRC0Z.1 mcvNRC0Z.1a",
        },
    ),
    "worker:mcvNRC0Z.0:claims": (
        "hash",
        False,
        {
            b"#": b"8",
            b"middle,3": b"1,8,default,5",
        },
    ),
    "worker:mcvNRC0Z.0a:claims": (
        "hash",
        False,
        {
            b"#": b"1",
        },
    ),
    "worker:mcvNRC0Z.1:claims": (
        "hash",
        False,
        {
            b"#": b"11",
        },
    ),
    "worker:mcvNRC0Z.1a:claims": (
        "hash",
        False,
        {
            b"#": b"1",
        },
    ),
    "workers": (
        "zset",
        False,
        [
            (b"mcvNRC0Z", 1735641461225),
        ],
    ),
}
