/*
 * The README of a room names each file of the room: `list.c`, `list.[ch]`, `li*` or `list` all name
 * list.c and list.h (and list_internal.h). In its tables a name stands once, and is that of a file.
 */
#ifndef KITH_TESTS_HOUSE_README_H
#define KITH_TESTS_HOUSE_README_H

#include <fnmatch.h>

#include "house/house_rules.h"

struct contents {
    const char *readme;
    const char *folder;
    char names[HOUSE_TEXT_MAX]; /* of the room's files, each behind a blank */
};

static struct contents contents;

/* The next `name` of code from `at` on, with what may stand in the name of a file; NULL: none. */
static inline const char *next_name(const char *at, char name[128])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_.*[]";
    while ((at = strchr(at, '`')) != NULL) {
        const size_t len = strspn(++at, letters);
        if (at[len] == '`' && len > 0 && len < 128) {
            spell(name, 128, "%.*s", (int)len, at);
            return at + len + 1;
        }
        at += strcspn(at, "`\n");
        if (*at == '`') at++;
    }
    return NULL;
}

/* `list.c`, `list.[ch]`, `li*` and `list` name list.c, list.h and what is only theirs. */
static inline bool names_file(const char *readme, const char *file)
{
    char stem[128], subject[128], name[128];
    spell(stem, sizeof stem, "%.*s", (int)strcspn(file, "."), file);
    spell(subject, sizeof subject, "%s", stem);
    char *inner = strstr(subject, "_internal");
    if (inner) *inner = 0;
    for (const char *at = readme; (at = next_name(at, name)) != NULL;) {
        name[strcspn(name, ".")] = 0;
        if (!name[0] || name[0] == '*') continue;
        if (fnmatch(name, stem, 0) == 0 || fnmatch(name, subject, 0) == 0) return true;
    }
    return false;
}

static inline void rule_named(const struct page *page, struct findings *out)
{
    const size_t len = strlen(contents.names);
    if (len + strlen(page->name) + 2 < sizeof contents.names) {
        spell(contents.names + len, sizeof contents.names - len, " %s", page->name);
    }
    if (!names_file(contents.readme, page->name)) {
        found(out, "%s: not named in %s/README.md", page->path, contents.folder);
    }
}

static inline bool is_there(const char *name)
{
    char file[128];
    for (const char *at = contents.names; *at == ' '; at += 1 + strcspn(at + 1, " ")) {
        spell(file, sizeof file, "%.*s", (int)strcspn(at + 1, " "), at + 1);
        if (fnmatch(name, file, 0) == 0) return true;
    }
    return false;
}

/* A name in the first column of a table stands there once and is that of a file. */
static inline void check_cell(const char *cell, size_t *count, struct findings *out)
{
    char name[128];
    for (const char *at = cell; (at = next_name(at, name)) != NULL;) {
        for (size_t i = 0; i < *count; i++)
            if (strcmp(seen_names[i], name) == 0) {
                found(out, "%s/README.md: `%s` twice", contents.folder, name);
            }
        if (*count < HOUSE_FILES_MAX) spell(seen_names[(*count)++], 128, "%s", name);
        const bool file = ends_with(name, ".c") || ends_with(name, ".h") || ends_with(name, "[ch]");
        const bool other = strncmp(name, "test_", 5) == 0 || strncmp(name, "fuzz_", 5) == 0;
        if (file && !other && !is_there(name)) {
            found(out, "%s/README.md: `%s` is no file", contents.folder, name);
        }
    }
}

static inline void contents_room(const char *room, const char *folder, void *ctx)
{
    struct room_walk *walk = ctx;
    char path[HOUSE_PATH_MAX], cell[1024];
    spell(path, sizeof path, "%s/README.md", folder);
    char *readme = load(walk->root, path);
    if (!readme) return; /* check_readmes says so */
    contents = (struct contents){.readme = readme, .folder = folder};
    visit_folder(walk->root, room, folder, rule_named, walk->out);
    size_t count = 0;
    for (const char *line = readme; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (line[0] != '|') continue;
        spell(cell, sizeof cell, "%.*s", (int)strcspn(line + 1, "|\n"), line + 1);
        check_cell(cell, &count, walk->out);
    }
    free(readme);
}

/* The README of a room names each of its files, and in its tables each once. */
static inline void check_contents(const char *root, struct findings *out)
{
    each_room(root, contents_room, &(struct room_walk){ root, NULL, out });
}

#endif
