/*
 * Expressions of FT.AGGREGATE: any bytes. One that parses is evaluated over names that are a number,
 * a text, a list and nothing in turn; parentheses around all of it change nothing.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fuzz.h"
#include "redis/search_expr.h"

static int value_of(struct arena *arena, struct kith_str text, struct expr_value *out)
{
    static const struct kith_str list[] = {{"a", 1}, {"b", 1}};
    const struct expr_value kinds[4] = {
        {.kind = EXPR_NUMBER, .number = 7},
        {.kind = EXPR_TEXT, .text = {"13.4,38.1", 9}},
        {.kind = EXPR_LIST, .list = list, .list_count = 2},
        {.kind = EXPR_NOTHING},
    };
    struct expr_value names[EXPR_NAMES_MAX];
    struct expr expr;
    struct expr_run run = {.arena = arena, .names = names};
    char error[64];
    for (size_t i = 0; i < EXPR_NAMES_MAX; i++) names[i] = kinds[i % 4];
    const int rc = expr_parse(arena, text, &expr, error, sizeof error);
    return rc ? rc : expr_eval(&expr, &run, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char wrapped[4098];
    struct expr_value plain, inside;
    struct arena arena;
    if (size > 4096) return 0;
    arena_init(&arena);
    wrapped[0] = '(';
    if (size) memcpy(wrapped + 1, data, size);
    wrapped[size + 1] = ')';
    if (value_of(&arena, (struct kith_str){(const char *)data, size}, &plain) == 0 &&
        value_of(&arena, (struct kith_str){wrapped, size + 2}, &inside) == 0) {
        assert(plain.kind == inside.kind);
        assert(expr_is_true(&plain) == expr_is_true(&inside));
    }
    arena_release(&arena);
    return 0;
}
