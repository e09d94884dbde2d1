/*
 * The rules of the house that a program can check. Each takes the root of a tree and adds what it
 * found to a list, so that test_house.c can run the same rule over this tree (nothing may be found)
 * and over a planted violation (it must be found).
 */
#ifndef KITH_TESTS_HOUSE_RULES_H
#define KITH_TESTS_HOUSE_RULES_H

#include "house/house_text.h"

enum { HOUSE_LINES_MAX = 700, HOUSE_COLUMNS_MAX = 100, HOUSE_FUNCTION_MAX = 70 };

/* ---- which room may include which: the way through the house is always downwards ---- */

static const struct {
    const char *room;
    const char *may; /* itself is always allowed; the engine is reached by <kith/kith.h> only */
} room_table[] = {
    { "base", "" },
    { "os", "base" },
    { "model", "base" },
    { "kernel", "base" },
    { "proto", "base" },
    { "text", "base os model kernel" },
    { "import", "base os model" },
    { "quant", "base kernel" },
    { "log", "base os model" },
    { "index", "base os model kernel quant text" },
    { "storage", "base os model log text index" },
    { "query", "base os model kernel text index storage" },
    { "engine", "base os model kernel log text index storage query" },
    { "cache", "base os model kernel index" },
    { "client", "base os proto" },
    { "net", "base os model proto" },
    { "server", "base os model proto net text" },
    { "milvus", "base os model import proto net server text" },
    { "redis", "base os model kernel proto net server text cache" },
    { "line", "base os model proto net server cache redis" },
    { "bench", "base os model kernel proto import client" },
    { "cmd", "base os model kernel proto text import quant log index storage query engine cache "
             "client net server milvus redis line bench" },
};

static inline const char *room_may(const char *room)
{
    for (size_t i = 0; i < sizeof room_table / sizeof room_table[0]; i++) {
        if (strcmp(room_table[i].room, room) == 0) return room_table[i].may;
    }
    return NULL;
}

static inline void rule_includes(const struct page *page, struct findings *out)
{
    const char *may = room_may(page->room);
    if (!may) {
        found(out, "%s: the room '%s' is not in the table", page->path, page->room);
        return;
    }
    const char *at = page->includes;
    while ((at = strstr(at, "include \"")) != NULL) {
        size_t line = line_of(page->includes, at);
        at += strlen("include \"");
        size_t len = strcspn(at, "/\"\n");
        if (at[len] != '/') {
            found(out, "%s:%zu: an include names its room", page->path, line);
        } else if (!(strlen(page->room) == len && strncmp(page->room, at, len) == 0) &&
                   !in_list(may, at, len)) {
            found(out, "%s:%zu: '%s' may not include '%.*s'", page->path, line, page->room,
                  (int)len, at);
        }
    }
}

/* ---- calls that only one room may make, and calls that nobody may make ---- */

static const char calls_never[] =
    "sprintf vsprintf strcpy strcat gets atoi atol atoll atof alloca strtok";
static const char calls_of_alloc[] =
    "malloc calloc realloc free strdup strndup posix_memalign aligned_alloc asprintf vasprintf";
static const char calls_of_os[] =
    "open openat creat fopen freopen pread pwrite fsync fdatasync ftruncate mmap munmap madvise "
    "unlink rename mkdir rmdir opendir readdir stat fstat lstat time clock gettimeofday "
    "clock_gettime nanosleep usleep sleep sched_yield socket fork execve system popen";

static inline const char *call_verdict(const struct page *page, const char *word, size_t len)
{
    if (in_list(calls_never, word, len)) return "nobody may call";
    if (in_list(calls_of_alloc, word, len) && strcmp(page->path, "src/base/alloc.c") != 0) {
        return "only base/alloc.c may call";
    }
    bool thread = strncmp(word, "pthread_", 8) == 0 || strncmp(word, "thrd_", 5) == 0 ||
                  strncmp(word, "mtx_", 4) == 0;
    if (strcmp(page->room, "net") == 0 && len == 6 && strncmp(word, "socket", len) == 0) {
        return NULL; /* sockets are net's, through libuv; files and clocks are not */
    }
    if ((thread || in_list(calls_of_os, word, len)) && strcmp(page->room, "os") != 0) {
        return "only src/os may call";
    }
    return NULL;
}

/* A call is a word before '(' that is no member: `ops->close(x)` and `s.open(x)` are ours. */
static inline void rule_calls(const struct page *page, struct findings *out)
{
    const char *code = page->code;
    for (const char *at = code; *at;) {
        if (!is_word_char(*at)) {
            at++;
            continue;
        }
        const char *word = at;
        while (is_word_char(*at)) at++;
        const char *next = at + strspn(at, " ");
        bool member = word > code && (word[-1] == '.' || (word - code > 1 && word[-1] == '>' &&
                                                          word[-2] == '-'));
        if (*next != '(' || member) continue;
        const char *verdict = call_verdict(page, word, (size_t)(at - word));
        if (verdict) {
            found(out, "%s:%zu: %s %.*s", page->path, line_of(code, word), verdict,
                  (int)(at - word), word);
        }
    }
}

