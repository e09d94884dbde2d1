/*
 * What the verbs share; see cmd.h.
 */
#include "cmd/cmd.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "os/os.h"
#include "server/owner.h"

#define STDERR_FD 2
#define LISTED_MAX 8 /* names in an error text */

bool cmd_colours(int fd)
{
    const char *none = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if (none && *none) return false;
    if (term && strcmp(term, "dumb") == 0) return false;
    return os_is_terminal(fd);
}

static void say(const char *verb, const char *colour, const char *kind, const char *text)
{
    bool on = cmd_colours(STDERR_FD);
    fprintf(stderr, "kith%s%s: %s%s%s%s\n", *verb ? " " : "", verb, on ? colour : "", kind,
            on ? "\x1b[0m" : "", text);
}

int cmd_fail(const char *verb, const struct kith_error *err)
{
    say(verb, "\x1b[31m", "error: ", err->text[0] ? err->text : kith_status_text(err->code));
    return CMD_FAILED;
}

int cmd_usage(const char *verb, const char *fmt, ...)
{
    char text[KITH_ERROR_TEXT_MAX];
    va_list list;
    va_start(list, fmt);
    vsnprintf(text, sizeof text, fmt, list);
    va_end(list);
    say(verb, "\x1b[31m", "error: ", text);
    return CMD_USAGE;
}

void cmd_warn(const char *verb, const char *fmt, ...)
{
    char text[KITH_ERROR_TEXT_MAX];
    va_list list;
    va_start(list, fmt);
    vsnprintf(text, sizeof text, fmt, list);
    va_end(list);
    say(verb, "\x1b[33m", "warning: ", text);
}

int cmd_fail_filter(const char *verb, const char *filter, const struct kith_error *err)
{
    int exit_code = cmd_fail(verb, err);
    if (err->code == KITH_EFILTER && filter && err->position <= strlen(filter)) {
        fprintf(stderr, "  %s\n  %*s^ at byte %llu\n", filter, (int)err->position, "",
                (unsigned long long)err->position);
    }
    return exit_code;
}

bool cmd_begin(const struct args_spec *spec, int argc, char **argv, void *values, int *exit_code)
{
    struct kith_error err = {0};
    bool help = false;
    *exit_code = CMD_OK;
    if (args_parse(spec, argc - 1, argv + 1, values, &help, &err)) {
        *exit_code = cmd_usage(spec->verb, "%s", err.text);
        return false;
    }
    if (!help) return true;
    struct buffer text;
    buffer_init(&text);
    args_help(spec, &text);
    if (text.len) fwrite(text.data, 1, text.len, stdout);
    buffer_release(&text);
    return false;
}

int cmd_run_verb(int argc, char **argv)
{
    const char *name = argv[0];
    size_t count;
    const struct cmd_verb *verbs = cmd_verbs(&count);
    const char *names[32] = {NULL};
    for (size_t i = 0; i < count && i < 32; i++) {
        names[i] = verbs[i].name;
        if (strcmp(name, verbs[i].name) == 0) return verbs[i].run(argc, argv);
    }
    const char *near = args_suggest(name, names, count < 32 ? count : 32);
    if (near) return cmd_usage("", "'%s' is no verb; did you mean 'kith %s'?", name, near);
    return cmd_usage("", "'%s' is no verb; 'kith help' lists them", name);
}

/* ---- databases ---- */

static void log_line(void *ctx, int level, const char *text)
{
    (void)ctx;
    if (level == 0) cmd_warn("", "%s", text);
}

int cmd_open_db(const char *path, bool write, struct kith_db **out, struct kith_error *err)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.read_only = !write;
    opts.must_exist = !write;
    opts.log = log_line;
    return kith_open(path, &opts, out, err);
}

