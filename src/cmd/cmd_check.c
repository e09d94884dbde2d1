/*
 * kith check DIR: verifies every checksum and invariant. Exit code 1 when something was found.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cmd/cmd.h"
#include "cmd/progress.h"

struct check_options {
    const char *dir;
    bool json;
};

static const struct args_option operands[] = {
    {.name = "DIR", .kind = ARGS_TEXT, .help = "the database's directory", .required = true,
     .offset = offsetof(struct check_options, dir)},
};
static const struct args_option options_table[] = {
    {.name = "json", .kind = ARGS_FLAG, .help = "one JSON object",
     .offset = offsetof(struct check_options, json)},
};

static const struct args_spec spec = {
    .verb = "check",
    .summary = "verify every file of a database",
    .details = "Reads everything and changes nothing. The exit code is 1 when a problem was found.",
    .example = "kith check data",
    .options = options_table,
    .option_count = 1,
    .operands = operands,
    .operand_count = 1,
};

struct findings {
    bool json;
    size_t count;
};

static void print_problem(void *ctx, const char *file, uint64_t offset, const char *text)
{
    struct findings *findings = ctx;
    struct buffer out;
    if (!findings->json) {
        printf("%s, byte %llu: %s\n", file, (unsigned long long)offset, text);
        return;
    }
    buffer_init(&out);
    buffer_printf(&out, "%s{\"file\":", findings->count++ ? "," : "");
    json_write_string(&out, file, strlen(file));
    buffer_printf(&out, ",\"offset\":%llu,\"text\":", (unsigned long long)offset);
    json_write_string(&out, text, strlen(text));
    buffer_put(&out, "}", 1);
    fwrite(out.data, 1, out.len, stdout);
    buffer_release(&out);
}

static void print_summary(const struct check_options *options,
                          const struct kith_check_report *report)
{
    char files[32], bytes[32];
    if (options->json) {
        printf("],\"files\":%llu,\"bytes\":%llu,\"problem_count\":%llu}\n",
               (unsigned long long)report->files, (unsigned long long)report->bytes,
               (unsigned long long)report->problems);
        return;
    }
    progress_count(report->files, files, sizeof files);
    progress_bytes(report->bytes, bytes, sizeof bytes);
    if (report->problems) {
        printf("%llu problems in %s files, %s; damaged segments are left out of reads until they "
               "are restored from a copy\n",
               (unsigned long long)report->problems, files, bytes);
    } else {
        printf("ok: %s files, %s\n", files, bytes);
    }
}

int cmd_check(int argc, char **argv)
{
    struct check_options options = {0};
    struct kith_check_report report = {0};
    struct kith_error err = {0};
    int exit_code;
    if (!cmd_begin(&spec, argc, argv, &options, &exit_code)) return exit_code;
    struct findings findings = {.json = options.json};
    if (options.json) printf("{\"problems\":[");
    if (kith_check(options.dir, print_problem, &findings, &report, &err)) {
        if (options.json) printf("],\"failed\":true}\n");
        return cmd_fail("check", &err);
    }
    print_summary(&options, &report);
    return report.problems ? CMD_FAILED : CMD_OK;
}
