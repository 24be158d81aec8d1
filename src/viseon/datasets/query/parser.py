"""Reads an expression over samples by recursive descent, one method per line of the grammar.

expression := all ("or" all)*
all        := test ("and" test)*
test       := "not" test | "(" expression ")" | comparison
comparison := term operator value | term ["not"] "in" "[" value ("," value)* "]"
            | term "is" ["not"] "missing"
            | value operator term | value ["not"] "in" term
            | term | name "." function "(" text ")" | "has" "(" text ")"
term       := name ("." name)* | "meta" "[" text "]" | "count" "(" [text] ")"
"""

from typing import Any, cast, get_args

from viseon.datasets.query.names import FLAGS, FUNCTIONS, KEYWORDS, Named, Vocabulary
from viseon.datasets.query.tokens import Token, refuse, tokens
from viseon.datasets.query.values import checked, pattern
from viseon.ports.where import (
    All,
    Among,
    Compare,
    Count,
    Labelled,
    Matches,
    Member,
    Missing,
    Not,
    Operator,
    Some,
    Value,
    Where,
)

DEEPEST = 40
MOST_TESTS = 200
MOST_VALUES = 2000

_MIRROR: dict[Operator, Operator] = {
    "==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<=",
}  # fmt: skip
_TEXTUAL = ("startswith", "endswith", "contains", "matches")

Subject = Named | Count


def parse(source: str, names: Vocabulary) -> Where:
    """The expression as a tree. Raises Invalid that names the column and what was expected."""
    reader = _Reader(tokens(source), names)
    if reader.at_end:
        refuse(0, "there is nothing to ask", 'such as split == "val"')
    found = reader.expression()
    if not reader.at_end:
        reader.expected("and, or, or the end")
    return found


