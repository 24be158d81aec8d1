"""Cuts an expression into words, each with its place."""

import re
from dataclasses import dataclass
from typing import Literal, NoReturn

from viseon.schema import Invalid

MOST_CHARACTERS = 20_000
MOST_IN_TEXT = 1000

Kind = Literal["name", "text", "number", "sign", "end"]

_PATTERN = re.compile(
    r"""(?P<blank>\s+)
    |(?P<number>-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    |(?P<name>[^\W\d]\w*)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<sign>==|!=|<=|>=|[<>()\[\],.])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}
_INSTEAD = {"=": "==", "&": "and", "|": "or", "!": "not", "{": "(", "}": ")", "~": ".matches(…)"}


@dataclass(frozen=True, slots=True)
class Token:
    """One word; `at` counts characters from 0."""

    kind: Kind
    word: str
    at: int
    text: str = ""
    """What a quoted text says."""

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else repr(self.word)


def refuse(at: int, message: str, fix: str = "") -> NoReturn:
    """Raises Invalid that points at the column, counted from 1."""
    raise Invalid(f"where, column {at + 1}: {message}", fix=fix)


def tokens(source: str) -> list[Token]:
    """All words and the end. Raises Invalid for what cannot be a word."""
    if len(source) > MOST_CHARACTERS:
        raise Invalid(
            f"where: {len(source)} characters are more than {MOST_CHARACTERS}",
            fix="ask for less at once, or describe samples with a tag and ask for the tag",
        )
    found: list[Token] = []
    at = 0
    while at < len(source):
        matched = _PATTERN.match(source, at)
        if matched is None:
            _unreadable(source, at)
        word = matched[0]
        if matched.lastgroup == "text":
            found.append(Token("text", word, at, _unquoted(word, at)))
        elif matched.lastgroup in ("name", "number", "sign"):
            kind: Kind = matched.lastgroup  # type: ignore[assignment]
            found.append(Token(kind, word, at))
        at = matched.end()
    return [*found, Token("end", "", at)]


def _unreadable(source: str, at: int) -> NoReturn:
    sign = source[at]
    if sign in "\"'":
        refuse(at, f"the text that begins here has no closing {sign}", f"close it with {sign}")
    if sign.isdigit() or sign in "-.":
        refuse(at, f"{source[at : at + 20]!r} is not a number", "such as 3, -0.5 or 1e6")
    if sign in _INSTEAD:
        refuse(at, f"{sign!r} is not understood", f"write {_INSTEAD[sign]}")
    refuse(at, f"{sign!r} is not understood", 'put texts in quotes, such as "a b"')


def _unquoted(word: str, at: int) -> str:
    def read(matched: re.Match[str]) -> str:
        said = matched[1]
        if said[0] in "uU" and len(said) > 1:
            number = int(said[1:], 16)
            return chr(number) if number <= 0x10FFFF else "\0"  # noqa: PLR2004
        if said not in _SIMPLE:
            refuse(at + matched.start(), f"unknown escape \\{said}", r"write \\ for a backslash")
        return _SIMPLE[said]

    text = _ESCAPE.sub(read, word[1:-1])
    if len(text) > MOST_IN_TEXT:
        refuse(at, f"the text is longer than {MOST_IN_TEXT} characters", "compare with less")
    try:  # two halves may have been escaped one by one, as JSON does
        text = text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        refuse(at, "the text holds half a character", "leave it out")
    if "\0" in text:
        refuse(at, "the text holds a NUL", "leave it out")
    return text
