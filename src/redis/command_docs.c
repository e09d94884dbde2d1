/*
 * The line of arguments as COMMAND DOCS shows it: see command_docs.h.
 *
 *     line    item+                      of one level, split at blanks
 *     item    [line|line] or <line|line> or (line), or a word; perhaps "..." behind
 *
 * A line with "|" is a choice (oneof), a line of several items a block. A word to type in front of
 * one value is the token of that value, in front of several the token of their block.
 *
 * The lines are constants of this program, so nothing is checked but brackets, which a test does.
 */
#include "redis/command_docs.h"

#include <ctype.h>
#include <string.h>

#include "redis/redis_internal.h"

#define NAME_BYTES_MAX 48u

/* The byte behind the bracket that closes the one at text[0]. */
static size_t behind_bracket(struct kith_str text)
{
    size_t depth = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (memchr("[<(", text.data[i], 3)) depth++;
        if (memchr("]>)", text.data[i], 3) && --depth == 0) return i + 1;
    }
    return text.len;
}

static size_t behind_item(struct kith_str text)
{
    size_t at = 0;
    while (at < text.len && !memchr(" |", text.data[at], 2)) {
        const struct kith_str rest = {text.data + at, text.len - at};
        at += memchr("[<(", text.data[at], 3) ? behind_bracket(rest) : 1;
    }
    return at;
}

/* Takes the first item off the line. */
static struct kith_str next_item(struct kith_str *line)
{
    const struct kith_str item = {line->data, behind_item(*line)};
    *line = (struct kith_str){line->data + item.len, line->len - item.len};
    while (line->len && *line->data == ' ') line->data++, line->len--;
    return item;
}

/* Takes the first alternative off; what is left is empty when there is no "|". */
static struct kith_str next_choice(struct kith_str *line)
{
    const char *begin = line->data;
    while (line->len && *line->data != '|') (void)next_item(line);
    const struct kith_str choice = {begin, (size_t)(line->data - begin)};
    if (line->len) *line = (struct kith_str){line->data + 1, line->len - 1};
    return choice;
}

static bool is_token(struct kith_str item)
{
    return item.len && !memchr("[<(", item.data[0], 3) && !islower((unsigned char)item.data[0]);
}

static bool is_listed(struct kith_str name, const char *const *names)
{
    for (; *names; names++)
        if (str_is(name, *names)) return true;
    return false;
}

static const char *type_of(struct kith_str name)
{
    static const char *const keys[] = {"key",  "newkey",      "source",  "destination",
                                       "key1", "destkey",     "key2",    "cache", NULL};
    static const char *const integers[] = {
        "count",    "numkeys", "index",   "start",     "stop",     "offset",  "end",  "seconds",
        "milliseconds", "len", "rank",    "db",        "cursor",   "numfields", "limit", "bits",
        "client-id", "maxage", "minlen",  "samples",   "numreplicas", "maxlen", "index1", "index2",
        "protover", "dim",     "ef",      "m",         "port",     "threshold-count", "num",
        "numlocal", "integer", "lower",   "upper",     "bit",      "radius-count", NULL};
    static const char *const doubles[] = {"min",     "max",      "score",     "weight", "timeout",
                                          "float",   "longitude", "latitude", "radius", "width",
                                          "height",  "delta",    "threshold", "rate",   NULL};
    if (is_listed(name, keys)) return "key";
    if (is_listed(name, integers)) return "integer";
    if (is_listed(name, doubles)) return "double";
    if (str_is(name, "pattern")) return "pattern";
    if (name.len > 10 && str_is((struct kith_str){name.data, 10}, "unix-time-")) return "unix-time";
    return "string";
}

/* ---- arguments ---- */

struct argument {
    struct kith_str text; /* without brackets and dots around all of it, and without the token */
    struct kith_str token;
    bool optional, multiple, multiple_token;
};

static bool has_choice(struct kith_str line)
{
    (void)next_choice(&line);
    return line.len > 0;
}

static bool is_one_item(struct kith_str line)
{
    (void)next_item(&line);
    return line.len == 0;
}

/* Takes off what stands around the whole line. */
static struct argument unwrap(struct kith_str line)
{
    struct argument out = {.text = line};
    while (is_one_item(out.text)) {
        struct kith_str *text = &out.text;
        if (text->len > 3 && memcmp(text->data + text->len - 3, "...", 3) == 0) {
            out.multiple = true;
            text->len -= 3;
        }
        if (!text->len || !memchr("[<(", text->data[0], 3)) break;
        if (text->data[0] == '[') out.optional = true;
        *text = (struct kith_str){text->data + 1, text->len - 2};
    }
    return out;
}

