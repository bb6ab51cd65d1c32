"""From the text of an expression to its syntax tree, by precedence climbing."""

from __future__ import annotations

from hamsight_core.errors import ExpressionError
from hamsight_query.where import syntax
from hamsight_query.where.tokens import INT64_MAX, KEYWORDS, Token, TokenKind, tokenize

MAX_DEPTH = 100

# How tightly an operator binds; a higher number binds tighter.
_OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _SIGN = range(1, 8)
_ARITHMETIC = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "%": _PRODUCT}
_JUNCTIONS = {"or": _OR, "and": _AND}
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
_REMEDIES = {"=": "==", "<>": "!=", "&&": "and", "&": "and", "||": "or", "|": "or", "!": "not"}
_INFIX = {
    "is": 'write == or !=, or for what may be missing "NAME" in attributes',
    "like": 'write like({}, "%text%")',
    "ilike": 'write ilike({}, "%text%")',
    "contains": 'write "TEXT" in {}',
    "between": "write 1 <= {} <= 9",
}
_VALUE = "a name, a number, a text in quotes or ("


def parse(text: str) -> syntax.Node:
    """Return the syntax tree of `text`.

    Raises ExpressionError where `text` breaks the grammar, nests deeper than `MAX_DEPTH`, or
    holds a literal that is out of range.
    """
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(tokenize(text))
        self._at = 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def whole(self) -> syntax.Node:
        node = self._expression(_OR, 1)
        if self._token.kind is not TokenKind.END:
            raise self._unexpected("an operator or the end")
        if node.depth > MAX_DEPTH:
            raise self._too_deep(node.column)
        return node

    def _expression(self, minimum: int, level: int) -> syntax.Node:
        """Parse an operand and all operators after it that bind at least as `minimum`."""
        if level > MAX_DEPTH:
            raise self._too_deep(self._token.column)
        node = self._operand(minimum, level)
        while True:
            token = self._token
            if token.kind not in (TokenKind.SYMBOL, TokenKind.KEYWORD):
                return node
            if _ARITHMETIC.get(token.written, 0) >= minimum:
                node = self._arithmetic(node, level)
            elif self._at_comparison() and minimum <= _COMPARISON:
                node = self._comparison(node, level)
            elif _JUNCTIONS.get(token.written, 0) >= minimum:
                node = self._junction(node, level)
            else:
                return node
            if node.depth > MAX_DEPTH:
                raise self._too_deep(node.column)

    def _arithmetic(self, left: syntax.Node, level: int) -> syntax.Node:
        token = self._next()
        right = self._expression(_ARITHMETIC[token.written] + 1, level + 1)
        return syntax.Arithmetic(token.column, token.written, left, right)

    def _junction(self, first: syntax.Node, level: int) -> syntax.Node:
        token = self._token
        operands = [first]
        while self._take(token.written):
            operands.append(self._expression(_JUNCTIONS[token.written] + 1, level + 1))
        return syntax.Junction(token.column, token.written, tuple(operands))

    def _at_comparison(self) -> bool:
        if self._token.written == "not" and self._token.kind is TokenKind.KEYWORD:
            return self._tokens[self._at + 1].written == "in"
        return self._token.written in (*_COMPARISONS, "in")

    def _comparison(self, first: syntax.Node, level: int) -> syntax.Node:
        column = self._token.column
        if self._token.written in KEYWORDS:
            node: syntax.Node = self._membership(first, level)
        else:
            links = []
            while self._token.written in _COMPARISONS and self._token.kind is TokenKind.SYMBOL:
                token = self._next()
                operand = self._expression(_SUM, level + 1)
                links.append(syntax.Link(token.column, token.written, operand))
            node = syntax.Comparison(column, first, tuple(links))
        if self._at_comparison():
            message = f"found {self._token} after a comparison; join the two with and, or use ( )"
            raise self._fault(message, self._token.column)
        return node

    def _membership(self, left: syntax.Node, level: int) -> syntax.Node:
        column = self._token.column
        negated = self._take("not")
        self._expect("in", "in")
        return syntax.Membership(column, left, self._container(level + 1), negated)

    def _container(self, level: int) -> syntax.Node:
        """Parse what stands to the right of `in`: a list, or a name."""
        opening = self._token
        if not (self._take("[") or self._take("(")):
            return self._expression(_SUM, level)
        closing = "]" if opening.written == "[" else ")"
        items: list[syntax.Node] = []
        while not items or self._take(","):
            if self._token.written == closing and self._token.kind is TokenKind.SYMBOL:
                break
            items.append(self._expression(_OR, level + 1))
        self._expect(closing, f"a comma or {closing}")
        if not items:
            raise self._fault("found an empty list, expected at least one item", opening.column)
        literal = isinstance(items[0], syntax.Number | syntax.Text)
        if closing == ")" and len(items) == 1 and not literal:
            return items[0]
        return syntax.Sequence(opening.column, tuple(items))

    def _operand(self, minimum: int, level: int) -> syntax.Node:
        token = self._token
        if token.kind is TokenKind.NUMBER:
            self._next()
            return self._number(token, token.value)
        if token.kind is TokenKind.TEXT:
            self._next()
            return syntax.Text(token.column, str(token.value))
        if token.kind is TokenKind.NAME:
            return self._name(level)
        if self._take("("):
            node = self._expression(_OR, level + 1)
            self._expect(")", "an operator or )")
            return node
        if self._take("-"):
            return self._negation(token, level)
        if token.written == "not" and token.kind is TokenKind.KEYWORD:
            if minimum > _NOT:
                raise self._fault(f"found not, expected {_VALUE}; write (not ...)", token.column)
            self._next()
            return syntax.Not(token.column, self._expression(_NOT, level + 1))
        raise self._unexpected(_VALUE)

    def _negation(self, minus: Token, level: int) -> syntax.Node:
        token = self._token
        if token.kind is TokenKind.NUMBER and not isinstance(token.value, str):
            self._next()
            return syntax.Number(minus.column, -token.value)
        return syntax.Negation(minus.column, self._expression(_SIGN, level + 1))

    def _number(self, token: Token, value: int | float | str) -> syntax.Node:
        if isinstance(value, str) or (isinstance(value, int) and value > INT64_MAX):
            raise self._fault(f"found an integer of more than 64 bits, {token}", token.column)
        return syntax.Number(token.column, value)

    def _name(self, level: int) -> syntax.Node:
        token = self._next()
        if token.written.lower() == "not":
            raise self._fault(f"found {token}, expected not in lower case", token.column)
        if self._take("."):
            of = self._name(level)
            if isinstance(of, syntax.Call):
                call = of.function
                message = f"found parent.{call}(...); write the function around it"
                raise self._fault(f"{message}, as in {call}(parent.id)", of.column)
            if not isinstance(of, syntax.Name | syntax.Entry):
                message = "found parent.parent, expected a column of the picture, which has none"
                raise self._fault(message, of.column)
            return syntax.OfParent(token.column, of)
        if self._take("("):
            return syntax.Call(token.column, token.written, self._arguments(level))
        if self._take("["):
            key = self._token
            if key.kind is not TokenKind.TEXT:
                raise self._unexpected(f'a name in quotes, as in {token}["name"]')
            self._next()
            self._expect("]", "]")
            return syntax.Entry(token.column, token.written, str(key.value))
        if self._token.kind is TokenKind.NAME and self._token.written.lower() not in KEYWORDS:
            remedy = f'; a tag of several words is written tags["{token} {self._token}"]'
            if self._token.written.lower() in _INFIX:
                remedy = "; " + _INFIX[self._token.written.lower()].format(token)
            raise self._unexpected("an operator or the end", remedy)
        return syntax.Name(token.column, token.written)

    def _arguments(self, level: int) -> tuple[syntax.Node, ...]:
        if self._take(")"):
            return ()
        arguments = [self._expression(_OR, level + 1)]
        while self._take(","):
            arguments.append(self._expression(_OR, level + 1))
        self._expect(")", "a comma or )")
        return tuple(arguments)

    def _next(self) -> Token:
        token = self._token
        self._at += 1
        return token

    def _take(self, written: str) -> bool:
        """Step over the symbol or keyword `written` if it stands here."""
        kinds = (TokenKind.SYMBOL, TokenKind.KEYWORD)
        found = self._token.kind in kinds and self._token.written == written
        self._at += found
        return found

    def _expect(self, written: str, expected: str) -> None:
        if not self._take(written):
            raise self._unexpected(expected)

    def _unexpected(self, expected: str, remedy: str = "") -> ExpressionError:
        token = self._token
        if token.kind is TokenKind.SYMBOL and token.written in _REMEDIES:
            remedy = f"; write {_REMEDIES[token.written]}"
        elif token.kind is TokenKind.NAME and token.written.lower() in KEYWORDS:
            remedy = f"; write {token.written.lower()}"
        return self._fault(f"found {token}, expected {expected}{remedy}", token.column)

    def _too_deep(self, column: int) -> ExpressionError:
        message = f"found more than {MAX_DEPTH} levels of operators and parentheses; split it up"
        return self._fault(message, column)

    def _fault(self, message: str, column: int) -> ExpressionError:
        return ExpressionError(message, self._text, column)
