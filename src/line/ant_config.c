/*
 * Flags and files of Ant-Cache: see ant_config.h. One table names every value's place in the JSON
 * and its flag.
 */
#include "line/ant_config.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/json.h"

#define FILE_BYTES_MAX (1u << 20)

enum ant_kind { ANT_TEXT, ANT_NUMBER, ANT_DURATION, ANT_BOOL, ANT_MODE };

struct ant_value {
    const char *section, *key; /* of the JSON; NULL: a flag only */
    const char *flag;          /* NULL: in the JSON only */
    enum ant_kind kind;
    size_t offset;
};
#define AT(member) offsetof(struct ant_config, member)

static const struct ant_value values[] = {
    { "server", "host", "host", ANT_TEXT, AT(host) },
    { "server", "port", "port", ANT_NUMBER, AT(port) },
    { "auth", "password", NULL, ANT_TEXT, AT(password) },
    { "persistence", "atd_interval", "atd-interval", ANT_DURATION, AT(atd_interval_ms) },
    { "persistence", "acl_interval", "acl-interval", ANT_DURATION, AT(acl_interval_ms) },
    { "persistence", "atd_file", "atd", ANT_TEXT, AT(atd_file) },
    { "persistence", "acl_file", "acl", ANT_TEXT, AT(acl_file) },
    { "compression", "enabled", NULL, ANT_BOOL, AT(compression) },
    { "compression", "type", NULL, ANT_TEXT, AT(compression_type) },
    { "compression", "level", NULL, ANT_TEXT, AT(compression_level) },
    { "compression", "min_size", NULL, ANT_NUMBER, AT(compression_min_bytes) },
    { "compression", "strings_only", NULL, ANT_BOOL, AT(strings_only) },
    { NULL, NULL, "config", ANT_TEXT, AT(file) },
    { NULL, NULL, "server", ANT_MODE, AT(pooled) },
    { NULL, NULL, "workers", ANT_NUMBER, AT(workers) },
    { NULL, NULL, "cli", ANT_BOOL, AT(cli) },
    { NULL, NULL, "query", ANT_BOOL, AT(query) },
    { NULL, NULL, "h", ANT_BOOL, AT(help) },
    { NULL, NULL, "insecure", ANT_BOOL, AT(insecure) },
};
#define VALUE_COUNT (sizeof values / sizeof values[0])

int ant_config_init(struct ant_config *config)
{
    *config = (struct ant_config){ .host = "localhost",
                                   .password = "",
                                   .atd_file = "cache.atd",
                                   .acl_file = "cache.acl",
                                   .port = 8890,
                                   .workers = 200,
                                   .atd_interval_ms = 3600000,
                                   .acl_interval_ms = 1000,
                                   .compression_type = "gzip",
                                   .compression_level = "default",
                                   .compression_min_bytes = 1024 };
    arena_init(&config->arena);
    buffer_init(&config->notes);
    return 0;
}

void ant_config_release(struct ant_config *config)
{
    arena_release(&config->arena);
    buffer_release(&config->notes);
}

/* ---- values ---- */

static double unit_ms(const char *text, size_t len)
{
    static const struct { const char *name; double ms; } units[] = {
        { "ns", 1e-6 }, { "us", 1e-3 }, { "\xc2\xb5s", 1e-3 }, { "ms", 1 },
        { "s", 1e3 },   { "m", 6e4 },   { "h", 3.6e6 },        { "d", 8.64e7 },
    };
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strlen(units[i].name) == len && memcmp(units[i].name, text, len) == 0)
            return units[i].ms;
    return 0;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool ant_duration(const char *text, size_t len, int64_t *ms)
{
    double total = 0;
    size_t at = 0;
    if (len == 1 && *text == '0') {
        *ms = 0;
        return true;
    }
    while (at < len) {
        double value = 0, scale = 1;
        const size_t begin = at;
        for (; at < len && is_digit(text[at]); at++) value = value * 10 + (text[at] - '0');
        if (at < len && at > begin && text[at] == '.')
            for (at++; at < len && is_digit(text[at]); at++)
                value += (text[at] - '0') * (scale /= 10);
        size_t end = at;
        while (end < len && !is_digit(text[end])) end++;
        const double unit = unit_ms(text + at, end - at);
        if (at == begin || unit <= 0) return false;
        total += value * unit;
        at = end;
    }
    if (len == 0 || !(total < 9e15)) return false;
    *ms = (int64_t)llround(total);
    return true;
}

