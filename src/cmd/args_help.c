/*
 * Help text from a verb's table of options.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/args.h"

#define LEFT_MAX 30 /* an option longer than this has its text on the next line */
#define HELP_COLUMNS 96

static void usage(const struct args_spec *spec, struct buffer *out)
{
    buffer_printf(out, "usage: kith %s", spec->verb);
    for (size_t i = 0; i < spec->operand_count; i++) {
        const struct args_option *operand = &spec->operands[i];
        buffer_printf(out, operand->required ? " %s" : " [%s]", operand->name);
    }
    for (size_t i = 0; i < spec->option_count; i++) {
        const struct args_option *option = &spec->options[i];
        if (option->required) buffer_printf(out, " --%s %s", option->name, option->value);
    }
    buffer_printf(out, spec->option_count ? " [options]\n" : "\n");
}

static void indented(struct buffer *out, size_t column)
{
    buffer_printf(out, "\n%*s", (int)column, "");
}

/* Breaks at blanks, so that no line passes HELP_COLUMNS. */
static void wrapped(const char *text, size_t column, struct buffer *out)
{
    size_t at = column;
    while (*text) {
        size_t len = strcspn(text, " ");
        if (at != column && at + 1 + len > HELP_COLUMNS) {
            indented(out, column);
            at = column;
        }
        buffer_printf(out, at == column ? "%.*s" : " %.*s", (int)len, text);
        at += len + (at != column);
        text += len;
        text += strspn(text, " ");
    }
    buffer_printf(out, "\n");
}

static void one_option(const char *left, const char *help, size_t width, struct buffer *out)
{
    size_t len = strlen(left);
    buffer_printf(out, "  %s", left);
    if (len > width) {
        indented(out, width + 4);
    } else {
        buffer_printf(out, "%*s", (int)(width - len) + 2, "");
    }
    wrapped(help, width + 4, out);
}

static void left_side(const struct args_option *option, bool operand, char *out, size_t size)
{
    if (operand) {
        snprintf(out, size, "%s", option->name);
    } else if (option->value) {
        snprintf(out, size, "--%s %s", option->name, option->value);
    } else {
        snprintf(out, size, "--%s", option->name);
    }
}

static size_t widest(const struct args_spec *spec)
{
    size_t width = 6;
    char left[128];
    for (size_t i = 0; i < spec->operand_count + spec->option_count; i++) {
        bool operand = i < spec->operand_count;
        left_side(operand ? &spec->operands[i] : &spec->options[i - spec->operand_count], operand,
                  left, sizeof left);
        size_t len = strlen(left);
        if (len > width && len <= LEFT_MAX) width = len;
    }
    return width;
}

static void lines_indented(const char *text, struct buffer *out)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        buffer_printf(out, "  %.*s\n", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

void args_help(const struct args_spec *spec, struct buffer *out)
{
    char left[128];
    size_t width = widest(spec);
    buffer_printf(out, "kith %s: %s\n\n", spec->verb, spec->summary);
    usage(spec, out);
    buffer_printf(out, "\n");
    for (size_t i = 0; i < spec->operand_count; i++) {
        left_side(&spec->operands[i], true, left, sizeof left);
        one_option(left, spec->operands[i].help, width, out);
    }
    for (size_t i = 0; i < spec->option_count; i++) {
        left_side(&spec->options[i], false, left, sizeof left);
        one_option(left, spec->options[i].help, width, out);
    }
    one_option("--help", "this text", width, out);
    if (spec->details) buffer_printf(out, "\n%s\n", spec->details);
    buffer_printf(out, "\nfor example:\n");
    lines_indented(spec->example, out);
}
