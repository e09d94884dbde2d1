"""Rows and filters of the filter matrix, from a seed: every operator on every kind of column, plain
and under `not`, then random nestings of them with and, or and not."""

import struct

SCHEMA = {
    "id": "int64", "flag": "bool", "i8": "int8", "i16": "int16", "i32": "int32", "i64": "int64",
    "n32": "int32", "f": "float", "d": "double", "s": "string", "sn": "string", "j": "json",
    "ai": "array:int64", "as": "array:string", "ad": "array:double", "ab": "array:bool",
    "t": "string", "ts": "time", "g": "point", "$meta": "json",
}
INTS = [-9, -3, -2, -1, 0, 1, 2, 3, 4, 5, 7, 12, 100]
WIDE = INTS + [2 ** 31 - 1, -2 ** 31, 2 ** 53 + 1, 2 ** 63 - 1, -2 ** 63, 2 ** 62]
FLOATS = [-2.5, -1.0, -0.5, 0.0, 0.1, 0.5, 1.0, 1.5, 2.0, 3.25, 1e10]
TEXTS = ["", "a", "ab", "abc", "b", "ba", "bab", "x%y", "x_y", "\u00e9", "a\u00e9", "\u00e9ab",
         "tab\there", "quote\"d", "longer than eight bytes", "longer than eight!bytes"]
PATTERNS = ["a%", "%b", "%a%", "_", "__", "a_", "%", "", "ab", "x\\%y", "x\\_%", "_b%", "%eight%",
            "\u00e9%", "%\u00e9", "b%b", "%an_%"]
WORDS = ["red", "green", "blue", "stone", "river", "house"]
TIMES = ["2025-01-01T00:00:00+00:00", "2025-01-02T12:00:00+02:00", "2024-12-31T23:59:59-01:00",
         "2025-06-15T08:30:00Z", "2026-01-01T00:00:00Z"]
BOXES = [(-10, -10, 10, 10), (0, 0, 50, 50), (-60, -60, 0.5, 0.5), (20, 20, 21, 21)]
COMPARE = ["==", "!=", "<", "<=", ">", ">="]
INT_NAMES = ["id", "i8", "i16", "i32", "i64", "n32"]
PATHS = ['j["k"]', 'j["n"]', 'j["s"]', 'j["o"]["x"]', "dyn", "di", "dd", "ds", "db", 'j["l"][0]',
         '$meta["di"]']
LISTS = ['j["l"]', 'j["k"]', "dl"]


def quoted(text):
    out = text.replace("\t", "\\t").replace('"', '\\"')
    return '"' + out + '"'


def printed(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(printed, value)) + "]"
    return repr(value)


