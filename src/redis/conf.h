/*
 * redis.conf: a list of directives, from a file and the command line, and their way into settings.
 */
#ifndef KITH_REDIS_CONF_H
#define KITH_REDIS_CONF_H

#include "os/os.h"
#include "redis/settings.h"

struct redis;

struct conf_line {
    char *text;       /* owns */
    const char *file; /* borrows; "": the command line */
    size_t line;      /* from 1; 0: the command line */
};

struct conf { /* what was read, in order */
    struct conf_line *lines; /* owns */
    size_t count, cap;
    char **files; /* owns; names that lines point to */
    size_t file_count;
};

/* Appends the directives of a file, and of those it includes (globs too); "-" is standard input. */
KITH_NODISCARD int conf_read(struct conf *conf, const struct os *os, const char *path,
                             struct kith_error *err);
KITH_NODISCARD int conf_add(struct conf *conf, const char *text); /* KITH_ENOMEM */
void conf_release(struct conf *conf); /* accepts a zeroed struct */
/* Texts alone, as redis_opts has them; the caller frees the array with mem_free. NULL: no memory */
const char *const *conf_texts(const struct conf *conf);

/* The parameters alone, on top of what `settings` holds, without a door. Errors as conf_apply. */
KITH_NODISCARD int conf_preview(const char *const *directives, size_t count,
                                struct redis_settings *settings, struct kith_error *err);
/* Directives as redis_opts has them. An unknown name is a warning in the log. KITH_EINVAL: a bad
 * value; the text is the reason and err->position the number of the directive (from 0). */
KITH_NODISCARD int conf_apply(struct redis *redis, const char *const *directives, size_t count,
                              struct kith_error *err);

#endif
