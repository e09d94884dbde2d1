/*
 * The JSON scanner on arbitrary bytes. What must hold:
 *
 * - what json_validate accepts, json_read accepts, whole, and iteration visits without an error;
 * - every slice handed out lies inside the input, whether the input is valid or not;
 * - a member found by iteration is found by json_find, at the same place (the first of equal keys);
 * - a string that is decoded and written again reads back as itself, and so does a number.
 *
 * The first byte chooses a path's index; the rest is the text.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "fuzz.h"

struct input {
    const char *text;
    size_t len;
    bool valid;
    size_t visits; /* bounds the whole walk: each level is scanned once more than the one above */
};

#define VISITS_MAX 2000

static void must_be_inside(const struct input *in, const struct json_value *value)
{
    MUST(value->text >= in->text);
    MUST(value->len > 0);
    MUST(value->len <= in->len - (size_t)(value->text - in->text));
}

static void check_string(const struct input *in, const struct json_value *value)
{
    struct buffer plain, again;
    buffer_init(&plain);
    buffer_init(&again);
    MUST(json_unescape(value, &plain) == 0);
    const char *text = (const char *)plain.data;
    MUST(json_string_equals(value, text, plain.len));
    if (in->valid) {
        struct json_value back;
        size_t used;
        MUST(utf8_valid(text, plain.len));
        json_write_string(&again, text, plain.len);
        MUST(json_read((const char *)again.data, again.len, &back, &used, NULL) == 0);
        MUST(used == again.len);
        MUST(json_string_equals(&back, text, plain.len));
    }
    buffer_release(&again);
    buffer_release(&plain);
}

static void check_number(const struct json_value *value)
{
    struct buffer out;
    struct json_value back;
    size_t used;
    buffer_init(&out);
    json_write_double(&out, value->number);
    MUST(json_read((const char *)out.data, out.len, &back, &used, NULL) == 0);
    MUST(memcmp(&back.number, &value->number, sizeof back.number) == 0);
    buffer_release(&out);
}

static void check_scalar(const struct input *in, const struct json_value *value)
{
    must_be_inside(in, value);
    if (value->kind == JSON_STRING) check_string(in, value);
    if (value->kind == JSON_INT || value->kind == JSON_DOUBLE) check_number(value);
}

/* json_find gets to the member, or to an earlier one with the same key. */
static void check_found(const struct json_value *container, const struct json_step *step,
                        const struct json_value *member)
{
    struct json_value found;
    MUST(json_find(container->text, container->len, step, 1, &found) == 0);
    MUST(step->key ? found.text <= member->text : found.text == member->text);
}

static void check_member(const struct input *in, const struct json_value *container, size_t index,
                         const struct json_value *key, const struct json_value *member)
{
    struct json_step step = {.index = index};
    struct buffer plain;
    buffer_init(&plain);
    if (container->kind == JSON_OBJECT) {
        check_scalar(in, key);
        MUST(json_unescape(key, &plain) == 0);
        step.key = plain.data ? (const char *)plain.data : "";
        step.key_len = plain.len;
    }
    check_found(container, &step, member);
    buffer_release(&plain);
}

static void walk(struct input *in, const struct json_value *value)
{
    check_scalar(in, value);
    if (value->kind != JSON_ARRAY && value->kind != JSON_OBJECT) return;
    struct json_iter iter;
    struct json_value key, member;
    int rc;
    json_iter_init(&iter, value);
    for (size_t i = 0; (rc = json_iter_next(&iter, &key, &member)) > 0; i++) {
        if (++in->visits > VISITS_MAX) return;
        check_member(in, value, i, &key, &member);
        walk(in, &member);
    }
    MUST(rc == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    struct input in = {.text = (const char *)data + 1, .len = size - 1};
    in.valid = json_validate(in.text, in.len, NULL) == 0;
    struct json_value value;
    size_t used;
    int rc = json_read(in.text, in.len, &value, &used, NULL);
    if (in.valid) MUST(rc == 0);
    if (rc == 0) {
        MUST(used <= in.len);
        walk(&in, &value);
    }
    struct json_step steps[2] = {{.key = "a", .key_len = 1}, {.index = data[0]}};
    for (size_t first = 0; first < 2; first++) {
        for (size_t count = 0; count <= 2 - first; count++) {
            rc = json_find(in.text, in.len, steps + first, count, &value);
            if (rc == 0) must_be_inside(&in, &value);
            MUST(rc <= 0);
        }
    }
    return 0;
}