static bool parse_number(const char *text, size_t len, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(text[i]) || value > UINT32_MAX) return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *out = value;
    return len > 0 && value <= UINT32_MAX;
}

static bool parse_choice(const char *text, size_t len, const char *no, const char *yes, bool *out)
{
    const bool is_yes = strlen(yes) == len && memcmp(text, yes, len) == 0;
    const bool is_no = strlen(no) == len && memcmp(text, no, len) == 0;
    if (is_yes || is_no) *out = is_yes;
    return is_yes || is_no;
}

static int take(struct ant_config *config, const struct ant_value *value, const char *text,
                size_t len, struct kith_error *err)
{
    void *out = (char *)config + value->offset;
    const char *name = value->flag ? value->flag : value->key;
    const char *copy;
    bool good = false;
    switch (value->kind) {
    case ANT_TEXT:
        copy = memchr(text, 0, len) ? NULL : arena_strndup(&config->arena, text, len);
        if (copy) memcpy(out, &copy, sizeof copy);
        good = copy != NULL;
        break;
    case ANT_NUMBER: good = parse_number(text, len, out); break;
    case ANT_DURATION: good = ant_duration(text, len, out); break;
    case ANT_BOOL: good = parse_choice(text, len, "false", "true", out); break;
    case ANT_MODE:
        good = parse_choice(text, len, "single-goroutine", "pooled-goroutine", out);
        break;
    }
    if (good) return 0;
    return error_set(err, KITH_EINVAL, "%s: '%.*s' is no value for it", name,
                     (int)(len < 80 ? len : 80), text);
}

/* ---- flags ---- */

static const struct ant_value *flag_named(const char *name, size_t len)
{
    if (len == 4 && memcmp(name, "help", 4) == 0) len = 1;
    for (size_t i = 0; i < VALUE_COUNT; i++)
        if (values[i].flag && strlen(values[i].flag) == len &&
            memcmp(values[i].flag, name, len) == 0)
            return &values[i];
    return NULL;
}

int ant_config_flags(struct ant_config *config, char *const *argv, int argc,
                     struct kith_error *err)
{
    for (int i = 0; i < argc; i++) {
        const char *name = argv[i];
        if (*name != '-' || !name[1])
            return error_set(err, KITH_EINVAL, "'%s' is no flag; -h lists them", name);
        name += name[1] == '-' ? 2 : 1;
        const size_t len = strcspn(name, "=");
        const struct ant_value *value = flag_named(name, len);
        if (!value) return error_set(err, KITH_EINVAL, "there is no flag '%s'", argv[i]);
        const char *text = name[len] ? name + len + 1 : NULL;
        if (!text && value->kind == ANT_BOOL) text = "true";
        if (!text && i + 1 < argc) text = argv[++i];
        if (!text) return error_set(err, KITH_EINVAL, "-%s needs a value", value->flag);
        const int rc = take(config, value, text, strlen(text), err);
        if (rc) return rc;
    }
    return 0;
}

/* ---- the file ---- */

static void note_unknown(struct ant_config *config, const struct json_value *section,
                         const struct json_value *key)
{
    buffer_printf(&config->notes, "unknown key %.*s%s%.*s is ignored\n",
                  section ? (int)section->len : 0, section ? section->text : "",
                  section ? "." : "", (int)key->len, key->text);
}

static int take_json(struct ant_config *config, const struct ant_value *value,
                     const struct json_value *json, struct kith_error *err)
{
    struct buffer text;
    buffer_init(&text);
    int rc = 0;
    if (json->kind == JSON_STRING) rc = json_unescape(json, &text);
    else buffer_put(&text, json->text, json->len);
    if (rc == 0 && buffer_failed(&text)) rc = error_set(err, KITH_ENOMEM, "no memory");
    if (rc == 0)
        rc = take(config, value, text.len ? (const char *)text.data : "", text.len, err);
    buffer_release(&text);
    return rc;
}

static int take_section(struct ant_config *config, const struct json_value *name,
                        const struct json_value *section, struct kith_error *err)
{
    struct json_iter it;
    struct json_value key, json;
    int rc = 0;
    json_iter_init(&it, section);
    while (rc == 0 && json_iter_next(&it, &key, &json) == 1) {
        const struct ant_value *found = NULL;
        for (size_t i = 0; i < VALUE_COUNT && !found; i++)
            if (values[i].section &&
                json_string_equals(name, values[i].section, strlen(values[i].section)) &&
                json_string_equals(&key, values[i].key, strlen(values[i].key)))
                found = &values[i];
        if (found) rc = take_json(config, found, &json, err);
        else note_unknown(config, name, &key);
    }
    return rc;
}

