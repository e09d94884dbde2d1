/*
 * Random filters over random rows, against a second evaluator that walks one row at a time and
 * knows nothing of chunks, bounds or sets. The expression is made as a tree and as text together.
 */
#include <stdio.h>

#include "base/rng.h"
#include "query/filter_help.h"

#define ROWS   5000
#define ROUNDS 150
#define LIST   4

enum cell_kind { CELL_NONE, CELL_INT, CELL_FLOAT, CELL_TEXT, CELL_BOOL };
struct cell {
    enum cell_kind kind;
    int64_t i;
    double d;
    char text[8];
};
struct list {
    bool given;
    size_t count;
    int64_t items[LIST];
};

enum source { SRC_A, SRC_B, SRC_H, SRC_W, SRC_F, SRC_D, SRC_S, SRC_FLAG, SRC_JK, SRC_DYN,
              SRC_AI0, SRC_AS1, SRC_COUNT };
static const char *const SOURCE_TEXT[SRC_COUNT] = { "a", "b", "h", "w", "f", "d", "s", "flag",
                                                    "j[\"k\"]", "dyn", "ai[0]", "as[1]" };
struct row {
    struct cell cells[SRC_COUNT];
    struct list ai, jl;
    bool j_null;
};

enum form { FORM_COMPARE, FORM_CHAIN, FORM_IN, FORM_LIKE, FORM_NULL, FORM_EXISTS, FORM_ARITH,
            FORM_CONTAINS, FORM_LENGTH, FORM_COLUMNS, FORM_LEAVES, FORM_AND, FORM_OR, FORM_NOT };
static const char *const COMPARE_TEXT[] = { "==", "!=", "<", "<=", ">", ">=" };

struct tree {
    enum form form;
    unsigned op, arith;
    bool negated, on_json, low_in, high_in;
    enum source source, other;
    struct cell by, value, low, high, values[LIST];
    size_t count;
    char pattern[8];
    struct tree *children[3];
};

static struct rng rng;
static struct row rows[ROWS];
static struct arena trees;

static unsigned dice(unsigned n) { return (unsigned)rng_below(&rng, n); }
static bool is_int(enum source s) { return s <= SRC_W || s == SRC_AI0; }
static bool is_json(enum source s) { return s == SRC_JK || s == SRC_DYN; }

/* ------------------------------------------------------------------ values */

static struct cell int_cell(int64_t i)
{
    return (struct cell){ .kind = CELL_INT, .i = i, .d = (double)i };
}

static struct cell random_cell(enum source source)
{
    static const int64_t large[] = { INT64_MAX, INT64_MIN + 1, 9007199254740993, 9007199254740992,
                                     300, -129 };
    unsigned kind = is_int(source) ? 0 : source <= SRC_D ? 1 : source == SRC_S ||
                    source == SRC_AS1 ? 2 : source == SRC_FLAG ? 3 : dice(4);
    struct cell cell = { 0 };
    if (kind == 0)
        return int_cell((source == SRC_A || is_json(source)) && dice(8) == 0
                            ? large[dice(6)]
                            : (int64_t)dice(9) - 4);
    if (kind == 1) return (struct cell){ .kind = CELL_FLOAT, .d = (double)dice(17) / 2 - 4 };
    if (kind == 3) return (struct cell){ .kind = CELL_BOOL, .i = dice(2) };
    cell.kind = CELL_TEXT;
    size_t len = dice(4);
    for (size_t i = 0; i < len; i++) cell.text[i] = "ab%_"[dice(4)];
    return cell;
}

static void print_cell(struct buffer *out, const struct cell *cell, bool json)
{
    switch (cell->kind) {
    case CELL_NONE: buffer_printf(out, "null"); break;
    case CELL_INT: buffer_printf(out, "%lld", (long long)cell->i); break;
    case CELL_FLOAT: buffer_printf(out, "%.1f", cell->d); break;
    case CELL_TEXT: buffer_printf(out, dice(2) || json ? "\"%s\"" : "'%s'", cell->text); break;
    case CELL_BOOL: buffer_printf(out, json || dice(2) ? (cell->i ? "true" : "false")
                                                       : (cell->i ? "TRUE" : "False")); break;
    }
}

