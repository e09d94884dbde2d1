"""The filter language, evaluated row by row in the plainest way: the oracle of the filter matrix.

Written from the language's description, not from the C code: a recursive-descent parser by the
table of precedence, and an evaluator that gives True, False or None (unknown) for one row. Rows
are dicts of Python values: None is null; bool, int, float, str; list for arrays; for JSON columns
the parsed value. Only valid filters are given to it.
"""

import datetime
import re
import struct

TOKENS = re.compile(r"""
    [ \t\r\n]+
  | (?P<float>\d+\.\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)
  | (?P<hex>0[xX][0-9a-fA-F]+) | (?P<bin>0[bB][01]+) | (?P<int>\d+)
  | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<nulltest>is[ ]not[ ]null|is[ ]null|IS[ ]NOT[ ]NULL|IS[ ]NULL)\b
  | (?P<name>(?:\$meta|[A-Za-z_][A-Za-z0-9_]*)(?:\[(?:"[^"]*"|'[^']*'|\d+)\])*)
  | (?P<op>\*\*|<<|>>|==|!=|<=|>=|&&|\|\||[-+*/%<>()\[\],=!~&|^])
""", re.X)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}
WORDS = {"and": "and", "AND": "and", "&&": "and", "or": "or", "OR": "or", "||": "or",
         "not": "not", "NOT": "not", "!": "not", "in": "in", "IN": "in",
         "like": "like", "LIKE": "like", "exists": "exists", "EXISTS": "exists",
         "iso": "iso", "ISO": "iso", "interval": "interval", "INTERVAL": "interval"}
BOOLEANS = {"true": True, "True": True, "TRUE": True,
            "false": False, "False": False, "FALSE": False}
MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
INT64 = (-2 ** 63, 2 ** 63 - 1)


class Syntax(Exception):
    pass


def unquote(text):
    out, i = [], 1
    while i < len(text) - 1:
        c = text[i]
        if c == "\\":
            after = text[i + 1]
            if after in "%_":
                out.append("\\" + after)
            elif after == "u":
                out.append(chr(int(text[i + 2:i + 6], 16)))
                i += 4
            elif after == "x":
                out.append(chr(int(text[i + 2:i + 4], 16)))
                i += 2
            else:
                out.append(ESCAPES[after])
            i += 2
        else:
            out.append(c)
            i += 1
    return "".join(out)


def tokens(text):
    out, at = [], 0
    while at < len(text):
        match = TOKENS.match(text, at)
        if not match:
            raise Syntax("at %d of %s" % (at, text))
        at = match.end()
        kind, value = match.lastgroup, match.group()
        if kind == "float":
            out.append(("lit", float(value)))
        elif kind in ("hex", "bin"):
            out.append(("lit", int(value, 0)))
        elif kind == "int":
            octal = len(value) > 1 and value[0] == "0"
            out.append(("lit", int(value, 8) if octal else int(value)))
        elif kind == "string":
            out.append(("lit", unquote(value)))
        elif kind == "nulltest":
            out.append(("op", value.lower()))
        elif kind == "name" and value in BOOLEANS:
            out.append(("lit", BOOLEANS[value]))
        elif kind in ("name", "op") and value in WORDS:
            out.append(("op", WORDS[value]))
        elif kind == "name":
            out.append(("path", value))
        elif kind == "op":
            out.append(("op", value))
    return out + [("end", "")]


def path_of(text):
    name = re.match(r"\$meta|[A-Za-z0-9_]+", text).group()
    parts = re.findall(r"\[(?:\"([^\"]*)\"|'([^']*)'|(\d+))\]", text[len(name):])
    return ("path", name, [int(n) if n else a or b for a, b, n in parts])


