"""Charts whose ways were worked out by hand from appendix D: what is active at first, and after each event."""

from __future__ import annotations

from typing import NamedTuple


class Worked(NamedTuple):
    """A chart in short (`S` is `state`, `P` `parallel`, `F` `final`, `H` `history`, `T` `transition`), and its ways."""

    body: str
    ways: list[str]
    """The leaves at first, then `event: leaves` for each event; leaves in document order, parted by blanks."""
    initial: str = ""


CHARTS = {
    "the first child is entered where nothing says otherwise": Worked(
        '<S id="a"><S id="a1"/><S id="a2"/></S><S id="b"/>', ["a1"]
    ),
    "initial may name a state far below": Worked(
        '<S id="a"><S id="a1"/><S id="a2"><S id="x"/><S id="y"/></S></S>', ["y"], initial="y"
    ),
    "initial may name a state in each region": Worked(
        '<P id="p"><S id="q"><S id="q1"/><S id="q2"/></S><S id="r"><S id="r1"/><S id="r2"/></S></P>',
        ["q2 r2"],
        initial="q2 r2",
    ),
    "a target in one region brings the others in where they begin": Worked(
        '<S id="a"><T event="t" target="q2"/></S>'
        '<P id="p"><S id="q"><S id="q1"/><S id="q2"/></S><S id="r"><S id="r1"/><S id="r2"/></S></P>',
        ["a", "t: q2 r1"],
    ),
    "the innermost state that takes an event takes it": Worked(
        '<S id="a"><T event="t" target="b"/><S id="a1"><T event="t" target="a2"/></S><S id="a2"/></S><S id="b"/>',
        ["a1", "t: a2", "t: b"],
    ),
    "in one state the first transition counts": Worked(
        '<S id="a"><T event="t" cond="In(\'b\')" target="b"/><T event="t" target="c"/></S><S id="b"/><S id="c"/>',
        ["a", "t: c"],
    ),
    "of two regions that lead out the first wins": Worked(
        '<P id="p"><S id="q"><T event="t" target="a"/></S><S id="r"><T event="t" target="b"/></S></P>'
        '<S id="a"/><S id="b"/>',
        ["q r", "t: a"],
    ),
    "a region that stays inside is preempted by an earlier one that leads out": Worked(
        '<P id="p"><S id="q"><T event="t" target="a"/></S>'
        '<S id="r"><S id="r1"><T event="t" target="r2"/></S><S id="r2"/></S></P><S id="a"/>',
        ["q r1", "t: a"],
    ),
    "a region that leads out is preempted by an earlier one that stays inside": Worked(
        '<P id="p"><S id="r"><S id="r1"><T event="t" target="r2"/></S><S id="r2"/></S>'
        '<S id="q"><T event="t" target="a"/></S></P><S id="a"/>',
        ["r1 q", "t: r2 q", "t: a"],
    ),
    "a descendant's transition preempts that of the parallel state for another region's leaf": Worked(
        '<P id="p"><T event="t" target="a"/><S id="q"/>'
        '<S id="r"><S id="r1"><T event="t" target="r2"/></S><S id="r2"/></S></P><S id="a"/>',
        ["q r1", "t: q r2", "t: a"],
    ),
    "both regions move on one event": Worked(
        '<P id="p"><S id="q"><S id="q1"><T event="t" target="q2"/></S><S id="q2"/></S>'
        '<S id="r"><S id="r1"><T event="t" target="r2"/></S><S id="r2"/></S></P>',
        ["q1 r1", "t: q2 r2"],
    ),
    "regions in regions move together": Worked(
        '<P id="p"><P id="q"><S id="a"><S id="a1"><T event="t" target="a2"/></S><S id="a2"/></S><S id="b"/></P>'
        '<S id="c"><S id="c1"><T event="t" target="c2"/></S><S id="c2"/></S></P>',
        ["a1 b c1", "t: a2 b c2"],
    ),
    "shallow history restores the child, and that begins anew": Worked(
        '<S id="a"><T event="out" target="z"/><H id="h"><T target="b"/></H><S id="b"/>'
        '<S id="c"><S id="c1"><T event="t" target="c2"/></S><S id="c2"/></S></S>'
        '<S id="z"><T event="back" target="h"/><T event="c" target="c"/></S>',
        ["z", "back: b", "out: z", "c: c1", "t: c2", "out: z", "back: c1"],
        initial="z",
    ),
    "deep history restores the leaves of all regions": Worked(
        '<P id="p"><T event="out" target="z"/><H id="h" type="deep"><T target="q"/></H>'
        '<S id="q"><S id="q1"><T event="t" target="q2"/></S><S id="q2"/></S>'
        '<S id="r"><S id="r1"><T event="u" target="r2"/></S><S id="r2"/></S></P>'
        '<S id="z"><T event="back" target="h"/></S>',
        ["q1 r1", "u: q1 r2", "out: z", "back: q1 r2", "t: q2 r2", "out: z", "back: q2 r2"],
    ),
    "shallow history of a parallel state restores its regions, which begin anew": Worked(
        '<P id="p"><T event="out" target="z"/><H id="h"><T target="q"/></H>'
        '<S id="q"><S id="q1"><T event="t" target="q2"/></S><S id="q2"/></S><S id="r"/></P>'
        '<S id="z"><T event="back" target="h"/></S>',
        ["q1 r", "t: q2 r", "out: z", "back: q1 r"],
    ),
    "a history is forgotten by nothing but the next leaving": Worked(
        '<S id="a"><T event="out" target="z"/><H id="h"><T target="b"/></H><S id="b"><T event="t" target="c"/></S>'
        '<S id="c"/></S><S id="z"><T event="back" target="h"/><T event="anew" target="a"/></S>',
        ["b", "t: c", "out: z", "anew: b", "out: z", "back: b"],
    ),
    "a state left by its own external transition is restored by the history beside it": Worked(
        '<S id="a"><H id="h"><T target="b"/></H><S id="b"><S id="b1"><T event="t" target="b2"/></S><S id="b2"/>'
        '<T event="u" target="h"/></S></S>',
        ["b1", "t: b2", "u: b1"],
        initial="a",
    ),
    "an external transition into a child begins with leaving": Worked(
        '<S id="a"><onexit><raise event="left"/></onexit><T event="t" target="a1"/><S id="a1">'
        '<T event="left" target="b"/></S></S><S id="b"/>',
        ["a1", "t: b"],
    ),
    "an internal transition into a child does not leave": Worked(
        '<S id="a"><onexit><raise event="left"/></onexit><T event="t" target="a2" type="internal"/>'
        '<S id="a1"/><S id="a2"><T event="left" target="b"/></S></S><S id="b"/>',
        ["a1", "t: a2", "left: b"],
    ),
    "internal means nothing in a state without states inside": Worked(
        '<S id="a"><onexit><raise event="left"/></onexit><T event="t" target="a" type="internal"/>'
        '<T event="left" target="b"/></S><S id="b"/>',
        ["a", "t: b"],
    ),
    "a transition without target leaves nothing and runs its content": Worked(
        '<S id="a"><onexit><raise event="left"/></onexit><T event="t"><raise event="u"/></T>'
        '<T event="u" target="b"/><T event="left" target="c"/></S><S id="b"/><S id="c"/>',
        ["a", "t: b"],
    ),
    "what is raised comes in order: exit from the inside out, transition, entry from the outside in": Worked(
        '<S id="a"><onexit><raise event="e2"/></onexit><S id="a1"><onexit><raise event="e1"/></onexit>'
        '<T event="t" target="b1"><raise event="e3"/></T></S></S>'
        '<S id="b"><onentry><raise event="e4"/></onentry><S id="b1"><onentry><raise event="e5"/></onentry>'
        '<T event="e1" target="s2"/></S></S>'
        '<S id="s2"><T event="e2" target="s3"/></S><S id="s3"><T event="e3" target="s4"/></S>'
        '<S id="s4"><T event="e4" target="s5"/></S><S id="s5"><T event="e5" target="end"/></S><S id="end"/>',
        ["a1", "t: end"],
    ),
    "transitions without event come before what was raised": Worked(
        '<S id="a"><T event="t" target="b"><raise event="u"/></T></S>'
        '<S id="b"><T event="u" target="x"/><T target="c"/></S><S id="c"><T event="u" target="d"/></S>'
        '<S id="d"/><S id="x"/>',
        ["a", "t: d"],
    ),
    "a chain of transitions without event ends where none is enabled": Worked(
        '<S id="a"><T target="b"/></S><S id="b"><T cond="In(\'a\')" target="x"/><T target="c"/></S>'
        '<S id="c"><T cond="In(\'b\')" target="x"/></S><S id="x"/>',
        ["c"],
    ),
    "a condition sees the regions as they were when the step began": Worked(
        '<P id="p"><S id="q"><S id="q1"><T event="t" target="q2"/></S><S id="q2"/></S>'
        '<S id="r"><S id="r1"><T event="t" cond="In(\'q2\')" target="r3"/><T event="t" target="r2"/></S>'
        '<S id="r2"><T cond="In(\'q2\')" target="r4"/></S><S id="r3"/><S id="r4"/></S></P>',
        ["q1 r1", "t: q2 r4"],
    ),
    "a state is done when a final child of it is entered": Worked(
        '<S id="a"><T event="done.state.a" target="b"/><S id="a1"><T event="t" target="f"/></S><F id="f"/></S>'
        '<S id="b"/>',
        ["a1", "t: b"],
    ),
    "a parallel state is done when all of its regions are, its own regions' parallel states included": Worked(
        '<P id="p"><T event="done.state.p" target="z"/>'
        '<P id="q"><S id="a"><S id="a1"><T event="t" target="af"/></S><F id="af"/></S>'
        '<S id="b"><S id="b1"><T event="u" target="bf"/></S><F id="bf"/></S></P>'
        '<S id="c"><S id="c1"><T event="v" target="cf"/></S><F id="cf"/></S></P><S id="z"/>',
        ["a1 b1 c1", "t: af b1 c1", "u: af bf c1", "v: z"],
    ),
    "a region's end is told before that of the whole": Worked(
        '<P id="p"><T event="done.state.p" target="y"/>'
        '<S id="a"><T event="done.state.a" target="x"/><S id="a1"><T event="t" target="af"/></S><F id="af"/></S>'
        '<S id="b"><F id="bf"/></S></P><S id="x"/><S id="y"/>',
        ["a1 bf", "t: x"],
    ),
    "a final child of the whole ends it": Worked(
        '<S id="a"><T event="t" target="f"/></S><F id="f"/>', ["a", "t: f", "t: f"]
    ),
    "an event is taken by what its first words match": Worked(
        '<S id="a"><T event="x.y" target="b"/><T event="x" target="c"/><T event="*" target="d"/></S>'
        '<S id="b"/><S id="c"><T event="back" target="a"/></S><S id="d"><T event="back" target="a"/></S>',
        ["a", "x.z: c", "back: a", "xy: d", "back: a", "x.y.z: b"],
    ),
    "one transition may take several events": Worked(
        '<S id="a"><T event="t u" target="b"/></S><S id="b"><T event="v t" target="a"/></S>',
        ["a", "u: b", "u: b", "t: a", "t: b"],
    ),
    "a transition out of a region leaves all regions": Worked(
        '<P id="p"><S id="q"><S id="q1"><T event="t" target="a"/></S></S><S id="r"><S id="r1">'
        '<T event="u" target="r2"/></S><S id="r2"/></S></P><S id="a"><T event="back" target="p"/></S>',
        ["q1 r1", "u: q1 r2", "t: a", "back: q1 r1"],
    ),
    "several targets enter their regions, and regions not named begin anew": Worked(
        '<S id="a"><T event="t" target="q2 r2"/></S><P id="p"><S id="q"><S id="q1"/><S id="q2"/></S>'
        '<S id="r"><S id="r1"/><S id="r2"/></S><S id="s"><S id="s1"/><S id="s2"/></S></P>',
        ["a", "t: q2 r2 s1"],
    ),
}
