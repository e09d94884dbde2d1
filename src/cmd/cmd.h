/*
 * What the verbs share: the table of verbs, exit codes, errors as a person reads them, and opening
 * a database the way the verb needs it.
 *
 * Results go to standard output, everything else to standard error, so that output can be piped.
 * Colours appear on terminals only, and never when NO_COLOR is set (no-color.org).
 */
#ifndef KITH_CMD_CMD_H
#define KITH_CMD_CMD_H

#include <stdbool.h>
#include <stddef.h>

#include <kith/kith.h>

#include "base/error.h"
#include "cmd/args.h"

enum cmd_exit {
    CMD_OK = 0,
    CMD_FAILED = 1, /* the work could not be done, or a check found problems */
    CMD_USAGE = 2,  /* the command line is wrong */
};

struct cmd_verb {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the verb; returns enum cmd_exit */
};
const struct cmd_verb *cmd_verbs(size_t *count); /* main.c */
/* Runs the verb argv[0]; an unknown one is an error with a suggestion. */
int cmd_run_verb(int argc, char **argv);

int cmd_import(int argc, char **argv);
int cmd_import_ant(int argc, char **argv); /* behind `import ant` */
int cmd_serve(int argc, char **argv);
int cmd_redis_server(int argc, char **argv);
int cmd_cli(int argc, char **argv);
int cmd_ant_cache(int argc, char **argv); /* behind `serve --ant-cache`, or by a link's name */
int cmd_search(int argc, char **argv);
int cmd_query(int argc, char **argv);
int cmd_collection(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_version(int argc, char **argv);
int cmd_help(int argc, char **argv);

/* Parses what follows the verb into values. false: nothing is left to do but to return *exit_code
 * (help was printed, or an error was). */
bool cmd_begin(const struct args_spec *spec, int argc, char **argv, void *values, int *exit_code);

/* Print "kith VERB: text" and return the exit code. */
int cmd_fail(const char *verb, const struct kith_error *err); /* CMD_FAILED */
int cmd_usage(const char *verb, const char *fmt, ...) KITH_PRINTF(2, 3); /* CMD_USAGE */
void cmd_warn(const char *verb, const char *fmt, ...) KITH_PRINTF(2, 3);
/* As cmd_fail; when the filter is what was wrong, shows where. `filter` is nullable. */
int cmd_fail_filter(const char *verb, const char *filter, const struct kith_error *err);

bool cmd_colours(int fd); /* may colours be written there? */

/* A database and one collection of it, opened for reading beside a writer. */
struct cmd_source {
    struct kith_db *db;                 /* owns */
    struct kith_collection *collection; /* owns */
    struct kith_collection_info *info;  /* owns */
};
KITH_NODISCARD int cmd_open_db(const char *path, bool write, struct kith_db **out,
                               struct kith_error *err);
/* KITH_EUNSUPPORTED when another door owns its rows (server/owner.h): not to be written to. */
KITH_NODISCARD int cmd_check_owner(struct kith_db *db, const char *name, struct kith_error *err);
/* KITH_ENOTFOUND's text names the collections that are there. */
KITH_NODISCARD int cmd_open_source(const char *path, const char *collection,
                                   struct cmd_source *out, struct kith_error *err);
void cmd_close_source(struct cmd_source *source); /* accepts a zeroed struct */

const struct kith_field *cmd_find_field(const struct kith_schema *schema, const char *name);
const struct kith_field *cmd_primary_field(const struct kith_schema *schema);

/* Splits "a,b,c" into names; blanks around them are dropped. The names borrow *copy, which the
 * caller frees together with the array by cmd_list_free. text NULL: none. */
struct cmd_list {
    char *copy;         /* owns */
    const char **names; /* owns the array */
    size_t count;
};
KITH_NODISCARD int cmd_list_split(const char *text, struct cmd_list *out, struct kith_error *err);
void cmd_list_free(struct cmd_list *list); /* accepts a zeroed struct */

#endif