class Parser:
    """Nodes are tuples: ("lit", v), ("list", [..]), ("path", name, parts), (operator, ...)."""

    def __init__(self, text):
        self.tokens = tokens(text)
        self.at = 0

    def peek(self):
        return self.tokens[self.at]

    def take(self, *values):
        kind, value = self.peek()
        if kind == "op" and value in values:
            self.at += 1
            return value
        return None

    def need(self, value):
        if not self.take(value):
            raise Syntax("%s expected, got %r" % (value, self.peek()))

    def parse(self):
        node = self.disjunction()
        if self.peek()[0] != "end":
            raise Syntax("more text: %r" % (self.peek(),))
        return node

    def disjunction(self):
        nodes = [self.conjunction()]
        while self.take("or"):
            nodes.append(self.conjunction())
        return nodes[0] if len(nodes) == 1 else ("or", nodes)

    def conjunction(self):
        nodes = [self.equality()]
        while self.take("and"):
            nodes.append(self.equality())
        return nodes[0] if len(nodes) == 1 else ("and", nodes)

    def equality(self):
        left = self.relation()
        while True:
            op = self.take("==", "!=")
            if not op:
                return left
            left = ("compare", op, left, self.relation())

    def relation(self):
        left = self.membership()
        while True:
            op = self.take("<", "<=", ">", ">=")
            if not op:
                return left
            right = self.membership()
            same = ("<", "<=") if op[0] == "<" else (">", ">=")
            op2 = self.take(*same) if right[0] == "path" else None
            if op2:
                left = ("chain", op, op2, left, right, self.membership())
            else:
                left = ("compare", op, left, right)

    def membership(self):
        left = self.sum()
        mark = self.at
        negated = bool(self.take("not"))
        if self.take("in"):
            return ("in", negated, left, self.sum())
        self.at = mark
        return left

    def sum(self):
        left = self.product()
        while True:
            op = self.take("+", "-")
            if not op:
                return left
            if self.take("interval"):
                left = ("moved", op, left, self.text())
            else:
                left = fold(op, left, self.product())

    def product(self):
        left = self.unary()
        while True:
            op = self.take("*", "/", "%")
            if not op:
                return left
            left = fold(op, left, self.unary())

    def unary(self):
        op = self.take("not", "-", "+")
        if not op:
            return self.power()
        node = self.unary()
        if op == "not":
            return ("not", node)
        return ("lit", -node[1]) if op == "-" else node

    def power(self):
        left = self.primary()
        while self.take("**"):
            left = fold("**", left, self.primary())
        return left

    def text(self):
        kind, value = self.peek()
        self.at += 1
        if kind != "lit":
            raise Syntax("text expected")
        return value

    def primary(self):
        if self.take("exists"):
            return ("exists", self.primary())
        node = self.atom()
        while True:
            test = self.take("is null", "is not null")
            if test:
                node = ("null", test == "is null", node)
            elif self.take("like"):
                node = ("like", node, self.text())
            else:
                return node

    def atom(self):
        kind, value = self.peek()
        self.at += 1
        if kind == "lit":
            return ("lit", value)
        if kind == "path":
            if self.peek() == ("op", "("):
                return self.call(value)
            return path_of(value)
        if value == "iso":
            return ("lit", instant(self.text()))
        if value == "(":
            node = self.disjunction()
            self.need(")")
            return node
        if value == "[":
            return ("list", self.items("]"))
        raise Syntax("a value expected, got %r" % ((kind, value),))

    def call(self, name):
        self.need("(")
        return ("call", name.lower(), self.items(")"))

    def items(self, close):
        out = []
        while not self.take(close):
            node = self.disjunction()
            if node[0] == "path" and self.take("="):
                node = ("named", node[1], self.disjunction())
            out.append(node)
            if not self.take(","):
                self.need(close)
                break
        return out


# ---------------------------------------------------------------- values

def number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def step(op, a, b):
    """One step of arithmetic; None where it has no result."""
    if isinstance(a, int) and isinstance(b, int):
        if op == "**":
            result = a ** b
        elif op in "/%":
            result = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
            if result > INT64[1]:
                return None
            if op == "%":
                result = a - b * result
        else:
            result = a + b if op == "+" else a - b if op == "-" else a * b
        return result if INT64[0] <= result <= INT64[1] else None
    if op == "%":
        return None
    a, b = float(a), float(b)
    if op == "**":
        return a ** b
    return a + b if op == "+" else a - b if op == "-" else a * b if op == "*" else a / b


def fold(op, a, b):
    if a[0] == "lit" and b[0] == "lit":
        return ("lit", step(op, a[1], b[1]))
    return ("step", op, a, b)


def instant(text):
    """Microseconds since 1970 of an ISO time with an offset."""
    when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (when - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) \
        // datetime.timedelta(microseconds=1)


def duration(text):
    """Microseconds of a duration of days, hours, minutes, seconds."""
    match = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", text)
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000000


def f32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def same(a, b):
    """Equality of JSON values: numbers by value, other kinds only among themselves."""
    if number(a) and number(b):
        return a == b
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if isinstance(a, (dict, type(None))) or type(a) is not type(b):
        return False
    return a == b


def order(op, a, b):
    """a op b; None when the two do not compare."""
    if isinstance(a, list) and isinstance(b, list):
        return same(a, b) == (op == "==")
    fits = (number(a) and number(b)) or \
        (type(a) is type(b) and isinstance(a, (bool, str)))
    if not fits:
        return None
    if isinstance(a, str):
        a, b = a.encode(), b.encode()
    return {"==": a == b, "!=": a != b, "<": a < b, "<=": a <= b,
            ">": a > b, ">=": a >= b}[op]


def pattern_of(text):
    out, i = [], 0
    while i < len(text):
        c = text[i]
        if c == "\\" and text[i + 1:i + 2] in ("%", "_", "\\") and i + 1 < len(text):
            i += 1
            out.append(re.escape(text[i]))
        else:
            out.append(".*" if c == "%" else "." if c == "_" else re.escape(c))
        i += 1
    return re.compile("".join(out), re.S)


def words_of(text):
    return re.findall(r"[a-z0-9]+", text.lower())


# ---------------------------------------------------------------- evaluation