int ant_config_json(struct ant_config *config, const char *text, size_t len,
                    struct kith_error *err)
{
    struct json_value root, key, section;
    struct json_iter it;
    size_t used;
    int rc = json_validate(text, len, err);
    if (rc == 0) rc = json_read(text, len, &root, &used, err);
    if (rc) return rc;
    if (root.kind != JSON_OBJECT) return error_set(err, KITH_EINVAL, "it is no JSON object");
    json_iter_init(&it, &root);
    while (rc == 0 && json_iter_next(&it, &key, &section) == 1) {
        if (section.kind == JSON_OBJECT) rc = take_section(config, &key, &section, err);
        else note_unknown(config, NULL, &key);
    }
    return rc;
}

static int read_file(struct ant_config *config, const struct os *os, const char *path,
                     struct kith_error *err)
{
    struct os_file *file;
    size_t got = 0;
    int rc = os_open(os, path, OS_READ, &file, err);
    if (rc == KITH_ENOTFOUND && !config->file) return 0;
    if (rc) return rc;
    char *text = arena_alloc(&config->arena, FILE_BYTES_MAX);
    rc = text ? os_pread(file, text, FILE_BYTES_MAX, 0, &got, err)
              : error_set(err, KITH_ENOMEM, "%s: no memory", path);
    os_close(file);
    if (rc == 0) rc = ant_config_json(config, text, got, err);
    if (rc == KITH_EINVAL) error_wrap(err, rc, "%s", path);
    return rc;
}

static bool is_one_of(const char *text, const char *a, const char *b, const char *c)
{
    return !strcmp(text, a) || !strcmp(text, b) || !strcmp(text, c);
}

/* What the parts cannot say alone. */
static int check(const struct ant_config *config, struct kith_error *err)
{
    if (config->port == 0 || config->port > 65535)
        return error_set(err, KITH_EINVAL, "port: not from 1 to 65535");
    if (!is_one_of(config->compression_type, "gzip", "zlib", "gzip"))
        return error_set(err, KITH_EINVAL, "compression.type: gzip or zlib, not '%.40s'",
                         config->compression_type);
    if (!is_one_of(config->compression_level, "default", "best_speed", "best_compression"))
        return error_set(err, KITH_EINVAL,
                         "compression.level: default, best_speed or best_compression, not '%.40s'",
                         config->compression_level);
    return 0;
}

int ant_config_gather(struct ant_config *config, const struct os *os, char *const *argv, int argc,
                      struct kith_error *err)
{
    int rc = ant_config_init(config);
    if (rc == 0) rc = ant_config_flags(config, argv, argc, err);
    if (rc == 0 && !config->help)
        rc = read_file(config, os, config->file ? config->file : "config.json", err);
    if (rc == 0) rc = ant_config_flags(config, argv, argc, err);
    return rc ? rc : check(config, err);
}

void ant_config_write(const struct ant_config *config, struct buffer *out)
{
    buffer_printf(out, "{\n  \"server\": {\"host\": ");
    json_write_string(out, config->host, strlen(config->host));
    buffer_printf(out, ", \"port\": \"%llu\", \"mode\": \"%s-goroutine\", \"workers\": %llu},\n",
                  (unsigned long long)config->port, config->pooled ? "pooled" : "single",
                  (unsigned long long)config->workers);
    buffer_printf(out, "  \"auth\": {\"password\": \"%s\"},\n",
                  *config->password ? "(set)" : "(not set)");
    buffer_printf(out, "  \"persistence\": {\"atd_interval\": \"%lldms\", \"acl_interval\": "
                       "\"%lldms\", \"atd_file\": ",
                  (long long)config->atd_interval_ms, (long long)config->acl_interval_ms);
    json_write_string(out, config->atd_file, strlen(config->atd_file));
    buffer_printf(out, ", \"acl_file\": ");
    json_write_string(out, config->acl_file, strlen(config->acl_file));
    buffer_printf(out, "},\n  \"compression\": {\"enabled\": %s, \"type\": ",
                  config->compression ? "true" : "false");
    json_write_string(out, config->compression_type, strlen(config->compression_type));
    buffer_printf(out, ", \"level\": ");
    json_write_string(out, config->compression_level, strlen(config->compression_level));
    buffer_printf(out, ", \"min_size\": %llu, \"strings_only\": %s}\n}\n",
                  (unsigned long long)config->compression_min_bytes,
                  config->strings_only ? "true" : "false");
}