static void put_buffer(struct table *table, enum table_field field, size_t row, struct buffer *buf)
{
    assert_false(buffer_failed(buf));
    table_text(table, field, row, buf->data, buf->len);
    buffer_clear(buf);
}

static struct list random_list(void)
{
    struct list list = { .given = true, .count = dice(LIST + 1) };
    for (size_t i = 0; i < list.count; i++) list.items[i] = dice(4);
    return list;
}

static void make_numbers(struct table *table, size_t r)
{
    struct row *row = &rows[r];
    for (enum source s = SRC_A; s <= SRC_FLAG; s++) row->cells[s] = random_cell(s);
    int8_t b = (int8_t)row->cells[SRC_B].i;
    int16_t h = (int16_t)row->cells[SRC_H].i;
    int32_t w = (int32_t)row->cells[SRC_W].i;
    float f = (float)row->cells[SRC_F].d;
    uint8_t flag = (uint8_t)row->cells[SRC_FLAG].i;
    table_value(table, FIELD_A, r, &row->cells[SRC_A].i);
    table_value(table, FIELD_B, r, &b);
    table_value(table, FIELD_H, r, &h);
    table_value(table, FIELD_W, r, &w);
    table_value(table, FIELD_F, r, &f);
    table_value(table, FIELD_D, r, &row->cells[SRC_D].d);
    table_value(table, FIELD_FLAG, r, &flag);
    table_text(table, FIELD_S, r, row->cells[SRC_S].text, strlen(row->cells[SRC_S].text));
    static const struct { enum source source; enum table_field field; } nullable[] = {
        { SRC_A, FIELD_A }, { SRC_F, FIELD_F }, { SRC_S, FIELD_S }, { SRC_FLAG, FIELD_FLAG } };
    for (size_t i = 0; i < 4; i++) {
        if (dice(5) != 0) continue;
        row->cells[nullable[i].source].kind = CELL_NONE;
        table_null(table, nullable[i].field, r);
    }
}

static void make_documents(struct table *table, size_t r, struct buffer *buf)
{
    struct row *row = &rows[r];
    row->jl = random_list();
    if (dice(4) != 0) row->cells[SRC_JK] = random_cell(SRC_JK);
    buffer_printf(buf, "{\"x\": {\"k\": 1}, \"l\": [");
    for (size_t i = 0; i < row->jl.count; i++)
        buffer_printf(buf, "%s%lld", i > 0 ? ", " : "", (long long)row->jl.items[i]);
    buffer_printf(buf, "]");
    if (row->cells[SRC_JK].kind != CELL_NONE || dice(2)) {
        buffer_printf(buf, ", \"k\": ");
        print_cell(buf, &row->cells[SRC_JK], true);
    }
    buffer_printf(buf, "}");
    put_buffer(table, FIELD_J, r, buf);
    row->j_null = dice(6) == 0;
    if (row->j_null) {
        table_null(table, FIELD_J, r);
        row->cells[SRC_JK].kind = CELL_NONE;
        row->jl.given = false;
    }
    if (dice(3) != 0) row->cells[SRC_DYN] = random_cell(SRC_DYN);
    buffer_printf(buf, "{");
    if (row->cells[SRC_DYN].kind != CELL_NONE) {
        buffer_printf(buf, "\"dyn\":");
        print_cell(buf, &row->cells[SRC_DYN], true);
    }
    buffer_printf(buf, "}");
    put_buffer(table, FIELD_META, r, buf);
}

static void make_arrays(struct table *table, size_t r, struct buffer *buf)
{
    struct row *row = &rows[r];
    row->ai = random_list();
    buffer_put(buf, row->ai.items, row->ai.count * sizeof(int64_t));
    put_buffer(table, FIELD_AI, r, buf);
    if (dice(5) == 0) {
        row->ai.given = false;
        table_null(table, FIELD_AI, r);
    }
    if (row->ai.given && row->ai.count > 0) row->cells[SRC_AI0] = int_cell(row->ai.items[0]);
    size_t count = dice(4);
    for (size_t i = 0; i < count; i++) {
        struct cell cell = random_cell(SRC_AS1);
        buffer_put_u32(buf, (uint32_t)strlen(cell.text));
        buffer_put(buf, cell.text, strlen(cell.text));
        if (i == 1) row->cells[SRC_AS1] = cell;
    }
    put_buffer(table, FIELD_AS, r, buf);
}

