"""From text to syntax tree, under the limits of length, nodes and depth.

The parser keeps a stack of its own and builds nodes from the bottom up, so nothing here recurses; the node that is too
deep, or one too many, ends the parse at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, TypeVar

import msgspec
from lark import Lark, UnexpectedToken

from statewright.machine.expressions import syntax
from statewright.machine.expressions.grammar import GRAMMAR, sentence_of_character, sentence_of_token
from statewright.machine.expressions.literals import GREATEST, BadLiteral, double_of, integer_of, text_of
from statewright.machine.expressions.tokens import Terminal, Tokens, Unreadable
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
    except UnexpectedToken as error:
        raise Refused(*sentence_of_token(text, error)) from None
    except Unreadable as error:
        raise Refused(*sentence_of_character(text, error.at)) from None
    if tree.size > NODES:
        raise Refused(0, f"the expression has more than {NODES} parts; make several named guards or fields of it")
    node: syntax.Node = tree
    return node


@cache
def _parser() -> Lark:
    """Made when the first expression is parsed, since making its tables takes a tenth of a second."""
    return Lark(GRAMMAR, parser="lalr", lexer=Tokens, maybe_placeholders=False, transformer=_Builder())


def _node(kind: type[_Node], at: int, end: int, below: Sequence[syntax.Node], **facts: Any) -> _Node:
    depth, size = 1, 1
    for node in below:
        size += node.size
        if node.depth >= depth:
            depth = node.depth + 1
    return _within(kind(at=at, end=end, depth=depth, size=size, **facts))


def _within(node: _Node) -> _Node:
    if node.size > NODES:
        raise Refused(node.at, f"the expression has more than {NODES} parts; make several named guards or fields of it")
    if node.depth > DEPTH:
        raise Refused(
            node.at, f"the expression is nested deeper than {DEPTH} levels; make several guards or fields of it"
        )
    return node


class _Builder:
    """Makes a node of each rule that the parser completes; `parts` is what the rule is made of, in order."""

    def conditional(self, parts: Any) -> syntax.Node:
        test, _, yes, _, no = parts
        return _node(syntax.Conditional, test.begin, no.finish, (test, yes, no), test=test, yes=yes, no=no)

    def chained(self, parts: Any) -> syntax.Node:
        return _bound(parts)

    def unary(self, parts: Any) -> syntax.Node:
        op, of = parts
        folded = _negative(op, of) if op.text == "-" else None
        return folded or _node(syntax.Unary, op.at, of.finish, (of,), op=op.text, of=of)

    def select(self, parts: Any) -> syntax.Node:
        of, _, name = parts
        return _selected(of, name, optional=False)

    def select_optional(self, parts: Any) -> syntax.Node:
        of, _, _, name = parts
        return _selected(of, name, optional=True)

    def index(self, parts: Any) -> syntax.Node:
        of, _, key, close = parts
        return _node(syntax.Index, of.begin, close.end, (of, key), of=of, key=key)

    def method(self, parts: Any) -> syntax.Node:
        of, _, name, _, args, close = parts
        return _call(of.begin, name, args, close, of)

    def call(self, parts: Any) -> syntax.Node:
        name, _, args, close = parts
        return _call(name.at, name, args, close, None)

    def name(self, parts: Any) -> syntax.Node:
        (name,) = parts
        if name.text in RESERVED:
            raise Refused(name.at, f"{name.text} is a word that CEL keeps for itself and no variable")
        return syntax.Name(at=name.at, end=name.end, name=name.text)

    def parentheses(self, parts: Any) -> syntax.Node:
        opening, of, close = parts
        node: syntax.Node = msgspec.structs.replace(of, opens=opening.at, closes=close.end, depth=of.depth + 1)
        return _within(node)

    def list_of(self, parts: Any) -> syntax.Node:
        opening, items, close = parts
        return _node(syntax.ListOf, opening.at, close.end, items, items=items)

    def map_of(self, parts: Any) -> syntax.Node:
        opening, pairs, close = parts
        keys = tuple(key for key, _ in pairs)
        values = tuple(value for _, value in pairs)
        return _node(syntax.MapOf, opening.at, close.end, keys + values, keys=keys, values=values)

    def arguments(self, parts: Any) -> Any:
        return tuple(parts[::2])  # between them stand commas

    items = pairs = arguments

    def pair(self, parts: Any) -> Any:
        key, _, value = parts
        return key, value

    def word(self, parts: Any) -> syntax.Node:
        (word,) = parts
        value = {"true": True, "false": False, "null": None}[word.text]
        return syntax.Constant(at=word.at, end=word.end, value=value)

    def integer(self, parts: Any) -> syntax.Node:
        return _constant(parts[0], integer_of)

    def double(self, parts: Any) -> syntax.Node:
        return _constant(parts[0], double_of)

    def string(self, parts: Any) -> syntax.Node:
        return _constant(parts[0], text_of)

    def unsigned(self, parts: Any) -> syntax.Node:
        (written,) = parts
        sentence = "unsigned integers are not part of the profile, since data hold none; write an integer"
        raise Refused(written.at, sentence, written.text[:-1])

    def bytes(self, parts: Any) -> syntax.Node:
        raise Refused(parts[0].at, "bytes are not part of the profile, since data hold none; write a text")


_PRECEDENCE = {
    "||": 0, "&&": 1, "<": 2, "<=": 2, ">": 2, ">=": 2, "==": 2, "!=": 2, "in": 2,
    "+": 3, "-": 3, "*": 4, "/": 4, "%": 4,
}  # fmt: skip
"""All of them bind to the left."""


def _bound(chain: Sequence[Any]) -> syntax.Node:
    """The tree of operands with operators between them: an operator waits until one comes that binds no tighter."""
    done: list[syntax.Node] = [chain[0]]
    waiting: list[Terminal] = []
    for index in range(1, len(chain), 2):
        operator = chain[index]
        while waiting and _PRECEDENCE[waiting[-1].text] >= _PRECEDENCE[operator.text]:
            _bind(done, waiting.pop())
        waiting.append(operator)
        done.append(chain[index + 1])
    while waiting:
        _bind(done, waiting.pop())
    return done[0]


def _bind(done: list[syntax.Node], operator: Terminal) -> None:
    right, left = done.pop(), done.pop()
    op = operator.text
    if op in ("&&", "||"):
        done.append(_logic(op, left, right))
    else:
        below, at = (left, right), operator.at
        done.append(_node(syntax.Binary, left.begin, right.finish, below, op=op, op_at=at, left=left, right=right))


def _logic(op: str, left: syntax.Node, right: syntax.Node) -> syntax.Node:
    if not isinstance(left, syntax.Logic) or left.op != op:
        return _node(syntax.Logic, left.begin, right.finish, (left, right), op=op, parts=(left, right))
    depth, size = max(left.depth, right.depth + 1), left.size + right.size
    parts = (*left.parts, right)
    return _within(syntax.Logic(at=left.begin, end=right.finish, depth=depth, size=size, op=op, parts=parts))


def _selected(of: syntax.Node, name: Terminal, optional: bool) -> syntax.Node:
    return _node(
        syntax.Select,
        of.begin,
        name.end,
        (of,),
        of=of,
        name=name.text,
        name_at=name.at,
        optional=optional,
    )


def _call(
    at: int, name: Terminal, args: tuple[syntax.Node, ...], close: Terminal, of: syntax.Node | None
) -> syntax.Node:
    below = args if of is None else (of, *args)
    return _node(syntax.Call, at, close.end, below, name=name.text, name_at=name.at, args=args, of=of)


def _constant(written: Terminal, reading: Any) -> syntax.Node:
    try:
        value = reading(written.text)
    except BadLiteral as error:
        raise Refused(written.at + error.offset, str(error)) from None
    return syntax.Constant(at=written.at, end=written.end, value=value)


def _negative(minus: Terminal, of: syntax.Node) -> syntax.Node | None:
    """The negative number that a minus before an unsigned literal is; so -9223372036854775808 can be written."""
    if not isinstance(of, syntax.Constant) or type(of.value) not in (int, float) or of.opens is not None:
        return None
    value = of.value
    assert isinstance(value, (int, float))
    return None if value < 0 else syntax.Constant(at=minus.at, end=of.end, value=-value)


TOO_LARGE = GREATEST + 1
"""What an integer literal may be only behind a minus; the checker refuses it elsewhere."""