static int no_collection(struct kith_db *db, const char *path, const char *name,
                         struct kith_error *err)
{
    struct kith_names names = {0};
    struct buffer list;
    if (kith_collection_list(db, NULL, &names, NULL)) return KITH_ENOTFOUND; /* the engine's text */
    buffer_init(&list);
    for (size_t i = 0; i < names.count && i < LISTED_MAX; i++) {
        buffer_printf(&list, "%s'%s'", i ? ", " : "", names.names[i]);
    }
    if (names.count > LISTED_MAX) buffer_printf(&list, ", ... (%zu)", names.count);
    int rc;
    if (!list.len) {
        rc = error_set(err, KITH_ENOTFOUND, "no collection '%s': '%s' has none yet; 'kith import' "
                       "makes one from a file", name, path);
    } else {
        rc = error_set(err, KITH_ENOTFOUND, "no collection '%s' in '%s'; there is %.*s", name, path,
                       (int)list.len, (const char *)list.data);
    }
    buffer_release(&list);
    kith_names_free(&names);
    return rc;
}

int cmd_open_source(const char *path, const char *collection, struct cmd_source *out,
                    struct kith_error *err)
{
    struct cmd_source source = {0};
    int rc = cmd_open_db(path, false, &source.db, err);
    if (!rc) rc = kith_collection_open(source.db, NULL, collection, &source.collection, err);
    if (rc == KITH_ENOTFOUND && source.db) rc = no_collection(source.db, path, collection, err);
    if (!rc) rc = kith_collection_describe(source.collection, &source.info, err);
    if (rc) {
        cmd_close_source(&source);
        return rc;
    }
    *out = source;
    return 0;
}

void cmd_close_source(struct cmd_source *source)
{
    if (source->info) kith_collection_info_free(source->info);
    kith_collection_release(source->collection);
    kith_close(source->db);
    *source = (struct cmd_source){0};
}

/* ---- words for the model ---- */

const struct kith_field *cmd_find_field(const struct kith_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        if (strcmp(schema->fields[i].name, name) == 0) return &schema->fields[i];
    }
    return NULL;
}

const struct kith_field *cmd_primary_field(const struct kith_schema *schema)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        if (schema->fields[i].flags & KITH_FIELD_PRIMARY) return &schema->fields[i];
    }
    return NULL;
}

int cmd_list_split(const char *text, struct cmd_list *out, struct kith_error *err)
{
    size_t places = 1;
    *out = (struct cmd_list){0};
    if (!text) return 0;
    for (const char *at = text; *at; at++) places += *at == ',';
    struct cmd_list list = {.copy = mem_strdup(text)};
    list.names = mem_alloc_array(places, sizeof *list.names);
    if (!list.copy || !list.names) {
        cmd_list_free(&list);
        return error_set(err, KITH_ENOMEM, "no memory for the list '%s'", text);
    }
    for (char *at = list.copy; at;) {
        char *comma = strchr(at, ',');
        char *end = comma ? comma : at + strlen(at);
        while (*at == ' ') at++;
        while (end > at && end[-1] == ' ') end--;
        *end = '\0';
        if (*at) list.names[list.count++] = at;
        at = comma ? comma + 1 : NULL;
    }
    *out = list;
    return 0;
}

void cmd_list_free(struct cmd_list *list)
{
    mem_free(list->copy);
    mem_free(list->names);
    *list = (struct cmd_list){0};
}

int cmd_check_owner(struct kith_db *db, const char *name, struct kith_error *err)
{
    struct kith_collection *collection = NULL;
    struct kith_collection_info *info = NULL;
    char text[512];
    int rc = kith_collection_open(db, NULL, name, &collection, err); /* it may be an alias */
    if (!rc) rc = kith_collection_describe(collection, &info, err);
    if (!rc && owner_is_redis(db, info->database, info->name)) {
        owner_refusal(info->name, text, sizeof text);
        rc = error_set(err, KITH_EUNSUPPORTED, "%s", text);
    }
    kith_collection_info_free(info);
    kith_collection_release(collection);
    return rc;
}
