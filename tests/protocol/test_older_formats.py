"""Bytes as older releases wrote them are read forever: packed values, errors, records, graphs.

They were written by the release of ``older_namespace`` and are not to be written again. What that
release did not know has its default.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import pathlib
import uuid
from collections import OrderedDict
from zoneinfo import ZoneInfo

import pytest

from flowkit.codec.packing import unpack
from flowkit.core.compiled import OnFailure
from flowkit.core.retry import Policy
from flowkit.core.states import TaskState
from flowkit.protocol.graphs import unpack_graph
from flowkit.protocol.records import ErrorInfo, TaskRecord, parse_record
from flowkit.protocol.spent import Flag, Spent

VALUES = [
    (None, b"\xc0"),
    (True, b"\xc3"),
    (-7, b"\xf9"),
    (1.5, b"\xcb?\xf8\x00\x00\x00\x00\x00\x00"),
    (2**80, b"\xc7\x0b\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"),
    ("grüße", b"\xa7gr\xc3\xbc\xc3\x9fe"),
    (b"\x00\xff", b"\xc4\x02\x00\xff"),
    (bytearray(b"ab"), b"\xd5\x02ab"),
    (2 + 3j, b"\xd8\x03\x00\x00\x00\x00\x00\x00\x00@\x00\x00\x00\x00\x00\x00\x08@"),
    (decimal.Decimal("1.10"), b"\xd6\x041.10"),
    (uuid.UUID(int=5), b"\xd8\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05"),
    (pathlib.PurePosixPath("/a/b"), b"\xc7\x05\x06p/a/b"),
    ((1, 2), b"\x93\xc7\x00 \x01\x02"),
    ({1, 2}, b"\x93\xc7\x00!\x01\x02"),
    (frozenset([3]), b'\x92\xc7\x00"\x03'),
    (OrderedDict(b=1, a=2), b"\x95\xc7\x00#\xa1b\x01\xa1a\x02"),
    (dt.datetime(2025, 1, 2, 3, 4, 5, 6), b"\x99\xc7\x00$\xcd\x07\xe9\x01\x02\x03\x04\x05\x06\x00"),
    (
        dt.datetime(2025, 1, 2, tzinfo=dt.UTC),
        b"\x9a\xc7\x00$\xcd\x07\xe9\x01\x02\x00\x00\x00\x00\x00\x00",
    ),
    (
        dt.datetime(2025, 7, 1, tzinfo=ZoneInfo("Europe/Berlin")),
        b"\x9a\xc7\x00$\xcd\x07\xe9\x07\x01\x00\x00\x00\x00\x00\xadEurope/Berlin",
    ),
    (dt.date(2025, 1, 2), b"\x94\xc7\x00%\xcd\x07\xe9\x01\x02"),
    (dt.time(3, 4), b"\x96\xc7\x00&\x03\x04\x00\x00\x00"),
    (dt.timedelta(days=1, seconds=2), b"\x94\xc7\x00'\x01\x02\x00"),
    ([1, {"k": [None, (1,)]}], b"\x92\x01\x81\xa1k\x92\xc0\x92\xc7\x00 \x01"),
]

SUSPECT = frozenset({Flag.SUSPECT})


@pytest.mark.parametrize(("value", "packed"), VALUES, ids=lambda item: repr(item)[:30])
def test_a_packed_value(value: object, packed: bytes) -> None:
    result = unpack(packed)
    assert result == value
    assert type(result) is type(value)


def test_an_error() -> None:
    packed = b"\x93\xaaValueError\xa7bad row\xaeTraceback \xe2\x80\xa6\n"
    assert ErrorInfo.unpack(packed) == ErrorInfo("ValueError", "bad row", "Traceback …\n")


@pytest.mark.parametrize(
    ("text", "record"),
    [
        (b"P2,,0,,", TaskRecord(TaskState.PENDING, 2)),
        (b"Q1,,0,,", TaskRecord(TaskState.QUEUED, 1)),
        (
            b"Q3,,1/1!,,",
            TaskRecord(TaskState.QUEUED, 3, "", Spent(1, 1, flags=frozenset({Flag.SUSPECT}))),
        ),
        (b"R1,uvDwmifE.0,0,12,", TaskRecord(TaskState.RUNNING, 1, "uvDwmifE.0", Spent(), 12)),
        (b"W1,a.1a,0*2,5,9", TaskRecord(TaskState.WAITING, 1, "a.1a", Spent(put_off=2), 5, 9)),
        (b"S1,a.0,0,5,9", TaskRecord(TaskState.SUCCEEDED, 1, "a.0", Spent(), 5, 9)),
        (b"F3,a.0,3,5,9", TaskRecord(TaskState.FAILED, 3, "a.0", Spent(3), 5, 9)),
        (b"K1,a.0,0,5,9", TaskRecord(TaskState.SKIPPED, 1, "a.0", Spent(), 5, 9)),
        (b"U0,,0,,", TaskRecord(TaskState.UPSTREAM_FAILED)),
        (b"C0,,0,,", TaskRecord(TaskState.CANCELLED)),
    ],
)
def test_a_record(text: bytes, record: TaskRecord) -> None:
    assert parse_record(text) == record


SMALL = (
    b"\x9b\x01\xa3etl\x93\xa1a\xa1b\xa1c\xc4\x10\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00"
    b"\x00\x00\x03\x00\x00\x00\xc4\x0c\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x92"
    b"\x98\x00\xcb?\xf0\x00\x00\x00\x00\x00\x00\xcb@\x00\x00\x00\x00\x00\x00\x00\xc0\xc0"
    b"\xa7default\x05\xc2\x98\x03\xcb?\xe0\x00\x00\x00\x00\x00\x00\xcb@\x00\x00\x00\x00\x00"
    b'\x00\x00\xcb@"\x00\x00\x00\x00\x00\x00\xcb@\x00\x00\x00\x00\x00\x00\x00\xa3gpu\t\xc3'
    b"\xc4\x0c\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x92\xa5app:f\xa5app:g\xc4"
    b"\x0c\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x91\x92\x01\xc4\x04\x81\xa1x\x01"
    b"\xa8continue"
)
LONG = (
    b"cmeIy_q)z@9LI6$$Vx^;Au<Z7-0$z!P}wVGRvO64Jh%}`g$5~(y~piH$SMtKSO?iFDazin?2&rDs(-?D-QVjx"
    b"KKC!L*LB_J^ZH)*_{`}YI(KTbD|7ioyh0)#OT;Y^cM@?o5%&^tKM@ZS@h}mOrp03w5QD*i3lBa5gdk_+jGU1("
    b"az@U`895_o<cyp{&LQWJbI3X59C8jhhnz#sA?K2F$+_fQaxOWSoJ-Cn=aO^DdE`8D9yyPkN6sVXk@LuT<UDdd"
    b"IiH+Q&L`)S^U3+-d~!ZHpIksLAQzAe$OYsAasj!3TtF@$7m^Ffh2%nVA-RxTNG>E7k_*X2<RWqrxrkguE+Q9^"
    b"i^xUfq9~nvuAn2P!*n=0TpgYcUq_%L)S*U9jhGrSHDYSS)QG7OQzNEEOpTZtriQ6uYM2_PhN)p{m>Q;rso|*M"
    b"sNtyLsNtyLsNtyLsNtyLsNt&Ns^O~Ps^O~Ps^O~Ps^O~Ps^O{Oso|;Nso|;Nso|;Nso|;Nso|^PtKqBRtKqBR"
    b"tKqBRtKqBRs}ZOXs1c|Us1c|Us1c|Us1c|Us1d3Wsu8LYsu8LYsu8LYsu8LYsu8IXsS&9WsS&9WsS&9WsS&B6"
    b"%}tw|HaBf<+T66cX>-%&rp-;8n>IIXZra?mxoLCL=BCX}o0~Q_ZEo7!w7F?>)8?klO`DrGH*Id(+_brAbJOOg"
    b"%}tw|HaBf<+T66cX>-%&rp-;8n>IIXZra?mxoLCL=BCX}o0~Q_ZEo7!w7F?>)8?klO`DrGH*Id(+_brAbJOOg"
    b"%}tw|HaBf<+T66cX>-%&rp-;8n>IIXZra?mxoLCL=BCX}o0~Q_ZEo7!w7F?>)8?klO`DrGH*Id(+_brAbJOOg"
    b"%}tw|HaBf<QIwIgFw_4}W<GDi%}7BO+=8sghV00JoVXRaa2s+X5Aq@(ZbyC;z#S-vLbwxmp)iV|DDFlv6vsU%"
    b"fs!bN(zqA*p$y8R9PUSXJb(xB5Go)Bg98^Hd;|y)p&}l}BX|^#p%Na)6L=DpQ3X{|4b@QtHBk$-Q3rML6zbt="
    b"JcIgZfQD#<#%O|P@f@B<Q@nr|@e*D}Gc-pFyn>c!h1O_;ws;lo&>kJo5uMN(spx{P=!Q7DqX&B8HS|Jn^ug<R"
    b"1AXx(-oo4HhyECVcknLW!}}PBLHGcJ@gY9K5DY~chG95HU?fIiG{#^o#$h}rU?L`AGNxcE5}1Z`OvlHVfln|K"
    b"voIT<Vh-kF9_C{KKEvl&h%fLZzQWg7gm17I-{L!bj~}oEOR)^gu>u)biB(vQAF&2&u@3980UNOio3RC3u?;_A"
    b"JATFv{DNPx6T9#me#dU?!CvgcejLC-9KvB7!BHH;ah$+OoWg0G!5{b&XK@baaRC=`372sNS8)x0;X3|Crp)}|"
    b"Cftk^WWg=SifqV^9LR}VkqfsWH}W7a^5J&mM*-Y{f+&PLaTf}s2#Vrv6hm>`gAyo-QYejkaUaT{EXv`2WTfZ~"
    b"(6>(hWN`<TQ3X{|4b@QtHBk$-Q3rML6zbt=JcIgZfQD#<#%O|P@f@B<Q@nr|@e*D}Gc-pFyn>c!h1O_;ws;lo"
    b"&>kJo5uMN(spx{P=!Q7DqX&B8HS|Jn^ug<R1AXx(-oo4HhyECVcknLW!}}PBLHGcJ@gY9K5DY~chG95HU?fIi"
    b"G{#^o#$h}rU?L`AGNxcE5}1Z`OvlHVfln|KvoITaVdr2j=3zb-;4^%Vh4=zr;wyZOMfe7b@h!f?_xJ%zuoTO%"
    b"94nB4l~{$<_z`Qc7VEGc8?X_Zuo+vh72EI=w&Q2)z%Td}JFyGD;dkuD9_+<F?8gBd#33BU5gf%a9LEWq#3`J{"
    b"8T^4iaTe!r9v5&Cmv9+Za240^7p~)P+(<uJX=5_2t)zdLXYJ$velXyY87*72Zr;5^Jj=3-6ul0~CwT+O8%W;3"
    b"4RHf$)0?NJR&1U8<+>r(N`A@Y4J2>izZ)2u-Ywoa^&jU>2sZ"
)


def test_a_graph() -> None:
    """It says eight things of a task's policy, and nothing of hooks."""
    dag = unpack_graph(SMALL)
    assert (dag.name, dag.graph.names, dag.on_failure) == (
        "etl",
        ["a", "b", "c"],
        OnFailure.CONTINUE,
    )
    assert [list(dag.graph.upstream(task)) for task in range(3)] == [[], [0], [0, 1]]
    assert dag.policies == (
        Policy(),
        Policy(3, delay=0.5, max_delay=9.0, timeout=2.0, queue="gpu", priority=9, is_async=True),
    )
    assert [dag.ref(task) for task in range(3)] == ["app:f", "app:g", "app:f"]
    assert unpack(dag.kwargs[1]) == {"x": 1}
    assert dag.on_retry == ""


def test_a_graph_that_was_compressed() -> None:
    dag = unpack_graph(base64.b85decode(LONG))
    assert dag.graph.names == [f"t{number}" for number in range(300)]
    assert list(dag.graph.upstream(299)) == [298]
    assert dag.policies == (Policy(),)
