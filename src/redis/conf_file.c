/*
 * redis.conf as text: lines, comments, include. See conf.h.
 *
 * What a directive means is not looked at here but for `include`, which takes effect where it
 * stands. Depth, size and count are bounded, so a file that includes itself ends with an error.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/conf.h"
#include "redis/redis_internal.h"

#define CONF_BYTES_MAX (16u << 20)
#define CONF_DEPTH_MAX 16u
#define CONF_LINES_MAX 1000000u

struct reading {
    struct conf *conf;
    const struct os *os;
    struct resp_parser words;
    unsigned depth;
    struct kith_error *err;
};

static int no_memory(struct kith_error *err)
{
    return error_set(err, KITH_ENOMEM, "the configuration: no memory");
}

static int add_line(struct conf *conf, const char *text, size_t len, const char *file, size_t line)
{
    if (conf->count == conf->cap) {
        const size_t cap = conf->cap ? conf->cap * 2 : 64;
        struct conf_line *fresh = mem_realloc(conf->lines, cap * sizeof *fresh);
        if (!fresh) return KITH_ENOMEM;
        conf->lines = fresh;
        conf->cap = cap;
    }
    char *copy = mem_strndup(text, len);
    if (!copy) return KITH_ENOMEM;
    conf->lines[conf->count++] = (struct conf_line){copy, file, line};
    return 0;
}

int conf_add(struct conf *conf, const char *text)
{
    return add_line(conf, text, strlen(text), "", 0);
}

static const char *keep_name(struct conf *conf, const char *path)
{
    char **fresh = mem_realloc(conf->files, (conf->file_count + 1) * sizeof *fresh);
    if (!fresh) return NULL;
    conf->files = fresh;
    fresh[conf->file_count] = mem_strdup(path);
    return fresh[conf->file_count] ? fresh[conf->file_count++] : NULL;
}

void conf_release(struct conf *conf)
{
    for (size_t i = 0; i < conf->count; i++) mem_free(conf->lines[i].text);
    for (size_t i = 0; i < conf->file_count; i++) mem_free(conf->files[i]);
    mem_free(conf->lines);
    mem_free(conf->files);
    memset(conf, 0, sizeof *conf);
}

const char *const *conf_texts(const struct conf *conf)
{
    const char **texts = mem_alloc_array(conf->count + 1, sizeof *texts);
    for (size_t i = 0; texts && i < conf->count; i++) texts[i] = conf->lines[i].text;
    return texts;
}

/* ---- files ---- */

static int read_stdin(struct buffer *out, struct kith_error *err)
{
    char part[4096];
    size_t got;
    while ((got = fread(part, 1, sizeof part, stdin)) > 0) {
        buffer_put(out, part, got);
        if (out->len > CONF_BYTES_MAX) return error_set(err, KITH_ELIMIT, "over 16 MiB");
    }
    return buffer_failed(out) ? no_memory(err) : 0;
}

static int read_whole(const struct os *os, const char *path, struct buffer *out,
                      struct kith_error *err)
{
    const struct redis reader = {.os = os};
    return strcmp(path, "-") == 0 ? read_stdin(out, err)
                                  : redis_read_file(&reader, path, out, err);
}

static int read_one(struct reading *at, const char *path);

struct names { /* of a folder, that fit a pattern */
    struct kith_str pattern;
    struct buffer found; /* each ends with NUL */
};

static int take_name(void *ctx, const char *name)
{
    struct names *names = ctx;
    if (text_matches(names->pattern, str_of(name), false))
        buffer_put(&names->found, name, strlen(name) + 1);
    return 0;
}

static int include_matching(struct reading *at, const char *path)
{
    char folder[OS_PATH_MAX], file[OS_PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct names names = {.pattern = str_of(slash ? slash + 1 : path)};
    if (snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1,
                 slash ? path : ".") >= (int)sizeof folder)
        return error_set(at->err, KITH_EINVAL, "the path is too long");
    buffer_init(&names.found);
    int rc = os_list(at->os, folder, take_name, &names, NULL);
    if (rc == KITH_ENOTFOUND) rc = 0;
    for (size_t i = 0; rc == 0 && i < names.found.len;) {
        const char *name = (const char *)names.found.data + i;
        if (snprintf(file, sizeof file, "%s%s%s", slash ? folder : "", "", name) <
            (int)sizeof file)
            rc = read_one(at, file);
        i += strlen(name) + 1;
    }
    buffer_release(&names.found);
    return rc;
}

static int include(struct reading *at, struct kith_str path)
{
    char text[OS_PATH_MAX];
    if (path.len >= sizeof text) return error_set(at->err, KITH_EINVAL, "the path is too long");
    memcpy(text, path.data, path.len);
    text[path.len] = 0;
    return strpbrk(text, "*?[") ? include_matching(at, text) : read_one(at, text);
}

static int take_line(struct reading *at, const char *line, size_t len, const char *file,
                     size_t number)
{
    while (len && (*line == ' ' || *line == '\t')) line++, len--;
    while (len && (line[len - 1] == '\r' || line[len - 1] == ' ' || line[len - 1] == '\t')) len--;
    if (!len || *line == '#') return 0;
    if (memchr(line, 0, len)) len = strlen(line);
    if (at->conf->count >= CONF_LINES_MAX)
        return error_set(at->err, KITH_ELIMIT, "the configuration has too many lines");
    if (len > 8 && str_is((struct kith_str){line, 7}, "include") &&
        resp_split(&at->words, line, len) && at->words.arg_count == 2) {
        const struct kith_str name = at->words.args[1];
        return include(at, name);
    }
    return add_line(at->conf, line, len, file, number) ? no_memory(at->err) : 0;
}

static int read_one(struct reading *at, const char *path)
{
    struct buffer text;
    const char *file = keep_name(at->conf, path);
    if (!file) return no_memory(at->err);
    if (at->depth == CONF_DEPTH_MAX)
        return error_set(at->err, KITH_ELIMIT, "%s: files include each other too deeply", path);
    at->depth++;
    buffer_init(&text);
    int rc = read_whole(at->os, path, &text, at->err);
    size_t number = 1;
    for (size_t i = 0; rc == 0 && i < text.len; number++) {
        const char *line = (const char *)text.data + i;
        const char *end = memchr(line, '\n', text.len - i);
        const size_t len = end ? (size_t)(end - line) : text.len - i;
        rc = take_line(at, line, len, file, number);
        i += len + 1;
    }
    buffer_release(&text);
    at->depth--;
    return rc;
}

int conf_read(struct conf *conf, const struct os *os, const char *path, struct kith_error *err)
{
    struct reading at = {.conf = conf, .os = os, .err = err};
    resp_parser_init(&at.words);
    const int rc = read_one(&at, path);
    resp_parser_release(&at.words);
    return rc;
}