static void make_table(struct table *table, size_t chunk_rows)
{
    struct buffer buf;
    buffer_init(&buf);
    memset(rows, 0, sizeof rows);
    table_init(table, ROWS, chunk_rows, true);
    for (size_t r = 0; r < ROWS; r++) {
        int64_t id = (int64_t)r;
        table_value(table, FIELD_ID, r, &id);
        make_numbers(table, r);
        make_documents(table, r, &buf);
        make_arrays(table, r, &buf);
    }
    buffer_release(&buf);
}

/* ------------------------------------------------------------------ the plain evaluator */

/* false: not comparable. Doubles here are halves of small integers, so long double is exact. */
static bool order_of(const struct cell *a, const struct cell *b, int *order)
{
    bool numbers = (a->kind == CELL_INT || a->kind == CELL_FLOAT) &&
                   (b->kind == CELL_INT || b->kind == CELL_FLOAT);
    if (a->kind == CELL_NONE || b->kind == CELL_NONE || (!numbers && a->kind != b->kind))
        return false;
    if (numbers) {
        long double x = a->kind == CELL_INT ? (long double)a->i : (long double)a->d;
        long double y = b->kind == CELL_INT ? (long double)b->i : (long double)b->d;
        *order = x < y ? -1 : x > y;
    } else if (a->kind == CELL_TEXT) {
        *order = strcmp(a->text, b->text);
    } else {
        *order = (int)(a->i - b->i);
    }
    return true;
}

static int holds(unsigned op, int order)
{
    switch (op) {
    case 0: return order == 0;
    case 1: return order != 0;
    case 2: return order < 0;
    case 3: return order <= 0;
    case 4: return order > 0;
    default: return order >= 0;
    }
}

static int compare(const struct cell *a, unsigned op, const struct cell *b)
{
    int order;
    return order_of(a, b, &order) ? holds(op, order) : -1;
}

static bool like(const char *pattern, const char *text)
{
    if (*pattern == '\0') return *text == '\0';
    if (*pattern == '%') return like(pattern + 1, text) || (*text && like(pattern, text + 1));
    if (*pattern == '\\') pattern++;
    else if (*pattern == '_') return *text && like(pattern + 1, text + 1);
    return *pattern == *text && like(pattern + 1, text + 1);
}

static int flip(int truth, bool negated) { return truth < 0 || !negated ? truth : !truth; }

static int eval_in(const struct tree *tree, const struct cell *cell)
{
    int result = tree->count == 0 && cell->kind != CELL_NONE ? 0 : -1;
    for (size_t i = 0; i < tree->count; i++) {
        int one = compare(cell, 0, &tree->values[i]);
        if (one == 1) return flip(1, tree->negated);
        if (one == 0) result = 0;
    }
    return flip(result, tree->negated);
}

static int eval_arith(const struct tree *tree, const struct cell *cell)
{
    struct cell r = int_cell(0);
    if (cell->kind != CELL_INT && cell->kind != CELL_FLOAT) return -1;
    if (cell->kind == CELL_INT && tree->by.kind == CELL_INT) {
        __extension__ __int128 a = cell->i, b = tree->by.i, v = 0;
        if (tree->arith == 0) v = a + b;
        else if (tree->arith == 1) v = a - b;
        else if (tree->arith == 2) v = a * b;
        else if (tree->arith == 3) v = a / b;
        else v = a % b;
        if (v > INT64_MAX || v < INT64_MIN) return -1;
        r = int_cell((int64_t)v);
    } else {
        double a = cell->kind == CELL_INT ? (double)cell->i : cell->d;
        double b = tree->by.kind == CELL_INT ? (double)tree->by.i : tree->by.d;
        r.kind = CELL_FLOAT;
        if (tree->arith == 4) return -1;
        const double results[] = { a + b, a - b, a * b, a / b };
        r.d = results[tree->arith];
    }
    return compare(&r, tree->op, &tree->value);
}

