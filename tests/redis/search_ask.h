/* For tests of the FT commands: words of a command as one text, with vectors in them. */
#ifndef KITH_TESTS_REDIS_SEARCH_ASK_H
#define KITH_TESTS_REDIS_SEARCH_ASK_H

#include "redis/door.h"

/* Words split at mark; "%v" stands for a vector of two floats. "-LOST": there was no memory for the
 * session itself. */
static inline const char *ask_at(struct session *s, const char *words, char mark, float x, float y)
{
    const char marks[2] = {mark, 0};
    static char text[65536];
    struct kith_str argv[64];
    float vector[2] = {x, y};
    size_t argc = 0;
    struct buffer out;
    for (const char *at = words;; at++) {
        const size_t len = strcspn(at, marks);
        argv[argc++] = len == 2 && memcmp(at, "%v", 2) == 0
                           ? (struct kith_str){(const char *)vector, sizeof vector}
                           : (struct kith_str){at, len};
        at += len;
        if (!*at) break;
    }
    buffer_init(&out);
    if (session_run(s, argv, argc, &out)) {
        buffer_release(&out);
        return "-LOST";
    }
    assert_true(out.len < sizeof text);
    if (out.len) memcpy(text, out.data, out.len);
    text[out.len] = 0;
    for (size_t i = 0; i < out.len; i++)
        if (text[i] == 0) text[i] = '0';
    buffer_release(&out);
    return text;
}

static inline const char *ask(struct session *s, const char *words, float x, float y)
{
    return ask_at(s, words, '^', x, y);
}

#define ASK(s, words, want) assert_string_equal(ask(s, words, 1, 0), want)
#define ASK_HAS(s, words, part)                                                                    \
    do {                                                                                           \
        const char *reply_ = ask((s), (words), 1, 0);                                              \
        if (!strstr(reply_, (part))) fail_msg("'%s' gave '%s'", (words), reply_);                  \
    } while (0)

#endif