class Generator:
    def __init__(self, random, features=()):
        self.random = random
        self.features = features

    def pick(self, items):
        return self.random.choice(items)

    # ------------------------------------------------------------ rows

    def maybe(self, value):
        return None if self.random.random() < 0.15 else value

    def json_value(self):
        return self.pick([1, 2, 3, -1, 1.5, 2.0, 0.5, "a", "ab", "b", "", True, False, None,
                          [1, 2], ["a"], [], {"x": 1}, 2 ** 53 + 1, 1e300, "x%y"])

    def members(self):
        items = [1, 2, 3, 1.0, 2.5, "a", "b", True, False, None, [1], {"z": 1}]
        return [self.pick(items) for _ in range(self.random.randrange(5))]

    def keys(self, makers):
        return {key: make() for key, make in makers.items() if self.random.random() < 0.8}

    def json_row(self):
        return self.keys({
            "k": self.json_value, "n": lambda: self.pick(INTS), "s": lambda: self.pick(TEXTS),
            "l": self.members, "o": lambda: {"x": self.pick([1, 2, None, "a"])},
        })

    def meta_row(self):
        return self.keys({
            "dyn": self.json_value, "di": lambda: self.pick(INTS),
            "dd": lambda: self.pick(FLOATS), "ds": lambda: self.pick(TEXTS),
            "db": lambda: self.pick([True, False]), "dl": self.members,
        })

    def point(self):
        x, y = (self.random.randrange(-60, 60) + 0.25 for _ in range(2))
        return "POINT (%s %s)" % (x, y)

    def several(self, items):
        return [self.pick(items) for _ in range(self.random.randrange(5))]

    def row(self, number):
        small = [v for v in INTS if -128 <= v <= 127]
        f = struct.unpack("<f", struct.pack("<f", self.pick(FLOATS)))[0]
        return {
            "id": number, "flag": self.maybe(self.pick([True, False])),
            "i8": self.maybe(self.pick(small + [127, -128])),
            "i16": self.maybe(self.pick(INTS + [32767])),
            "i32": self.maybe(self.pick(INTS + [2 ** 31 - 1, -2 ** 31])),
            "i64": self.maybe(self.pick(WIDE)), "n32": self.random.randrange(40),
            "f": self.maybe(f), "d": self.maybe(self.pick(FLOATS + [1e300, -0.0])),
            "s": self.maybe(self.pick(TEXTS)), "sn": self.pick(TEXTS),
            "j": self.maybe(self.json_row()), "ai": self.maybe(self.several(INTS)),
            "as": self.several(TEXTS), "ad": self.maybe(self.several(FLOATS)),
            "ab": self.several([True, False]),
            "t": self.maybe(" ".join(self.pick(WORDS) for _ in range(self.random.randrange(8)))),
            "ts": self.maybe(1735689600000000 + self.random.randrange(-400, 400) * 43200000000),
            "g": self.maybe(self.point()), "$meta": self.meta_row(),
        }

    def rows(self, count):
        return [self.row(number) for number in range(count)]

    # ------------------------------------------------------------ leaves

    def constant(self, name):
        kind = SCHEMA.get(name, "json")
        if name in ("i64", "id"):
            return self.pick(WIDE)
        if kind.startswith("int"):
            return self.pick(INTS)
        if kind in ("float", "double"):
            return self.pick(FLOATS + INTS)
        if kind == "bool":
            return self.pick([True, False])
        if kind == "json":
            return self.pick([0, 1, 2, 3, -1, 1.5, 2.0, 0.5, "a", "ab", "b", "x%y", True, False])
        return self.pick(TEXTS)

    def ordered(self, name):
        """A constant for < and its like."""
        value = self.constant(name)
        while isinstance(value, bool):
            value = self.constant(name)
        return value

    def compare(self, name, op):
        value = self.constant(name) if op in ("==", "!=") else self.ordered(name)
        text = printed(value)
        if self.random.random() < 0.2:
            back = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(op, op)
            return "%s %s %s" % (text, back, name)
        return "%s %s %s" % (name, op, text)

    def chain(self, name):
        a, b = self.ordered(name), self.ordered(name)
        while isinstance(a, str) != isinstance(b, str) or a == b:
            a, b = self.ordered(name), self.ordered(name)
        key = (lambda v: v.encode()) if isinstance(a, str) else None
        a, b = sorted([a, b], key=key)
        low, high = self.pick(["<", "<="]), self.pick(["<", "<="])
        if self.random.random() < 0.3:
            return "%s %s %s %s %s" % (printed(b), high.replace("<", ">"), name,
                                       low.replace("<", ">"), printed(a))
        return "%s %s %s %s %s" % (printed(a), low, name, high, printed(b))

    def member(self, name, word):
        count = self.pick([0, 1, 2, 3, 3, 6, 14])
        items = [self.constant(name) for _ in range(count)]
        if name in PATHS and self.random.random() < 0.6:
            items = [v for v in items if isinstance(v, (int, float)) and not isinstance(v, bool)]
        return "%s %s %s" % (name, word, printed(items))

    def arithmetic(self, name, op):
        whole = SCHEMA.get(name, "json").startswith("int") or op == "%"
        by = self.pick([v for v in (INTS if name != "i64" else WIDE) if v])
        if not whole and self.random.random() < 0.5:
            by = self.pick([v for v in FLOATS if v])
        to = self.ordered(name)
        if whole and not isinstance(to, int) or isinstance(to, str):
            to = self.pick(INTS)
        left = "%s %s %s" % (name, op, printed(by))
        if op in "+*" and self.random.random() < 0.3:
            left = "%s %s %s" % (printed(by), op, name)
        return "%s %s %s" % (left, self.pick(COMPARE), printed(to))

    def like(self, name):
        return "%s like %s" % (name, quoted(self.pick(PATTERNS)))

    def null(self, name):
        return "%s %s" % (name, self.pick(["is null", "is not null", "IS NULL"]))

    def contains(self, name, form):
        prefix = "json" if name in LISTS else self.pick(["array", "json"])
        items = {"ai": INTS, "as": TEXTS, "ad": FLOATS, "ab": [True, False]}.get(
            name, [1, 2, 3, 2.5, "a", "b", True])
        given = self.pick(items) if form == "" else self.several(items)
        if form and not given:
            given = [items[0]]
        if name in LISTS and form == "" and self.random.random() < 0.1:
            given = [1]
        return "%s_contains%s(%s, %s)" % (prefix, form, name, printed(given))

    def length(self, name):
        return "array_length(%s) %s %d" % (name, self.pick(COMPARE), self.random.randrange(5))

    def whole(self, name, op):
        items = {"ai": [1, 2, 3], "as": ["a", "b"], "ad": [0.5, 1.0]}.get(name, [1, 2, "a"])
        return "%s %s %s" % (name, op, printed(self.several(items)[:2]))

    def element(self, name):
        items = {"ai": INTS, "as": TEXTS, "ad": FLOATS}[name]
        place = "%s[%d]" % (name, self.random.randrange(4))
        form = self.random.randrange(4)
        if form == 0:
            return self.null(place)
        if form == 1:
            return "%s in %s" % (place, printed([self.pick(items) for _ in range(3)]))
        return "%s %s %s" % (place, self.pick(COMPARE), printed(self.pick(items)))

    def columns(self, op):
        numbers = INT_NAMES + ["f", "d", "ai[0]", "ad[1]"]
        pair = self.random.sample(numbers, 2)
        if self.random.random() < 0.25:
            pair = self.random.sample(["s", "sn", "as[0]"], 2)
        return "%s %s %s" % (pair[0], op, pair[1])

    def time(self, op):
        shift = self.pick(["", "", " + interval 'P1D'", " - interval 'P2DT3H'",
                           " + INTERVAL 'PT90S'"])
        return "ts%s %s iso '%s'" % (shift, op, self.pick(TIMES))

    def words(self):
        some = " ".join(self.pick(WORDS + ["absent"]) for _ in range(self.random.randrange(1, 4)))
        if self.random.random() < 0.3:
            return 'phrase_match(t, "%s")' % some
        least = ", minimum_should_match=%d" % self.pick([1, 2]) \
            if self.random.random() < 0.4 else ""
        return 'text_match(t, "%s"%s)' % (some, least)

    def box(self):
        x, y, to_x, to_y = self.pick(BOXES)
        corners = [(x, y), (to_x, y), (to_x, to_y), (x, to_y), (x, y)]
        ring = ", ".join("%s %s" % corner for corner in corners)
        return '%s(g, "POLYGON ((%s))")' % (self.pick(["st_within", "st_intersects"]), ring)

    def systematic(self):
        """Every operator on every kind of column, once."""
        numbers = INT_NAMES + ["f", "d"]
        scalars = numbers + ["s", "sn"] + PATHS
        for name in scalars + ["flag"]:
            for op in COMPARE if name != "flag" else ["==", "!="]:
                yield self.compare(name, op)
            for word in ["in", "not in"]:
                yield self.member(name, word)
            yield self.null(name)
        for name in scalars:
            yield self.chain(name)
        for name in numbers + PATHS:
            for op in "+-*/%":
                if op != "%" or name not in ("f", "d"):
                    yield self.arithmetic(name, op)
        for name in ["s", "sn"] + PATHS:
            yield self.like(name)
        for name in PATHS + LISTS:
            yield "exists " + name
        for name in ["ai", "as", "ad", "ab"] + LISTS:
            for form in ["", "_all", "_any"]:
                yield self.contains(name, form)
            yield self.length(name)
            yield self.null(name)
        for name in ["ai", "as", "ad", 'j["l"]']:
            for op in ["==", "!="]:
                yield self.whole(name, op)
        for name in ["ai", "as", "ad"]:
            yield self.element(name)
        for op in COMPARE:
            yield self.columns(op)
        yield from self.special()

    def special(self):
        for name in ["j", "t", "ts", "g"]:
            yield self.null(name)
        for op in COMPARE if "time" in self.features else []:
            yield self.time(op)
        if "text" in self.features:
            yield self.words()
        if "geometry" in self.features:
            yield self.box()

    # ------------------------------------------------------------ nestings

    def nested(self, leaves, depth):
        form = self.random.randrange(4) if depth > 0 else 0
        if form == 0:
            return self.pick(leaves)
        if form == 1:
            return "%s(%s)" % (self.pick(["not ", "!", "NOT "]), self.nested(leaves, depth - 1))
        word = self.pick([" and ", " && ", " AND "] if form == 2 else [" or ", " || "])
        parts = [self.nested(leaves, depth - 1) for _ in range(self.pick([2, 2, 3, 4]))]
        return word.join("(%s)" % part if self.needs(part) else part for part in parts)

    def needs(self, part):
        return True if " or " in part or "||" in part or " and " in part or "&&" in part \
            or " AND " in part else self.random.random() < 0.1

    def filters(self, count):
        out, leaves = [], []
        while len(leaves) < count // 3:
            leaves += self.systematic()
        for leaf in leaves[:count // 3]:
            out.append(leaf if self.random.random() < 0.6 else "not (%s)" % leaf)
        while len(out) < count:
            depth = self.pick([1, 1, 2, 2, 3, 4])
            text = self.nested(leaves, depth)
            if len(text) < 4000:
                out.append(text)
        return out