static int eval_contains(const struct tree *tree, const struct list *list)
{
    size_t found = 0;
    if (!list->given) return -1;
    for (size_t i = 0; i < tree->count; i++) {
        bool in = false;
        for (size_t n = 0; n < list->count; n++) in |= list->items[n] == tree->values[i].i;
        found += in;
    }
    return tree->op == 1 ? found == tree->count : found > 0;
}

static int eval_tree(const struct tree *tree, const struct row *row);

static int eval_connective(const struct tree *tree, const struct row *row)
{
    bool conjunction = tree->form == FORM_AND;
    int result = conjunction;
    for (size_t i = 0; i < tree->count; i++) {
        int one = eval_tree(tree->children[i], row);
        if (one == !conjunction) return one;
        if (one < 0) result = -1;
    }
    return result;
}

static int eval_tree(const struct tree *tree, const struct row *row)
{
    const struct cell *cell = &row->cells[tree->source];
    const struct list *list = tree->on_json ? &row->jl : &row->ai;
    switch (tree->form) {
    case FORM_COMPARE: return compare(cell, tree->op, &tree->value);
    case FORM_CHAIN: {
        int low = compare(cell, tree->low_in ? 5 : 4, &tree->low);
        int high = compare(cell, tree->high_in ? 3 : 2, &tree->high);
        return low < 0 ? low : low && high;
    }
    case FORM_IN: return eval_in(tree, cell);
    case FORM_LIKE: return cell->kind == CELL_TEXT ? like(tree->pattern, cell->text) : -1;
    case FORM_NULL: return (cell->kind == CELL_NONE) != tree->negated;
    case FORM_EXISTS: return cell->kind != CELL_NONE;
    case FORM_ARITH: return eval_arith(tree, cell);
    case FORM_CONTAINS: return eval_contains(tree, list);
    case FORM_LENGTH: {
        struct cell length = int_cell((int64_t)list->count);
        return list->given ? compare(&length, tree->op, &tree->value) : -1;
    }
    case FORM_COLUMNS: return compare(cell, tree->op, &row->cells[tree->other]);
    case FORM_NOT: return flip(eval_tree(tree->children[0], row), true);
    default: return eval_connective(tree, row);
    }
}

/* ------------------------------------------------------------------ random expressions */

static void text_leaf(struct buffer *out, struct tree *tree)
{
    tree->source = (enum source[]){ SRC_S, SRC_JK, SRC_DYN, SRC_AS1 }[dice(4)];
    size_t n = 0, len = dice(4);
    for (size_t i = 0; i < len; i++) {
        char c = "ab%%_\\"[dice(6)];
        if (c == '\\') tree->pattern[n++] = c, c = "%_"[dice(2)];
        tree->pattern[n++] = c;
    }
    buffer_printf(out, "%s like \"%s\"", SOURCE_TEXT[tree->source], tree->pattern);
}

static void in_leaf(struct buffer *out, struct tree *tree)
{
    tree->negated = dice(3) == 0;
    tree->count = dice(LIST + 1);
    buffer_printf(out, "%s %s [", SOURCE_TEXT[tree->source], tree->negated ? "not in" : "in");
    for (size_t i = 0; i < tree->count; i++) {
        tree->values[i] = random_cell(tree->source);
        if (i > 0) buffer_printf(out, ", ");
        print_cell(out, &tree->values[i], false);
    }
    buffer_printf(out, "]");
}

static void chain_leaf(struct buffer *out, struct tree *tree)
{
    int order;
    do { tree->source = dice(SRC_COUNT); } while (tree->source == SRC_FLAG);
    do {
        tree->low = random_cell(tree->source);
        tree->high = random_cell(tree->source);
    } while (tree->low.kind == CELL_BOOL || !order_of(&tree->low, &tree->high, &order) ||
             order >= 0);
    tree->low_in = dice(2);
    tree->high_in = dice(2);
    bool up = dice(2);
    print_cell(out, up ? &tree->low : &tree->high, false);
    buffer_printf(out, up ? " <%s %s <%s " : " >%s %s >%s ",
                  (up ? tree->low_in : tree->high_in) ? "=" : "", SOURCE_TEXT[tree->source],
                  (up ? tree->high_in : tree->low_in) ? "=" : "");
    print_cell(out, up ? &tree->high : &tree->low, false);
}

