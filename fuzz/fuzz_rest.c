/*
 * RESTful v2 on arbitrary bodies: the first byte says what the rest is read as (rows, a schema, a
 * search, values of a filter). Rows that were taken come out as JSON that reads as JSON, and
 * written back as rows a second time they are the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/milvus/rest_rows_fixture.h"
#include "fuzz.h"

static bool rows(struct rest_fixture *f, const char *text, size_t len)
{
    struct buffer bytes;
    struct json_value value;
    size_t used, count = 0;
    fixture_reset(f);
    buffer_init(&bytes);
    bool good = json_read(text, len, &value, &used, NULL) == 0 &&
                (value.kind == JSON_ARRAY || value.kind == JSON_OBJECT) &&
                rest_rows_in(&f->rest, &f->collection, &value, false, &bytes, &count) && count > 0;
    if (good) {
        fixture_render(f, &bytes, count);
        MUST(!f->rest.failed);
    }
    buffer_release(&bytes);
    return good;
}

static void check_rows(struct rest_fixture *f, const char *text, size_t len)
{
    if (!rows(f, text, len)) return;
    const size_t out_len = f->out.len;
    char *out = malloc(out_len);
    MUST(out);
    memcpy(out, f->out.data, out_len);
    MUST(json_validate(out, out_len, NULL) == 0);
    MUST(rows(f, out, out_len));
    MUST(f->out.len == out_len && memcmp(f->out.data, out, out_len) == 0);
    free(out);
}

static void check_search(struct rest_fixture *f, const char *text, size_t len)
{
    struct buffer bytes;
    struct wire wire;
    struct wire_field field;
    int more;
    buffer_init(&bytes);
    if (rest_scan(&f->rest, text, len, &f->rest.body) &&
        rest_search_request(&f->rest, &f->collection, &f->rest.body, text[len - 1] == ' ',
                            &bytes)) {
        wire_init(&wire, bytes.data, bytes.len);
        while ((more = wire_next(&wire, &field)) == 1) continue;
        MUST(more == 0);
    }
    buffer_release(&bytes);
}

static void check_reply(struct rest_fixture *f, const uint8_t *data, size_t len)
{
    const struct buffer reply = { .data = (uint8_t *)(uintptr_t)data, .len = len };
    rest_raw(&f->out, "{\"code\":0");
    rest_search_render(&f->rest, &reply);
}

static void check_templates(struct rest_fixture *f, const char *text, size_t len)
{
    struct json_value value;
    struct buffer bytes;
    size_t used;
    buffer_init(&bytes);
    if (json_read(text, len, &value, &used, NULL) == 0)
        (void)rest_templates(&f->rest, &value, 1, &bytes);
    buffer_release(&bytes);
}

static void check_schema(struct rest_fixture *f, const char *text, size_t len)
{
    struct json_value value;
    size_t used;
    if (json_read(text, len, &value, &used, NULL) == 0) (void)rest_schema_read(&f->rest, &value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    struct rest_fixture f;
    const char *text = (const char *)data + 1;
    const size_t len = size - 1;
    fixture_init(&f);
    if (!utf8_valid(text, len) && data[0] != '4') {
        fixture_release(&f);
        return 0;
    }
    switch (data[0]) {
    case '0': check_rows(&f, text, len); break;
    case '1': check_search(&f, text, len); break;
    case '2': check_templates(&f, text, len); break;
    case '3': check_schema(&f, text, len); break;
    case '4': check_reply(&f, data + 1, len); break;
    default: break;
    }
    fixture_release(&f);
    return 0;
}
