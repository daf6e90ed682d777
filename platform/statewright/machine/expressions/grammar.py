"""CEL's grammar in the form of lark, and what a fault of the parser means in words.

After the grammar of the CEL language definition, its precedence and its tokens. What CEL has and the profile leaves out
(unsigned integers, bytes) is a token all the same, so that its refusal can say what to write instead.
"""

from __future__ import annotations

from lark import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

GRAMMAR = r"""
?start: expr
?expr: either
     | either "?" either ":" expr                          -> conditional
?either: both
     | either "||" both                                    -> either
?both: relation
     | both "&&" relation                                  -> both
?relation: addition
     | relation (LESS | LESS_EQUAL | MORE | MORE_EQUAL | EQUAL | UNEQUAL | IN) addition -> binary
?addition: multiplication
     | addition (PLUS | MINUS) multiplication              -> binary
?multiplication: unary
     | multiplication (STAR | SLASH | PERCENT) unary       -> binary
?unary: member
     | NOT negated                                         -> unary
     | MINUS opposed                                       -> unary
?negated: member
     | NOT negated                                         -> unary
?opposed: member
     | MINUS opposed                                       -> unary
?member: primary
     | member "." NAME                                     -> select
     | member "." "?" NAME                                 -> select_optional
     | member "." NAME "(" arguments CLOSE                 -> method
     | member "[" expr CLOSE_INDEX                         -> index
?primary: NAME                                             -> name
     | NAME "(" arguments CLOSE                            -> call
     | OPEN expr CLOSE                                     -> parentheses
     | OPEN_INDEX items CLOSE_INDEX                        -> list_of
     | OPEN_MAP pairs CLOSE_MAP                            -> map_of
     | (TRUE | FALSE | NULL)                               -> word
     | INTEGER                                             -> integer
     | DOUBLE                                              -> double
     | STRING                                              -> string
     | UNSIGNED                                            -> unsigned
     | BYTES                                               -> bytes
arguments: [expr ("," expr)*]
items: [expr ("," expr)* [","]]
pairs: [pair ("," pair)* [","]]
pair: expr ":" expr

LESS: "<"
LESS_EQUAL: "<="
MORE: ">"
MORE_EQUAL: ">="
EQUAL: "=="
UNEQUAL: "!="
IN: "in"
PLUS: "+"
MINUS: "-"
STAR: "*"
SLASH: "/"
PERCENT: "%"
NOT: "!"
OPEN: "("
CLOSE: ")"
OPEN_INDEX: "["
CLOSE_INDEX: "]"
OPEN_MAP: "{"
CLOSE_MAP: "}"
TRUE: "true"
FALSE: "false"
NULL: "null"
NAME: /[_a-zA-Z][_a-zA-Z0-9]*/
DOUBLE.3: /[0-9]*\.[0-9]+([eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+/
UNSIGNED.2: /(0[xX][0-9a-fA-F]+|[0-9]+)[uU]/
INTEGER.1: /0[xX][0-9a-fA-F]+|[0-9]+/
STRING.2: /[rR]?("{3}(?:TRIPLE)*?"{3}|'{3}(?:TRIPLE)*?'{3})/
        | /[rR]("[^"\r\n]*"|'[^'\r\n]*')|"([^"\\\r\n]|\\.)*"|'([^'\\\r\n]|\\.)*'/
BYTES.3: /([bB][rR]?|[rR][bB])("([^"\\\r\n]|\\.)*"|'([^'\\\r\n]|\\.)*')/
%ignore /[ \t\f\r\n]+/
%ignore /\/\/[^\r\n]*/
""".replace("TRIPLE", r"[^\\]|\\[^\x00]")

_OTHER_LANGUAGES = {"and": "&&", "or": "||", "AND": "&&", "OR": "||", "is": "==", "eq": "=="}
_KEYWORDS = ("IN", "TRUE", "FALSE", "NULL")


def sentence_of(text: str, error: UnexpectedInput) -> tuple[int, str, str | None]:
    """Where the parser stopped, why in a sentence, and a fix where one is plain."""
    if isinstance(error, UnexpectedCharacters):
        return _of_character(text, error.pos_in_stream or 0)
    if isinstance(error, UnexpectedToken):
        token = error.token
        at = token.start_pos
        if token.type == "$END" or at is None:
            return len(text), f"the expression ends too early{_expected(error)}", None
        if token.type in _KEYWORDS and text[:at].rstrip().endswith((".", "?")):
            return at, f"{token!s} is a word of the language and cannot follow a dot", f'["{token!s}"]'
        if str(token) in _OTHER_LANGUAGES:
            meant = _OTHER_LANGUAGES[str(token)]
            return at, f"{token!s} is no operator here; write {meant}", meant
        if token.type == "MORE" and text[:at].endswith("<"):
            return at - 1, "<> is no operator here; write !=", "!="
        return at, f"{str(token)[:40]!r} is not expected here{_expected(error)}", None
    return 0, "this is not an expression", None


def _of_character(text: str, at: int) -> tuple[int, str, str | None]:
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