static void arith_leaf(struct buffer *out, struct tree *tree)
{
    static const enum source numbers[] = { SRC_A, SRC_B, SRC_W, SRC_F, SRC_D, SRC_JK, SRC_AI0 };
    tree->source = numbers[dice(7)];
    bool integer = is_int(tree->source);
    tree->arith = dice(integer || is_json(tree->source) ? 5 : 4);
    tree->by = int_cell((int64_t)dice(4) + 1);
    if (tree->arith == 3 && !integer) tree->by = int_cell(2); /* quotients stay exact */
    tree->value = random_cell(integer ? SRC_B : SRC_D);
    buffer_printf(out, "%s %c %lld %s ", SOURCE_TEXT[tree->source], "+-*/%"[tree->arith],
                  (long long)tree->by.i, COMPARE_TEXT[tree->op]);
    print_cell(out, &tree->value, false);
}

static void contains_leaf(struct buffer *out, struct tree *tree)
{
    static const char *const names[] = { "contains", "contains_all", "contains_any" };
    tree->on_json = dice(2);
    tree->op = dice(3);
    tree->count = tree->op == 0 ? 1 : dice(LIST + 1);
    buffer_printf(out, "%s_%s(%s, %s", dice(2) ? "json" : "array", names[tree->op],
                  tree->on_json ? "j['l']" : "ai", tree->op == 0 ? "" : "[");
    for (size_t i = 0; i < tree->count; i++) {
        tree->values[i] = int_cell(dice(5));
        buffer_printf(out, "%s%lld", i > 0 ? "," : "", (long long)tree->values[i].i);
    }
    buffer_printf(out, tree->op == 0 ? ")" : "])");
}

static void columns_leaf(struct buffer *out, struct tree *tree)
{
    static const enum source pairs[][2] = { { SRC_A, SRC_B }, { SRC_B, SRC_D }, { SRC_F, SRC_D },
                                            { SRC_A, SRC_AI0 }, { SRC_S, SRC_AS1 } };
    const enum source *pair = pairs[dice(5)];
    tree->source = pair[0];
    tree->other = pair[1];
    buffer_printf(out, "%s %s %s", SOURCE_TEXT[pair[0]], COMPARE_TEXT[tree->op],
                  SOURCE_TEXT[pair[1]]);
}

static void compare_leaf(struct buffer *out, struct tree *tree)
{
    tree->value = random_cell(tree->source);
    bool mirrored = dice(4) == 0;
    static const char *const mirror[] = { "==", "!=", ">", ">=", "<", "<=" };
    if (mirrored) print_cell(out, &tree->value, false);
    buffer_printf(out, mirrored ? " %s " : "%s ", mirrored ? mirror[tree->op]
                                                           : SOURCE_TEXT[tree->source]);
    buffer_printf(out, "%s", mirrored ? SOURCE_TEXT[tree->source] : COMPARE_TEXT[tree->op]);
    if (mirrored) return;
    buffer_printf(out, " ");
    print_cell(out, &tree->value, false);
}