class Evaluator:
    """schema: {field: type}; element types of arrays as "array:int64". Other names are keys of the
    dynamic field, "$meta"."""

    def __init__(self, schema, rows):
        self.schema = schema
        self.rows = rows
        self.known = {}

    def filter(self, text):
        """Indexes of the rows that pass."""
        return [i for i, hit in enumerate(self.node(Parser(text).parse())) if hit]

    def node(self, node):
        """True, False or None for every row."""
        kind = node[0]
        if kind == "and":
            return [False if False in v else None if None in v else True
                    for v in zip(*map(self.node, node[1]))]
        if kind == "or":
            return [True if True in v else None if None in v else False
                    for v in zip(*map(self.node, node[1]))]
        if kind == "not":
            return [None if v is None else not v for v in self.node(node[1])]
        key = repr(node)
        if key not in self.known:
            self.known[key] = [self.leaf(node, row) for row in self.rows]
        return self.known[key]

    def type(self, node):
        if node[0] == "step":
            sides = [self.type(side) for side in node[2:]]
            return "double" if "double" in sides or "float" in sides else sides[0]
        if node[0] == "call":
            return "int64"
        if node[0] == "lit":
            return "double" if isinstance(node[1], float) else "int64"
        found = self.schema.get(node[1], "json") if node[0] == "path" else "int64"
        if node[0] == "path" and node[2] and found.startswith("array:"):
            return found[6:]
        return found

    def constant(self, value, kind):
        """As a column of that type stores it."""
        if number(value) and kind == "float":
            return f32(value)
        return float(value) if number(value) and kind == "double" else value

    def value(self, node, row):
        kind = node[0]
        if kind == "lit":
            return node[1]
        if kind == "list":
            return [self.value(item, row) for item in node[1]]
        if kind == "step":
            a, b = self.value(node[2], row), self.value(node[3], row)
            return step(node[1], a, b) if number(a) and number(b) else None
        if kind == "moved":
            value = self.value(node[2], row)
            by = duration(node[3])
            return None if value is None else value + (by if node[1] == "+" else -by)
        if kind == "call": # array_length
            value = self.value(node[2][0], row)
            return len(value) if isinstance(value, list) else None
        name, parts = node[1], node[2]
        if name not in self.schema:
            name, parts = "$meta", [name] + parts
        value = row.get(name)
        for part in parts:
            if isinstance(part, int):
                fits = isinstance(value, list) and part < len(value)
            else:
                fits = isinstance(value, dict) and part in value
            if not fits:
                return None
            value = value[part]
        return value

    def compare(self, op, left, right, row):
        a, b = self.value(left, row), self.value(right, row)
        if left[0] in ("lit", "list"):
            a = self.constant(a, self.type(right))
        if right[0] in ("lit", "list"):
            b = self.constant(b, self.type(left))
        return order(op, a, b)

    def leaf(self, node, row):
        kind = node[0]
        if kind == "compare":
            return self.compare(*node[1:], row)
        if kind == "chain":
            low = self.compare(node[1], node[3], node[4], row)
            high = self.compare(node[2], node[4], node[5], row)
            return None if None in (low, high) else low and high
        if kind == "in":
            return self.member(node[1], node[2], node[3], row)
        if kind == "null":
            return (self.value(node[2], row) is None) == node[1]
        if kind == "exists":
            return self.value(node[1], row) is not None
        if kind == "like":
            value = self.value(node[1], row)
            return bool(pattern_of(node[2]).fullmatch(value)) if isinstance(value, str) else None
        return self.call(node[1], node[2], row)

    def member(self, negated, left, items, row):
        value, kind = self.value(left, row), self.type(left)
        if value is None or isinstance(value, dict):
            return None
        tests = [order("==", value, self.constant(self.value(item, row), kind))
                 for item in items[1]]
        if tests and all(test is None for test in tests):
            return None
        return (True in tests) != negated

    def call(self, name, args, row):
        value = self.value(args[0], row)
        if name.startswith("st_"):
            return None if value is None else inside(value, args[1][1])
        if name in ("text_match", "phrase_match"):
            return match(name, value, args)
        if not isinstance(value, list):
            return None
        wanted = self.value(args[1], row)
        form = name.split("contains")[1]
        if form == "":
            wanted = [wanted]
        hits = [any(same(item, one) for item in value) for one in wanted]
        return any(hits) if form == "_any" else all(hits)


def match(name, value, args):
    if value is None:
        return None
    have, want = words_of(value), words_of(args[1][1])
    if name == "phrase_match":
        return any(have[i:i + len(want)] == want for i in range(len(have) - len(want) + 1))
    least = args[2][2][1] if len(args) > 2 else 1
    distinct = set(want)
    return len(distinct & set(have)) >= least


def inside(point, polygon):
    """A point in an upright rectangle, never on its edge."""
    x, y = map(float, re.findall(r"-?[\d.]+", point))
    numbers = list(map(float, re.findall(r"-?[\d.]+", polygon)))
    return min(numbers[::2]) < x < max(numbers[::2]) and min(numbers[1::2]) < y < max(numbers[1::2])