/* ---- size ---- */

static inline size_t columns_of(const char *line, size_t bytes)
{
    size_t columns = 0;
    for (size_t i = 0; i < bytes; i++) columns += ((unsigned char)line[i] & 0xc0) != 0x80;
    return columns;
}

static inline void rule_columns(const struct page *page, struct findings *out)
{
    size_t line = 0;
    for (const char *at = page->raw; *at;) {
        size_t bytes = strcspn(at, "\n");
        line++;
        if (columns_of(at, bytes) > HOUSE_COLUMNS_MAX) {
            found(out, "%s:%zu: over %d columns", page->path, line, HOUSE_COLUMNS_MAX);
        }
        at += bytes + (at[bytes] == '\n');
    }
}

/* Lines a file, lines a function (its braces stand in column 0). */
static inline void rule_size(const struct page *page, struct findings *out)
{
    size_t line = 0;
    size_t body = 0;
    for (const char *at = page->raw; *at;) {
        size_t bytes = strcspn(at, "\n");
        line++;
        if (*at == '{') body = line;
        if (*at == '}' && body && line - body - 1 >= HOUSE_FUNCTION_MAX) {
            found(out, "%s:%zu: a function of %zu lines", page->path, body, line - body - 1);
        }
        if (*at == '}') body = 0;
        at += bytes + (at[bytes] == '\n');
    }
    if (line > HOUSE_LINES_MAX) found(out, "%s: %zu lines", page->path, line);
}

/* ---- what a file says ---- */

/* The places a path of somebody's machine starts with. Spelled in halves: this file is checked. */
static const char *const machine_roots[] = { "/ho" "me/", "/ro" "ot/", "/wo" "rk/", "/Us" "ers/" };

static inline void rule_paths(const struct page *page, struct findings *out)
{
    for (size_t i = 0; i < sizeof machine_roots / sizeof machine_roots[0]; i++) {
        const char *at = page->raw;
        for (; (at = strstr(at, machine_roots[i])) != NULL; at++) {
            bool inside = at > page->raw && (is_word_char(at[-1]) || strchr(".-}>", at[-1]));
            if (!inside) found(out, "%s:%zu: a path of one machine", page->path,
                               line_of(page->raw, at));
        }
    }
}

static inline void rule_opening(const struct page *page, struct findings *out)
{
    if (strncmp(page->raw, "/*", 2) != 0) {
        found(out, "%s: does not open with what it is", page->path);
    }
}

/* ---- rules over folders ---- */

struct room_walk {
    const char *root;
    page_rule *rule;
    struct findings *out;
};

static inline void visit_room(const char *room, const char *folder, void *ctx)
{
    struct room_walk *walk = ctx;
    visit_folder(walk->root, room, folder, walk->rule, walk->out);
}

/* Runs a rule over every source file of src/. */
static inline void check_rooms(const char *root, page_rule *rule, struct findings *out)
{
    each_room(root, visit_room, &(struct room_walk){ root, rule, out });
}

static inline void count_page(const struct page *page, struct findings *out)
{
    if (ends_with(page->name, ".c")) out->count++;
}

static inline void readme_room(const char *room, const char *folder, void *ctx)
{
    struct room_walk *walk = ctx;
    struct findings *sources = calloc(1, sizeof *sources);
    if (!sources) return;
    visit_folder(walk->root, room, folder, count_page, sources);
    char path[HOUSE_PATH_MAX];
    spell(path, sizeof path, "%s/README.md", folder);
    char *readme = load(walk->root, path);
    if (sources->count > 0 && (!readme || strlen(readme) < 100)) {
        found(walk->out, "%s: no README.md", folder);
    }
    free(readme);
    free(sources);
}

static inline void check_readmes(const char *root, struct findings *out)
{
    each_room(root, readme_room, &(struct room_walk){ root, NULL, out });
}

enum { HOUSE_FILES_MAX = 4096 };
static char seen_names[HOUSE_FILES_MAX][128];
static size_t seen_count;

static inline void rule_unique(const struct page *page, struct findings *out)
{
    for (size_t i = 0; i < seen_count; i++) {
        if (strcmp(seen_names[i], page->name) == 0) {
            found(out, "%s: another file of src/ has this name", page->path);
        }
    }
    if (seen_count < HOUSE_FILES_MAX) {
        spell(seen_names[seen_count++], sizeof seen_names[0], "%s", page->name);
    }
}

static inline void check_unique(const char *root, struct findings *out)
{
    seen_count = 0;
    check_rooms(root, rule_unique, out);
}

#endif
