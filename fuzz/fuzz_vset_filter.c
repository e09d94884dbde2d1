/*
 * FILTER expressions of vector sets over arbitrary attributes. The first line is the expression, the
 * rest is the attribute. What must hold:
 *
 * - an error has a place inside the text; the same text gives the same error and the same answer;
 * - parentheses around a whole expression change nothing;
 * - without an attribute nothing matches; places of keys and values lie inside the attribute.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cache/vector_filter.h"
#include "fuzz.h"

static struct heap heap;

static void check_attribute(const struct vector_attribute *attribute, size_t len)
{
    MUST(attribute->len == len);
    for (uint32_t i = 0; i < attribute->entry_count; i++) {
        const struct attribute_entry *entry = &attribute->entries[i];
        MUST((size_t)entry->key_at + entry->key_len <= len);
        MUST((size_t)entry->value_at + entry->value_len <= 2 * len);
    }
}

/* 1, 0, or -1: no expression. */
static int verdict(const char *text, size_t len, const struct vector_attribute *attribute)
{
    struct vector_filter *filter;
    size_t at = SIZE_MAX;
    const int rc = vector_filter_compile(text, len, &filter, &at);
    MUST(at <= len);
    if (rc) {
        MUST(rc == KITH_EINVAL);
        MUST(at == 0 || at < len);
        return -1;
    }
    struct filter_value *scratch = vector_filter_scratch(filter);
    MUST(scratch);
    MUST(!vector_filter_matches(filter, scratch, NULL));
    const bool match = vector_filter_matches(filter, scratch, attribute);
    MUST(match == vector_filter_matches(filter, scratch, attribute));
    mem_free(scratch);
    vector_filter_free(filter);
    return match;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *line = size ? memchr(text, '\n', size) : NULL;
    const size_t len = line ? (size_t)(line - text) : size;
    const size_t rest = line ? size - len - 1 : 0;
    if (len > 4096) return 0;
    struct vector_attribute *attribute = NULL;
    MUST(vector_attribute_new(&heap, line ? line + 1 : text, rest, &attribute) == 0);
    check_attribute(attribute, rest);
    const int plain = verdict(text, len, attribute);
    char wrapped[4100];
    wrapped[0] = '(';
    memcpy(wrapped + 1, text, len);
    wrapped[len + 1] = ')';
    const bool ends_in_point = len > 0 && text[len - 1] == '.';
    if (plain >= 0 && !ends_in_point) MUST(verdict(wrapped, len + 2, attribute) == plain);
    heap_free(&heap, attribute);
    return 0;
}
