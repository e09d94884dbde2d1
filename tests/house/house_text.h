/*
 * What the house rules need to read the tree: a list of findings, whole files, comments and strings
 * blanked out (newlines and columns stay, so a position still names its line), and a walk over the
 * folders of a root.
 */
#ifndef KITH_TESTS_HOUSE_TEXT_H
#define KITH_TESTS_HOUSE_TEXT_H

#include <ctype.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { HOUSE_PATH_MAX = 1024, HOUSE_TEXT_MAX = 16384 };

struct findings {
    size_t count;
    size_t len;
    char text[HOUSE_TEXT_MAX]; /* the first of them, one a line */
};

/* One source file of the tree being checked. */
struct page {
    const char *room; /* the folder in src/, or "include" */
    const char *name;
    const char *path; /* from the root */
    const char *raw;
    const char *code;     /* comments and strings blanked */
    const char *includes; /* comments blanked, strings kept */
};

static inline void found(struct findings *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void found(struct findings *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = sizeof out->text - out->len;
    int n = vsnprintf(out->text + out->len, room, format, args);
    va_end(args);
    out->count++;
    if (n < 0 || (size_t)n + 2 > room) {
        out->text[out->len] = '\0';
        return;
    }
    out->len += (size_t)n;
    out->text[out->len++] = '\n';
    out->text[out->len] = '\0';
}

/* snprintf that never truncates: a path or command too long for its place ends the test. */
static inline void spell(char *text, size_t cap, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline void spell(char *text, size_t cap, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, cap, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= cap) abort();
}

/* The whole file, NUL-terminated; NULL when it cannot be read. The caller frees it. */
static inline char *load(const char *root, const char *path)
{
    char full[HOUSE_PATH_MAX];
    spell(full, sizeof full, "%s/%s", root, path);
    FILE *file = fopen(full, "rb");
    if (!file) return NULL;
    char *text = NULL;
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    if (size >= 0 && fseek(file, 0, SEEK_SET) == 0) text = calloc((size_t)size + 1, 1);
    if (text && fread(text, 1, (size_t)size, file) != (size_t)size) {
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

static inline void blank(char *c)
{
    if (*c != '\n') *c = ' ';
}

/* Blanks a quoted text that starts at `at`; returns the index after it. */
static inline size_t skip_quoted(char *text, size_t at, bool keep)
{
    char quote = text[at++];
    while (text[at] && text[at] != quote && text[at] != '\n') {
        size_t n = text[at] == '\\' && text[at + 1] ? 2 : 1;
        for (; n > 0; n--, at++) {
            if (!keep) blank(&text[at]);
        }
    }
    return text[at] ? at + 1 : at;
}

static inline size_t skip_comment(char *text, size_t at)
{
    bool line = text[at + 1] == '/';
    blank(&text[at++]);
    blank(&text[at++]);
    while (text[at]) {
        if (line && text[at] == '\n') return at;
        if (!line && text[at] == '*' && text[at + 1] == '/') {
            blank(&text[at]);
            blank(&text[at + 1]);
            return at + 2;
        }
        blank(&text[at++]);
    }
    return at;
}

static inline char *stripped(const char *raw, bool keep_strings)
{
    char *text = strdup(raw);
    if (!text) return NULL;
    for (size_t at = 0; text[at];) {
        if (text[at] == '/' && (text[at + 1] == '*' || text[at + 1] == '/')) {
            at = skip_comment(text, at);
        } else if (text[at] == '"' || text[at] == '\'') {
            at = skip_quoted(text, at, keep_strings);
        } else {
            at++;
        }
    }
    return text;
}

static inline size_t line_of(const char *text, const char *at)
{
    size_t line = 1;
    for (; text < at; text++) line += *text == '\n';
    return line;
}

static inline bool is_word_char(char c) { return isalnum((unsigned char)c) || c == '_'; }

static inline bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name);
    size_t m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static inline bool is_source(const char *name)
{
    return name[0] != '.' && (ends_with(name, ".c") || ends_with(name, ".h"));
}

/* `name` is an element of the space-separated list. */
static inline bool in_list(const char *list, const char *name, size_t len)
{
    for (const char *at = list; at && *at; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, name, len) == 0 && (at[len] == ' ' || at[len] == '\0')) return true;
    }
    return false;
}

typedef void page_rule(const struct page *page, struct findings *out);

static inline void visit_file(const char *root, const char *room, const char *folder,
                              const char *name, page_rule *rule, struct findings *out)
{
    char path[HOUSE_PATH_MAX];
    spell(path, sizeof path, "%s/%s", folder, name);
    char *raw = load(root, path);
    char *code = raw ? stripped(raw, false) : NULL;
    char *includes = raw ? stripped(raw, true) : NULL;
    if (code && includes) {
        rule(&(struct page){ room, name, path, raw, code, includes }, out);
    } else {
        found(out, "%s: cannot be read", path);
    }
    free(includes);
    free(code);
    free(raw);
}

static inline void visit_folder(const char *root, const char *room, const char *folder,
                                page_rule *rule, struct findings *out)
{
    char full[HOUSE_PATH_MAX];
    spell(full, sizeof full, "%s/%s", root, folder);
    DIR *dir = opendir(full);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (is_source(entry->d_name)) visit_file(root, room, folder, entry->d_name, rule, out);
    }
    closedir(dir);
}

/* Every folder of src/: calls `each` with its name and its path from the root. */
static inline void each_room(const char *root,
                             void (*each)(const char *room, const char *folder, void *ctx),
                             void *ctx)
{
    char full[HOUSE_PATH_MAX];
    spell(full, sizeof full, "%s/src", root);
    DIR *dir = opendir(full);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.') continue;
        spell(full, sizeof full, "src/%s", entry->d_name);
        each(entry->d_name, full, ctx);
    }
    closedir(dir);
}

#endif
