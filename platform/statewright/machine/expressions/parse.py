"""From text to syntax tree, under the limits of length, nodes and depth.

The parser keeps a stack of its own and builds nodes from the bottom up, so nothing here recurses; the node that is too
deep, or one too many, ends the parse at once.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, TypeVar

import msgspec
from lark import Lark, Token, Transformer, UnexpectedInput, v_args

from statewright.machine.expressions import syntax
from statewright.machine.expressions.grammar import GRAMMAR, sentence_of
from statewright.machine.expressions.literals import GREATEST, BadLiteral, double_of, integer_of, text_of
from statewright.machine.expressions.words import Fault

LENGTH = 2_048
NODES = 200
DEPTH = 20
RESERVED = frozenset({
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
    "namespace", "return", "var", "void", "while",
})  # fmt: skip
"""Words that CEL keeps for itself; after a dot they are ordinary names."""

_Node = TypeVar("_Node", bound=syntax.Node)


class Refused(Exception):
    """The text is no expression of the profile; `fault` says why."""

    def __init__(self, at: int, sentence: str, fix: str | None = None) -> None:
        super().__init__(sentence)
        self.fault = Fault("bad_expression", "error", at, sentence, fix)


def parse(text: str) -> syntax.Node:
    """The tree of `text`. Raises Refused, for the first thing that is wrong."""
    if len(text) > LENGTH or len(text.encode("utf-8", "surrogatepass")) > LENGTH:
        raise Refused(
            LENGTH, f"the expression is longer than {LENGTH:,} bytes; make several named guards or fields of it"
        )
    return _parsed(text)


@lru_cache(maxsize=16_384)  # what is checked on registration is compiled next, and a definition may hold 5,000
def _parsed(text: str) -> syntax.Node:
    try:
        tree: Any = _parser().parse(text)
    except UnexpectedInput as error:
        raise Refused(*sentence_of(text, error)) from None
    if tree.size > NODES:
        raise Refused(0, f"the expression has more than {NODES} parts; make several named guards or fields of it")
    node: syntax.Node = tree
    return node


@cache
def _parser() -> Lark:
    """Made when the first expression is parsed, since making its tables takes a tenth of a second."""
    return Lark(GRAMMAR, parser="lalr", lexer="basic", maybe_placeholders=False, transformer=_Builder())


def _node(kind: type[_Node], at: int, end: int, below: tuple[syntax.Node, ...] = (), **facts: Any) -> _Node:
    depth = 1 + max((node.depth for node in below), default=0)
    size = 1 + sum(node.size for node in below)
    return _within(kind(at=at, end=end, depth=depth, size=size, **facts))


def _within(node: _Node) -> _Node:
    if node.size > NODES:
        raise Refused(node.at, f"the expression has more than {NODES} parts; make several named guards or fields of it")
    if node.depth > DEPTH:
        raise Refused(
            node.at, f"the expression is nested deeper than {DEPTH} levels; make several guards or fields of it"
        )
    return node


def _start(token: Token) -> int:
    return token.start_pos or 0


def _end(token: Token) -> int:
    return token.end_pos or 0


@v_args(inline=True)
class _Builder(Transformer[Token, syntax.Node]):
    """Makes a node of each rule that the parser completes."""

    def conditional(self, test: syntax.Node, yes: syntax.Node, no: syntax.Node) -> syntax.Node:
        return _node(syntax.Conditional, test.begin, no.finish, (test, yes, no), test=test, yes=yes, no=no)

    def either(self, left: syntax.Node, right: syntax.Node) -> syntax.Node:
        return self._logic("||", left, right)

    def both(self, left: syntax.Node, right: syntax.Node) -> syntax.Node:
        return self._logic("&&", left, right)

    def _logic(self, op: str, left: syntax.Node, right: syntax.Node) -> syntax.Node:
        if isinstance(left, syntax.Logic) and left.op == op:
            depth = max(left.depth, right.depth + 1)
            return _within(
                syntax.Logic(
                    at=left.begin,
                    end=right.finish,
                    depth=depth,
                    size=left.size + right.size,
                    op=op,
                    parts=(*left.parts, right),
                )
            )
        return _node(syntax.Logic, left.begin, right.finish, (left, right), op=op, parts=(left, right))

    def binary(self, left: syntax.Node, op: Token, right: syntax.Node) -> syntax.Node:
        return _node(
            syntax.Binary,
            left.begin,
            right.finish,
            (left, right),
            op=str(op),
            op_at=_start(op),
            left=left,
            right=right,
        )

    def unary(self, op: Token, of: syntax.Node) -> syntax.Node:
        folded = _negative(op, of) if op == "-" else None
        return folded or _node(syntax.Unary, _start(op), of.finish, (of,), op=str(op), of=of)

    def select(self, of: syntax.Node, name: Token) -> syntax.Node:
        return _selected(of, name, optional=False)

    def select_optional(self, of: syntax.Node, name: Token) -> syntax.Node:
        return _selected(of, name, optional=True)

    def index(self, of: syntax.Node, key: syntax.Node, close: Token) -> syntax.Node:
        return _node(syntax.Index, of.begin, _end(close), (of, key), of=of, key=key)

    def method(self, of: syntax.Node, name: Token, args: Any, close: Token) -> syntax.Node:
        return _call(of.begin, name, args, close, of)

    def call(self, name: Token, args: Any, close: Token) -> syntax.Node:
        return _call(_start(name), name, args, close, None)

    def name(self, name: Token) -> syntax.Node:
        if name in RESERVED:
            raise Refused(_start(name), f"{name!s} is a word that CEL keeps for itself and no variable")
        return _node(syntax.Name, _start(name), _end(name), name=str(name))

    def parentheses(self, opening: Token, of: syntax.Node, close: Token) -> syntax.Node:
        return _within(msgspec.structs.replace(of, opens=_start(opening), closes=_end(close), depth=of.depth + 1))

    def list_of(self, opening: Token, items: Any, close: Token) -> syntax.Node:
        return _node(syntax.ListOf, _start(opening), _end(close), items, items=items)

    def map_of(self, opening: Token, pairs: Any, close: Token) -> syntax.Node:
        keys = tuple(key for key, _ in pairs)
        values = tuple(value for _, value in pairs)
        return _node(syntax.MapOf, _start(opening), _end(close), keys + values, keys=keys, values=values)

    def arguments(self, *given: syntax.Node) -> Any:
        return given

    items = pairs = arguments

    def pair(self, key: syntax.Node, value: syntax.Node) -> Any:
        return key, value

    def word(self, word: Token) -> syntax.Node:
        value = {"true": True, "false": False, "null": None}[word]
        return _node(syntax.Constant, _start(word), _end(word), value=value)

    def integer(self, written: Token) -> syntax.Node:
        return _constant(written, integer_of)

    def double(self, written: Token) -> syntax.Node:
        return _constant(written, double_of)

    def string(self, written: Token) -> syntax.Node:
        return _constant(written, text_of)

    def unsigned(self, written: Token) -> syntax.Node:
        sentence = "unsigned integers are not part of the profile, since data hold none; write an integer"
        raise Refused(_start(written), sentence, written[:-1])

    def bytes(self, written: Token) -> syntax.Node:
        raise Refused(_start(written), "bytes are not part of the profile, since data hold none; write a text")


def _selected(of: syntax.Node, name: Token, optional: bool) -> syntax.Node:
    return _node(
        syntax.Select,
        of.begin,
        _end(name),
        (of,),
        of=of,
        name=str(name),
        name_at=_start(name),
        optional=optional,
    )


def _call(at: int, name: Token, args: tuple[syntax.Node, ...], close: Token, of: syntax.Node | None) -> syntax.Node:
    below = args if of is None else (of, *args)
    return _node(syntax.Call, at, _end(close), below, name=str(name), name_at=_start(name), args=args, of=of)


def _constant(written: Token, reading: Any) -> syntax.Node:
    try:
        value = reading(written)
    except BadLiteral as error:
        raise Refused(_start(written) + error.offset, str(error)) from None
    return _node(syntax.Constant, _start(written), _end(written), value=value)


def _negative(minus: Token, of: syntax.Node) -> syntax.Node | None:
    """The negative number that a minus before an unsigned literal is; so -9223372036854775808 can be written."""
    if not isinstance(of, syntax.Constant) or type(of.value) not in (int, float) or of.opens is not None:
        return None
    value = of.value
    assert isinstance(value, (int, float))
    return None if value < 0 else syntax.Constant(at=_start(minus), end=of.end, value=-value)


TOO_LARGE = GREATEST + 1
"""What an integer literal may be only behind a minus; the checker refuses it elsewhere."""