static void leaf(struct buffer *out, struct tree *tree)
{
    tree->form = (enum form)dice(FORM_LEAVES);
    tree->source = (enum source)dice(SRC_COUNT);
    tree->op = dice(6);
    switch (tree->form) {
    case FORM_CHAIN: chain_leaf(out, tree); break;
    case FORM_IN: in_leaf(out, tree); break;
    case FORM_LIKE: text_leaf(out, tree); break;
    case FORM_NULL:
        tree->negated = dice(2);
        buffer_printf(out, "%s %s", SOURCE_TEXT[tree->source],
                      tree->negated ? "is not null" : "IS NULL");
        break;
    case FORM_EXISTS:
        tree->source = dice(2) ? SRC_JK : SRC_DYN;
        buffer_printf(out, "exists %s", SOURCE_TEXT[tree->source]);
        break;
    case FORM_ARITH: arith_leaf(out, tree); break;
    case FORM_CONTAINS: contains_leaf(out, tree); break;
    case FORM_LENGTH:
        tree->on_json = dice(2);
        tree->value = int_cell(dice(5));
        buffer_printf(out, "array_length(%s) %s %lld", tree->on_json ? "j[\"l\"]" : "ai",
                      COMPARE_TEXT[tree->op], (long long)tree->value.i);
        break;
    case FORM_COLUMNS: columns_leaf(out, tree); break;
    default: compare_leaf(out, tree); break;
    }
}

/* Parentheses stand where precedence needs them, and sometimes where it does not. */
static struct tree *expression(struct buffer *out, unsigned depth, enum form above)
{
    struct tree *tree = arena_zalloc(&trees, sizeof *tree);
    assert_non_null(tree);
    static const enum form forms[] = { FORM_AND, FORM_OR, FORM_NOT };
    tree->form = depth == 0 || dice(4) == 0 ? FORM_COMPARE : forms[dice(3)];
    bool needed = above == FORM_NOT || (above == FORM_AND && tree->form == FORM_OR);
    bool open = needed || dice(6) == 0;
    if (open) buffer_printf(out, "(");
    if (tree->form == FORM_COMPARE) {
        leaf(out, tree);
    } else if (tree->form == FORM_NOT) {
        buffer_printf(out, dice(2) ? "not " : "!");
        tree->children[0] = expression(out, depth - 1, FORM_NOT);
    } else {
        tree->count = 2 + dice(2);
        const char *word = tree->form == FORM_AND ? (dice(2) ? "and" : "&&")
                                                  : (dice(2) ? "or" : "||");
        for (size_t i = 0; i < tree->count; i++) {
            if (i > 0) buffer_printf(out, " %s ", word);
            tree->children[i] = expression(out, depth - 1, tree->form);
        }
    }
    if (open) buffer_printf(out, ")");
    return tree;
}

static void one_round(struct table *table, struct bitset *within, struct bitset *out, uint64_t seed)
{
    struct buffer text;
    buffer_init(&text);
    arena_init(&trees);
    bool limited = dice(2);
    struct tree *tree = expression(&text, dice(4), FORM_OR);
    buffer_put_u8(&text, 0);
    assert_false(buffer_failed(&text));
    bitset_fill(within, false);
    for (size_t r = 0; r < ROWS; r++)
        if (dice(3) == 0 && r % 1000 > 200) bitset_set(within, r);
    table_filter(table, (const char *)text.data, limited ? within : NULL, out);
    for (size_t r = 0; r < ROWS; r++) {
        bool want = (!limited || bitset_get(within, r)) && eval_tree(tree, &rows[r]) == 1;
        if (bitset_get(out, r) != want)
            fail_msg("seed %llu row %zu: want %d: %s", (unsigned long long)seed, r, want,
                     (const char *)text.data);
    }
    arena_release(&trees);
    buffer_release(&text);
}

static void against_rows(size_t chunk_rows)
{
    const char *given = getenv("KITH_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 20240611 + chunk_rows;
    struct table table;
    struct bitset within, out;
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_init(&rng, seed);
    make_table(&table, chunk_rows);
    table.sealed = chunk_rows > 4096;
    assert_int_equal(bitset_init(&within, ROWS, false), 0);
    assert_int_equal(bitset_init(&out, ROWS, true), 0);
    for (unsigned i = 0; i < ROUNDS; i++) one_round(&table, &within, &out, seed);
    bitset_release(&within);
    bitset_release(&out);
    table_release(&table);
}

static void chunks_of_64(void **state) { (void)state, against_rows(64); }
static void chunks_of_4096(void **state) { (void)state, against_rows(4096); }
static void chunks_of_65536(void **state) { (void)state, against_rows(65536); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_of_64),
        cmocka_unit_test(chunks_of_4096),
        cmocka_unit_test(chunks_of_65536),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
