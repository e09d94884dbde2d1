/*
 * kith dump FILE|DIR: a file of a database in words; of a directory, all of them.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cmd/cmd.h"
#include "os/os.h"
#include "storage/dump.h"

#define DEPTH_MAX 8

struct dump_options {
    const char *path;
    bool json;
};

static const struct args_option operands[] = {
    {.name = "PATH", .kind = ARGS_TEXT, .help = "a .seg, .idx or .del file, or a directory of them",
     .required = true, .offset = offsetof(struct dump_options, path)},
};
static const struct args_option options_table[] = {
    {.name = "json", .kind = ARGS_FLAG, .help = "one JSON object a file: path and lines",
     .offset = offsetof(struct dump_options, json)},
};

static const struct args_spec spec = {
    .verb = "dump",
    .summary = "show a file of a database in words",
    .details = "Works on damaged files too, as far as they go; the exit code is 1 then.",
    .example = "kith dump data",
    .options = options_table,
    .option_count = 1,
    .operands = operands,
    .operand_count = 1,
};

struct dump {
    bool json;
    size_t lines, files;
    int exit_code;
};

static void print_line(void *ctx, const char *text)
{
    struct dump *dump = ctx;
    struct buffer out;
    if (!dump->json) {
        printf("%s\n", text);
        return;
    }
    buffer_init(&out);
    json_write_string(&out, text, strlen(text));
    printf("%s%.*s", dump->lines++ ? "," : "", (int)out.len, (const char *)out.data);
    buffer_release(&out);
}

static void dump_file(struct dump *dump, const char *path, bool titled)
{
    struct kith_error err = {0};
    struct buffer out;
    dump->lines = 0;
    buffer_init(&out);
    json_write_string(&out, path, strlen(path));
    if (dump->json) {
        printf("{\"path\":%.*s,\"lines\":[", (int)out.len, (const char *)out.data);
    } else if (titled) {
        printf("%s%s\n", dump->files ? "\n" : "", path);
    }
    buffer_release(&out);
    dump->files++;
    int rc = storage_dump(path, print_line, dump, &err);
    if (dump->json) printf("],\"ok\":%s}\n", rc ? "false" : "true");
    if (rc) dump->exit_code = cmd_fail("dump", &err);
}

static bool can_be_dumped(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot &&
           (strcmp(dot, ".seg") == 0 || strcmp(dot, ".idx") == 0 || strcmp(dot, ".del") == 0);
}

static int collect_name(void *ctx, const char *name)
{
    struct buffer *names = ctx;
    buffer_put(names, name, strlen(name) + 1);
    return buffer_failed(names) ? KITH_ENOMEM : 0;
}

static int by_name(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;
    return strcmp(*x, *y);
}

static int dump_dir(struct dump *dump, const char *path, unsigned depth, struct kith_error *err);

static int dump_entry(struct dump *dump, const char *dir, const char *name, unsigned depth,
                      struct kith_error *err)
{
    char path[OS_PATH_MAX];
    struct os_stat stat;
    int len = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (len < 0 || (size_t)len >= sizeof path) {
        return error_set(err, KITH_EINVAL, "the path '%s/%s' is too long", dir, name);
    }
    int rc = os_stat(os_real(), path, &stat, err);
    if (rc) return rc;
    if (stat.is_dir) return depth < DEPTH_MAX ? dump_dir(dump, path, depth + 1, err) : 0;
    if (can_be_dumped(name)) dump_file(dump, path, true);
    return 0;
}

/* In the order of names, so that two dumps can be compared. */
static int dump_dir(struct dump *dump, const char *path, unsigned depth, struct kith_error *err)
{
    struct buffer names;
    const char **sorted = NULL;
    size_t count = 0;
    buffer_init(&names);
    int rc = os_list(os_real(), path, collect_name, &names, err);
    if (!rc) sorted = mem_alloc_array(names.len + 1, sizeof *sorted); /* no more names than bytes */
    if (!rc && !sorted) rc = error_set(err, KITH_ENOMEM, "no memory for the names in '%s'", path);
    for (size_t at = 0; !rc && at < names.len; at += strlen(sorted[count - 1]) + 1) {
        sorted[count++] = (const char *)names.data + at;
    }
    if (!rc && count) qsort(sorted, count, sizeof *sorted, by_name);
    for (size_t i = 0; !rc && i < count; i++) rc = dump_entry(dump, path, sorted[i], depth, err);
    mem_free(sorted);
    buffer_release(&names);
    return rc;
}

int cmd_dump(int argc, char **argv)
{
    struct dump_options options = {0};
    struct kith_error err = {0};
    struct os_stat stat;
    int exit_code;
    if (!cmd_begin(&spec, argc, argv, &options, &exit_code)) return exit_code;
    struct dump dump = {.json = options.json};
    int rc = os_stat(os_real(), options.path, &stat, &err);
    if (!rc && stat.is_dir) rc = dump_dir(&dump, options.path, 0, &err);
    if (!rc && !stat.is_dir) dump_file(&dump, options.path, false);
    if (rc) return cmd_fail("dump", &err);
    if (!dump.files) cmd_warn("dump", "no .seg, .idx or .del file below '%s'", options.path);
    return dump.exit_code;
}