/* The token of a value or of a block stands in front of it. */
static struct argument read_argument(struct kith_str line)
{
    struct argument out = unwrap(line);
    struct kith_str rest = out.text;
    const struct kith_str token = next_item(&rest);
    if (has_choice(out.text) || !is_token(token)) return out;
    out.token = token;
    out.multiple_token = out.multiple && rest.len;
    const struct argument value = unwrap(rest);
    out.text = value.optional ? rest : value.text;
    out.multiple = out.multiple || value.multiple;
    return out;
}

static const char *kind_of(const struct argument *argument)
{
    if (!argument->text.len) return "pure-token";
    if (has_choice(argument->text)) return "oneof";
    return is_one_item(argument->text) && islower((unsigned char)argument->text.data[0])
               ? type_of(argument->text)
               : "block";
}

/* ---- replies ---- */

static void put_field(struct resp *reply, const char *field, struct kith_str value)
{
    resp_cstr(reply, field);
    resp_str(reply, value);
}

/* Choices and blocks have no name of their own: the first word in them, in lower case. */
static void put_name(struct resp *reply, struct kith_str line)
{
    char text[NAME_BYTES_MAX];
    size_t len = 0;
    while (line.len && memchr("[<(", *line.data, 3)) line.data++, line.len--;
    while (len < line.len && len < sizeof text && !memchr(" |[]<>().", line.data[len], 9)) {
        text[len] = (char)tolower((unsigned char)line.data[len]);
        len++;
    }
    put_field(reply, "name", (struct kith_str){text, len});
}

static size_t put_flags(struct resp *reply, const struct argument *argument)
{
    const size_t count = (size_t)argument->optional + argument->multiple + argument->multiple_token;
    if (!count) return 0;
    resp_cstr(reply, "flags");
    resp_array(reply, count);
    if (argument->optional) resp_status(reply, "optional");
    if (argument->multiple) resp_status(reply, "multiple");
    if (argument->multiple_token) resp_status(reply, "multiple_token");
    return 1;
}

static void put_argument(struct resp *reply, struct kith_str line);

/* One item of a block, with the value behind it when it is a token. */
static struct kith_str next_argument(struct kith_str *line)
{
    struct kith_str item = next_item(line), after = *line;
    if (!is_token(item) || !after.len || !islower((unsigned char)*after.data)) return item;
    const struct kith_str value = next_item(line);
    return (struct kith_str){item.data, (size_t)(value.data + value.len - item.data)};
}

static void put_parts(struct resp *reply, struct kith_str line)
{
    size_t count = 0;
    const bool choice = has_choice(line);
    const size_t place = resp_open(reply);
    for (; line.len; count++) put_argument(reply, choice ? next_choice(&line)
                                                         : next_argument(&line));
    resp_close(reply, place, '*', count);
}

static void put_argument(struct resp *reply, struct kith_str line)
{
    const struct argument argument = read_argument(line);
    const char *kind = kind_of(&argument);
    const bool parts = strcmp(kind, "oneof") == 0 || strcmp(kind, "block") == 0;
    size_t fields = 2;
    const size_t place = resp_open(reply);
    put_name(reply, argument.text.len ? argument.text : argument.token);
    put_field(reply, "type", str_of(kind));
    if (strcmp(kind, "key") == 0) {
        resp_cstr(reply, "key_spec_index");
        resp_integer(reply, 0);
        fields++;
    }
    if (argument.token.len) {
        put_field(reply, "token", argument.token);
        fields++;
    }
    fields += put_flags(reply, &argument);
    if (parts) {
        resp_cstr(reply, "arguments");
        put_parts(reply, argument.text);
        fields++;
    }
    resp_close(reply, place, '%', fields);
}

void command_doc_arguments(struct resp *reply, const char *arguments)
{
    size_t count = 0;
    const size_t place = resp_open(reply);
    struct kith_str line = str_of(arguments);
    for (; line.len; count++) put_argument(reply, next_argument(&line));
    resp_close(reply, place, '*', count);
}

const struct command_doc *command_doc(const char *name)
{
    static const struct command_doc *const tables[] = {value_docs, server_docs, search_docs};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        for (const struct command_doc *doc = tables[i]; doc->name; doc++)
            if (strcmp(doc->name, name) == 0) return doc;
    return NULL;
}
