"""Random expressions that are well typed, with their data; written out with no more parentheses than needed.

Each strategy gives a text and how tightly its outermost operator binds, so that precedence is exercised, too.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Written = tuple[str, int]
TERNARY, OR, AND, RELATION, SUM, PRODUCT, UNARY, MEMBER = range(8)

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["i", "j", "d", "s", "t", "b", "ints", "texts", "rows"],
    "properties": {
        "i": {"type": "integer"},
        "j": {"type": "integer"},
        "d": {"type": "number"},
        "s": {"type": "string"},
        "t": {"type": "string"},
        "b": {"type": "boolean"},
        "opt": {"type": "integer"},
        "ints": {"type": "array", "items": {"type": "integer"}},
        "texts": {"type": "array", "items": {"type": "string"}},
        "rows": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["n", "k"],
                "properties": {"n": {"type": "integer"}, "k": {"type": "string"}, "o": {"type": "integer"}},
            },
        },
    },
}

_INTS = st.integers(-6, 6) | st.sampled_from([2**63 - 1, -(2**63), 2**53, -(2**62), 1000])
_DOUBLES = st.sampled_from([0.0, 0.5, -1.5, 2.0, 3.25, 1e3, -0.25, 1e300])
_TEXTS = st.sampled_from(["", "a", "b", "ab", "ba", "é", "😀", "12", "-3", "true", "2.5", "C-1", "x y"])
_ROWS = st.fixed_dictionaries({"n": _INTS, "k": _TEXTS}, optional={"o": _INTS})
DATA = st.fixed_dictionaries(
    {
        "i": _INTS,
        "j": _INTS,
        "d": _DOUBLES,
        "s": _TEXTS,
        "t": _TEXTS,
        "b": st.booleans(),
        "ints": st.lists(_INTS, max_size=4),
        "texts": st.lists(_TEXTS, max_size=3),
        "rows": st.lists(_ROWS, max_size=3),
    },
    optional={"opt": _INTS},
)


def _in(child: Written, least: int) -> str:
    text, binds = child
    return text if binds >= least else f"({text})"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _number(value: int | float) -> Written:
    return repr(value), MEMBER if value >= 0 else UNARY


@st.composite
def _binary(draw: Any, left: Any, right: Any, signs: list[str], binds: int) -> Written:
    """A left-associative operator: its right operand must bind more tightly."""
    sign = draw(st.sampled_from(signs))
    return f"{_in(draw(left), binds)} {sign} {_in(draw(right), binds + 1)}", binds


@st.composite
def _chosen(draw: Any, test: Any, branch: Any) -> Written:
    return f"{_in(draw(test), OR)} ? {_in(draw(branch), OR)} : {_in(draw(branch), TERNARY)}", TERNARY


@st.composite
def _called(draw: Any, form: str, *given: Any) -> Written:
    """A form with places: `{m}` for what a method is asked of, `{a}` for an argument."""
    for each in given:
        at = min((found, mark) for mark in ("{m}", "{a}") if (found := form.find(mark)) >= 0)[1]
        form = form.replace(at, _in(draw(each), MEMBER if at == "{m}" else TERNARY), 1)
    return form, MEMBER


@st.composite
def _macro(draw: Any, kind: str, over: Any, body: Any) -> Written:
    return f"{_in(draw(over), MEMBER)}.{kind}({draw(st.just('v'))}, {_in(draw(body), TERNARY)})", MEMBER


class Expressions:
    """Strategies by type, `depth` operators deep; `inside` a macro there is a variable `v` of that type as well."""

    def __init__(self, depth: int, inside: str | None = None) -> None:
        self.depth = depth
        self.inside = inside

    def _less(self) -> Expressions:
        return Expressions(self.depth - 1, self.inside)

    def _within(self, kind: str) -> Expressions:
        return Expressions(min(self.depth - 1, 1), kind)

    def _leaves(self, kind: str, *texts: str) -> Any:
        names = [(text, MEMBER) for text in texts]
        if self.inside == kind:
            names.append(("v", MEMBER))
        if self.inside == "row" and kind in ("int", "string"):
            names += [({"int": "v.n", "string": "v.k"}[kind], MEMBER)] + ([("v.o", MEMBER)] if kind == "int" else [])
        return st.sampled_from(names)

    def int(self) -> Any:
        """Integers; some overflow, some divide by zero."""
        leaf = self._leaves("int", "context.i", "context.j", "context.opt") | _INTS.map(_number)
        if self.depth <= 0:
            return leaf
        less = self._less()
        sums = _binary(less.int(), less.int(), ["+", "-"], SUM)
        products = _binary(less.int(), less.int(), ["*", "/", "%"], PRODUCT)
        return st.one_of(
            leaf,
            sums,
            products,
            less.int().map(lambda one: (f"-{_in(one, MEMBER)}", UNARY)),
            _chosen(less.bool(), less.int()),
            _called("size({a})", less.string()),
            _called("{m}.size()", less.ints()),
            _called("int({a})", less.string()),
            _called("int({a})", less.double()),
            _called("{m}[{a}]", less.ints(), less.int()),
            _called("{m}.{{part}}()".replace("{{part}}", "getHours"), less.timestamp()),
            _called("{m}.getDayOfWeek('+05:30')", less.timestamp()),
            _called("{m}.getDayOfYear()", less.timestamp()),
            _called("{m}.getMinutes()", less.duration()),
        )

    def double(self) -> Any:
        """Doubles."""
        leaf = self._leaves("double", "context.d") | _DOUBLES.map(_number)
        if self.depth <= 0:
            return leaf
        less = self._less()
        return st.one_of(
            leaf,
            _binary(less.double(), less.double(), ["+", "-"], SUM),
            _binary(less.double(), less.double(), ["*", "/"], PRODUCT),
            _chosen(less.bool(), less.double()),
            _called("double({a})", less.int()),
            less.double().map(lambda one: (f"-{_in(one, MEMBER)}", UNARY)),
        )

    def string(self) -> Any:
        """Texts."""
        leaf = self._leaves("string", "context.s", "context.t") | _TEXTS.map(lambda text: (_quoted(text), MEMBER))
        if self.depth <= 0:
            return leaf
        less = self._less()
        return st.one_of(
            leaf,
            _binary(less.string(), less.string(), ["+"], SUM),
            _chosen(less.bool(), less.string()),
            _called("string({a})", less.int()),
            _called("string({a})", less.bool()),
            _called("string({a})", less.timestamp()),
            _called("{m}[{a}]", less.texts(), less.int()),
        )

    def bool(self) -> Any:
        """Truths; some fail, and some of these failures are absorbed."""
        leaf = self._leaves("bool", "context.b", "true", "false", "has(context.opt)") | st.just(
            ("context.opt > 1", RELATION)
        )
        if self.depth <= 0:
            return leaf
        less = self._less()
        order = ["<", "<=", ">", ">=", "==", "!="]
        kinds = (less.int(), less.double(), less.string(), less.bool(), less.timestamp(), less.duration())
        return st.one_of(
            leaf,
            *(_binary(kind, kind, order, RELATION).map(_alone) for kind in kinds),
            _binary(less.ints(), less.ints(), ["==", "!="], RELATION),
            _binary(less.bool(), less.bool(), ["&&"], AND),
            _binary(less.bool(), less.bool(), ["||"], OR),
            _binary(less.bool(), less.bool(), ["&&"], AND),
            _binary(less.bool(), less.bool(), ["||"], OR),
            less.bool().map(lambda one: (f"!{_in(one, MEMBER)}", UNARY)),
            _chosen(less.bool(), less.bool()),
            _binary(less.int(), less.ints(), ["in"], RELATION),
            _binary(less.string(), less.texts(), ["in"], RELATION),
            _called("{m}.contains({a})", less.string(), less.string()),
            _called("{m}.startsWith({a})", less.string(), less.string()),
            _called("{m}.endsWith({a})", less.string(), less.string()),
            _called("{m}.matches('^[a-c]*$|[0-9]+')", less.string()),
            *self._tests(),
        )

    def _tests(self) -> list[Any]:
        if self.inside is not None:
            return []
        less = self._less()
        rows = st.just(("context.rows", MEMBER))
        return [
            _macro(kind, over, self._within(element).bool())
            for kind in ("all", "exists", "exists_one")
            for over, element in ((less.ints(), "int"), (less.texts(), "string"), (rows, "row"))
        ]

    def ints(self) -> Any:
        """Lists of integers."""
        leaf = st.sampled_from([("context.ints", MEMBER), ("[]", MEMBER), ("[1, 2, 3]", MEMBER)])
        if self.depth <= 0:
            return leaf
        less = self._less()
        made = [leaf, _called("[{a}, {a}]", less.int(), less.int()), _binary(less.ints(), less.ints(), ["+"], SUM)]
        if self.inside is None:
            made.append(_macro("map", less.ints(), self._within("int").int()))
            made.append(_macro("filter", less.ints(), self._within("int").bool()))
            made.append(_macro("map", less.texts(), self._within("string").int()))
        return st.one_of(*made)

    def texts(self) -> Any:
        """Lists of texts."""
        leaf = st.sampled_from([("context.texts", MEMBER), ("['a', 'ab']", MEMBER)])
        if self.depth <= 0:
            return leaf
        less = self._less()
        return leaf | _called("[{a}, {a}]", less.string(), less.string())

    def timestamp(self) -> Any:
        """Points in time."""
        times = ["2026-11-23T11:30:00Z", "1969-12-31T23:59:59.5Z", "2024-02-29T00:00:00+02:00", "9999-12-31T00:00:00Z"]
        leaf = st.sampled_from([(f"timestamp('{time}')", MEMBER) for time in times])
        if self.depth <= 0:
            return leaf
        less = self._less()
        return leaf | _binary(less.timestamp(), less.duration(), ["+", "-"], SUM)

    def duration(self) -> Any:
        """Durations."""
        lengths = ["1h30m", "-90s", "0s", "1.5s", "2000h", "250ms"]
        leaf = st.sampled_from([(f"duration('{length}')", MEMBER) for length in lengths])
        if self.depth <= 0:
            return leaf
        less = self._less()
        return st.one_of(
            leaf,
            _binary(less.timestamp(), less.timestamp(), ["-"], SUM),
            _binary(less.duration(), less.duration(), ["+", "-"], SUM),
        )

    def any(self) -> Any:
        """An expression of any of these types."""
        kinds = (self.bool(), self.bool(), self.int(), self.double(), self.string(), self.ints())
        return st.one_of(*kinds).map(lambda written: written[0])


def _alone(written: Written) -> Written:
    """A comparison in parentheses: `a < b < c` is no fault of the grammar, but rarely one of types."""
    return f"({written[0]})", MEMBER


EXPRESSIONS = Expressions(depth=3).any()
