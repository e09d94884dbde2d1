/*
 * Any bytes as the JSON file of Ant-Cache: what is taken can be printed, and that is JSON which is
 * taken again and says the same.
 *
 * Also as a duration and, with the first byte 1, as two flags.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "line/ant_config.h"
#include "line/line_auth.h"

#define FLAG_BYTES 64u

static void check_flags(const uint8_t *data, size_t len)
{
    char words[2][FLAG_BYTES] = { "", "" };
    char *argv[] = { words[0], words[1] };
    struct kith_error err = { 0 };
    struct ant_config config;
    const size_t half = len / 2;
    if (half >= FLAG_BYTES || ant_config_init(&config)) return;
    memcpy(words[0], data, half);
    memcpy(words[1], data + half, half);
    if (ant_config_flags(&config, argv, 2, &err) == 0 && !config.host) abort();
    ant_config_release(&config);
}

static void print(const struct ant_config *config, struct buffer *out)
{
    buffer_init(out);
    ant_config_write(config, out);
}

static void check_again(const struct buffer *first)
{
    struct ant_config config;
    struct kith_error err = { 0 };
    struct buffer second;
    if (ant_config_init(&config)) return;
    if (ant_config_json(&config, (const char *)first->data, first->len, &err)) abort();
    config.password = strcmp(config.password, "(set)") == 0 ? "x" : "";
    print(&config, &second);
    buffer_release(&second);
    ant_config_release(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ant_config config;
    struct kith_error err = { 0 };
    struct buffer out;
    uint8_t salt[32], key[32];
    int64_t ms;
    if (ant_duration((const char *)data, len, &ms) && ms < 0) abort();
    (void)line_auth_parse(data, len, salt, key);
    if (len && data[0] == 1) check_flags(data + 1, len - 1);
    if (ant_config_init(&config)) return 0;
    if (ant_config_json(&config, (const char *)data, len, &err) == 0) {
        print(&config, &out);
        check_again(&out);
        buffer_release(&out);
    }
    ant_config_release(&config);
    return 0;
}