class _Reader:
    def __init__(self, words: list[Token], names: Vocabulary) -> None:
        self._words = words
        self._at = 0
        self._names = names
        self._deep = 0
        self._tests = 0
        self._values = 0

    @property
    def now(self) -> Token:
        return self._words[self._at]

    @property
    def at_end(self) -> bool:
        return self.now.kind == "end"

    def expression(self) -> Where:
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def _all(self) -> Where:
        parts = [self._test()]
        while self._take("and"):
            parts.append(self._test())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _test(self) -> Where:
        self._deep += 1
        if self._deep > DEEPEST:
            refuse(self.now.at, f"nested deeper than {DEEPEST}", "leave out some parentheses")
        found = self._nested()
        self._deep -= 1
        return found

    def _nested(self) -> Where:
        if self._take("not"):
            return Not(self._test())
        if self._take("("):
            found = self.expression()
            self._need(")")
            return found
        self._compare(self.now, "use in [..]")
        return self._comparison()

    def _compare(self, token: Token, fix: str) -> None:
        self._tests += 1
        if self._tests > MOST_TESTS:
            refuse(token.at, f"more than {MOST_TESTS} comparisons", fix)

    def _comparison(self) -> Where:
        if self._is_value():
            return self._value_first()
        start = self.now
        if start.word in FLAGS and start.kind == "name":
            self._at += 1
            return self._flag(Labelled(reviewed=start.word == "reviewed"))
        if start.word == "has" and start.kind == "name":
            self._at += 1
            self._need("(")
            name = self._names.check_class(self._text("a class in quotes"))
            self._need(")")
            return Count(name, ">=", 1)
        subject = self._subject()
        if isinstance(subject, Named) and self._take("."):
            return self._function(subject)
        return self._relation(start, subject)

    def _value_first(self) -> Where:
        token, value = self._value()
        inverted = self._take("not")
        if inverted or self.now.word == "in":
            self._need("in")
            found = self._member(token, value)
            return Not(found) if inverted else found
        operator = self._operator()
        start = self.now
        found = self._compared(start, self._subject(), _MIRROR[operator], token, value)
        self._no_chain()
        return found

    def _member(self, token: Token, value: Value) -> Where:
        if self.now.word == "classes":
            self._at += 1
            if token.kind != "text":
                refuse(token.at, "a class is a text", 'such as "person" in classes')
            return Count(self._names.check_class(token), ">=", 1)
        if self.now.word == "[":
            refuse(token.at, "expected a name before in [..]", 'such as camera_id in ["a", "b"]')
        start = self.now
        subject = self._subject()
        if isinstance(subject, Count) or isinstance(subject.term, str):
            refuse(start.at, f"{start.word} is no list", "compare it with ==, or .contains(…)")
        return Member(subject.term, value)

    def _relation(self, start: Token, subject: Subject) -> Where:
        inverted = self._take("not")
        if inverted or self.now.word == "in":
            self._need("in")
            return self._among(start, subject, inverted=inverted)
        if self._take("is"):
            inverted = self._take("not")
            self._need("missing")
            if isinstance(subject, Count):
                refuse(start.at, "count(…) is never missing", "compare it with 0")
            return Not(Missing(subject.term)) if inverted else Missing(subject.term)
        if self._ends() and isinstance(subject, Named) and subject.type in ("boolean", "any"):
            return Compare(subject.term, "==", True)
        operator = self._operator()
        token, value = self._value()
        found = self._compared(start, subject, operator, token, value)
        self._no_chain()
        return found

    def _compared(
        self, start: Token, subject: Subject, operator: Operator, token: Token, value: Value
    ) -> Where:
        if isinstance(subject, Count):
            if isinstance(value, bool) or not isinstance(value, float):
                refuse(token.at, f"count(…) is a number; {token} is not", "such as >= 3")
            return Count(subject.class_name, operator, value)
        if subject.type == "list":
            refuse(start.at, f"{subject.name} is a list", f'write "night" in {subject.name}')
        return Compare(subject.term, operator, checked(subject, token, value))

    def _among(self, start: Token, subject: Subject, *, inverted: bool) -> Where:
        if self.now.word != "[":
            self.expected("a list in brackets")
        if isinstance(subject, Named) and subject.type == "list":
            refuse(start.at, f"{subject.name} is a list", f'write "night" in {subject.name}')
        self._need("[")
        values: list[Value] = []
        while True:
            token, value = self._value()
            if isinstance(subject, Named):
                value = checked(subject, token, value)
            else:  # each number is a comparison of its own
                self._compare(token, "compare count(…) with < and >")
            if values and type(value) is not type(values[0]):
                refuse(token.at, f"{token} is of another type than what stands before it")
            values.append(value)
            if not self._take(","):
                break
        self._need("]")
        if isinstance(subject, Named):
            return Among(subject.term, tuple(values), inverted)
        counts = tuple(self._compared(start, subject, "==", start, v) for v in values)
        return Not(Some(counts)) if inverted else Some(counts)

    def _function(self, subject: Named) -> Where:
        name = self.now
        if name.word not in _TEXTUAL:
            self.expected(" or ".join(_TEXTUAL))
        self._at += 1
        if subject.type not in ("text", "choice", "any", "date", "weekday"):
            refuse(name.at, f"{subject.name} is no text", "compare it with ==, <, >=, …")
        self._need("(")
        text = self._text("a text in quotes")
        self._need(")")
        return Matches(subject.term, pattern(name.word, text))

    def _flag(self, flag: Labelled) -> Where:
        for operator in ("==", "!="):
            if self._take(operator):
                token, value = self._value()
                if not isinstance(value, bool):
                    refuse(token.at, f"expected true or false, found {token}")
                return flag if value == (operator == "==") else Not(flag)
        return flag

    def _subject(self) -> Subject:
        token = self.now
        if token.kind != "name" or (token.word in KEYWORDS and token.word != "meta"):
            self.expected("a name")
        self._at += 1
        if token.word in FUNCTIONS and self.now.word in ("(", "["):
            return self._called(token)
        name = token.word
        while self.now.word == "." and self._word(2) != "(":
            self._at += 1
            if self.now.kind != "name":
                self.expected("the rest of the name")
            name += f".{self.now.word}"
            self._at += 1
        if name == "classes":
            refuse(token.at, "classes is a list", 'write "person" in classes')
        return self._names.find(token, name)

    def _called(self, token: Token) -> Subject:
        if token.word == "meta":
            self._need("[")
            key = self._text("a metadata key in quotes")
            self._need("]")
            return self._names.meta(key.text)
        if token.word != "count":
            refuse(token.at, f"{token.word}(…) is no value", "it stands alone")
        self._need("(")
        name = None if self.now.word == ")" else self._text("a class in quotes")
        self._need(")")
        return Count(None if name is None else self._names.check_class(name), ">=", 1)

    def _value(self) -> tuple[Token, Value]:
        token = self.now
        if not self._is_value():
            self.expected("a value: a text in quotes, a number, true or false")
        self._at += 1
        self._values += 1
        if self._values > MOST_VALUES:
            refuse(token.at, f"more than {MOST_VALUES} values", "tag the samples and ask for it")
        if token.kind == "text":
            return token, token.text
        if token.kind == "name":
            return token, token.word.lower() == "true"
        number = float(token.word)
        if number in (float("inf"), float("-inf")):
            refuse(token.at, f"{token.word} is too large", "the largest number is 1.8e308")
        return token, number

    def _is_value(self) -> bool:
        boolean = self.now.kind == "name" and self.now.word in ("true", "false", "True", "False")
        return boolean or self.now.kind in ("text", "number")

    def _text(self, what: str) -> Token:
        if self.now.kind != "text":
            self.expected(what)
        self._at += 1
        return self._words[self._at - 1]

    def _operator(self) -> Operator:
        if self.now.word not in get_args(Operator) or self.now.kind != "sign":
            self.expected("==, !=, <, <=, >, >=, in or is")
        self._at += 1
        return cast(Operator, self._words[self._at - 1].word)

    def _no_chain(self) -> None:
        if self.now.kind == "sign" and self.now.word in get_args(Operator):
            refuse(self.now.at, "comparisons cannot be chained", "write hour >= 6 and hour < 9")

    def _ends(self) -> bool:
        return self.now.kind == "end" or self.now.word in ("and", "or", ")")

    def _word(self, further: int) -> str:
        """The word after the next ones; empty past the end."""
        at = self._at + further
        return self._words[at].word if at < len(self._words) else ""

    def _take(self, word: str) -> bool:
        if self.now.word == word and self.now.kind != "text":
            self._at += 1
            return True
        return False

    def _need(self, word: str) -> None:
        if not self._take(word):
            self.expected(word)

    def expected(self, what: str) -> Any:
        refuse(self.now.at, f"expected {what}, found {self.now}")
