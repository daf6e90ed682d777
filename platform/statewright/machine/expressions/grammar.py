"""CEL's grammar in the form of lark, and what a fault of the parser means in words.

After the grammar of the CEL language definition. Operators stand in one flat chain, which `parse` binds by precedence:
that saves the parser eight steps for every operand. What the terminals are is said in `tokens`.
"""

from __future__ import annotations

from lark import UnexpectedToken

from statewright.machine.expressions.tokens import Terminal

GRAMMAR = r"""
?start: expr
?expr: chain
     | chain OPTION chain COLON expr                       -> conditional
?chain: operand
     | operand ((OPERATOR | MINUS) operand)+               -> chained
?operand: member
     | NOT negated                                         -> unary
     | MINUS opposed                                       -> unary
?negated: member
     | NOT negated                                         -> unary
?opposed: member
     | MINUS opposed                                       -> unary
?member: NAME                                              -> name
     | member DOT NAME                                     -> select
     | member DOT OPTION NAME                              -> select_optional
     | member DOT NAME OPEN arguments CLOSE                -> method
     | member OPEN_INDEX expr CLOSE_INDEX                  -> index
     | NAME OPEN arguments CLOSE                           -> call
     | OPEN expr CLOSE                                     -> parentheses
     | OPEN_INDEX items CLOSE_INDEX                        -> list_of
     | OPEN_MAP pairs CLOSE_MAP                            -> map_of
     | WORD                                                -> word
     | INTEGER                                             -> integer
     | DOUBLE                                              -> double
     | STRING                                              -> string
     | UNSIGNED                                            -> unsigned
     | BYTES                                               -> bytes
arguments: [expr (COMMA expr)*]
items: [expr (COMMA expr)* [COMMA]]
pairs: [pair (COMMA pair)* [COMMA]]
pair: expr COLON expr
%declare OPTION COLON OPERATOR MINUS NOT DOT COMMA NAME WORD
%declare OPEN CLOSE OPEN_INDEX CLOSE_INDEX OPEN_MAP CLOSE_MAP
%declare INTEGER DOUBLE STRING UNSIGNED BYTES
"""

_OTHER_LANGUAGES = {"and": "&&", "or": "||", "AND": "&&", "OR": "||", "is": "==", "eq": "=="}
_KEYWORDS = frozenset({"in", "true", "false", "null"})


def sentence_of_token(text: str, error: UnexpectedToken) -> tuple[int, str, str | None]:
    """Where the parser stopped, why in a sentence, and a fix where one is plain."""
    if not isinstance(error.token, Terminal):
        return len(text), f"the expression ends too early{_expected(error)}", None
    token, at = error.token, error.token.at
    if token.text in _KEYWORDS and text[:at].rstrip().endswith((".", "?")):
        return at, f"{token.text} is a word of the language and cannot follow a dot", f'["{token.text}"]'
    if token.text in _OTHER_LANGUAGES:
        meant = _OTHER_LANGUAGES[token.text]
        return at, f"{token.text} is no operator here; write {meant}", meant
    if token.text == ">" and text[:at].endswith("<"):
        return at - 1, "<> is no operator here; write !=", "!="
    return at, f"{token.text[:40]!r} is not expected here{_expected(error)}", None


def sentence_of_character(text: str, at: int) -> tuple[int, str, str | None]:
    """Why nothing of the language begins at `at`, with the place and a fix where one is plain."""
    character = text[at] if at < len(text) else ""
    if character in "\"'":
        return at, "this text has no closing quotation mark, or holds an escape that does not exist", None
    if character in "&|":
        return at, f"{character!r} alone is no operator", character * 2
    if character == "=":
        return at, "'=' is no operator; values are compared by ==", "=="
    if not character.isascii():
        return at, f"{character!r} cannot stand here: names are ASCII letters, digits and _", None
    return at, f"{character!r} cannot stand here", None


_WORDS = {
    "CLOSE": ")",
    "CLOSE_INDEX": "]",
    "CLOSE_MAP": "}",
    "COLON": ":",
    "NAME": "a name",
}


def _expected(error: UnexpectedToken) -> str:
    """What could stand there instead, when that can be said in a few words."""
    wanted = set(error.accepts or error.expected or ())
    if "INTEGER" in wanted:
        return "; a value is missing"
    named = [word for token, word in _WORDS.items() if token in wanted]
    return f"; {' or '.join(named)} is missing" if named else ""
