/*
 * Settings from a YAML file: nested mappings of scalars, by libyaml's events. Keys of the path to a
 * scalar are joined by dots. Lists, anchors, aliases and more than one document are refused; the
 * depth and every name are bounded.
 */
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/alloc.h"
#include "server/config.h"

#define YAML_DEPTH_MAX 8

struct reading {
    struct server_config *config;
    const char *file;
    char name[CONFIG_NAME_MAX * 2]; /* the path so far */
    size_t ends[YAML_DEPTH_MAX];    /* how long it was at each level */
    unsigned depth;                 /* mappings we are in */
    bool has_key;                   /* the last scalar was a key */
    unsigned long line;
};

static int complain(const struct reading *in, const char *text, struct kith_error *err)
{
    return error_set(err, KITH_EINVAL, "%s, line %lu: %s", in->file, in->line, text);
}

static int push_key(struct reading *in, const char *key, size_t len, struct kith_error *err)
{
    size_t at = in->ends[in->depth - 1];
    if (at + len + 2 > sizeof in->name || memchr(key, 0, len))
        return complain(in, "the name is too long", err);
    if (at) in->name[at++] = '.';
    memcpy(in->name + at, key, len);
    in->name[at + len] = 0;
    in->has_key = true;
    return 0;
}

static int take_scalar(struct reading *in, const yaml_event_t *event, struct kith_error *err)
{
    const char *text = (const char *)event->data.scalar.value;
    const size_t len = event->data.scalar.length;
    if (in->depth == 0)
        return len ? complain(in, "'name: value' lines are expected", err) : 0;
    if (!in->has_key) return push_key(in, text, len, err);
    in->has_key = false;
    struct kith_error inner = { 0 };
    const int rc = memchr(text, 0, len) ? KITH_EINVAL
                                        : config_set(in->config, in->name, text, &inner);
    return rc ? complain(in, inner.text, err) : 0;
}

static int enter(struct reading *in, struct kith_error *err)
{
    if (in->depth == YAML_DEPTH_MAX) return complain(in, "nested too deep", err);
    in->ends[in->depth++] = in->has_key ? strlen(in->name) : 0;
    in->has_key = false;
    return 0;
}

static int take(struct reading *in, const yaml_event_t *event, struct kith_error *err)
{
    in->line = (unsigned long)event->start_mark.line + 1;
    switch (event->type) {
    case YAML_MAPPING_START_EVENT: return enter(in, err);
    case YAML_MAPPING_END_EVENT: in->depth--; return 0;
    case YAML_SCALAR_EVENT: return take_scalar(in, event, err);
    case YAML_SEQUENCE_START_EVENT: return complain(in, "no setting is a list", err);
    case YAML_ALIAS_EVENT: return complain(in, "aliases are not supported", err);
    default: return 0;
    }
}

static int read_events(struct reading *in, yaml_parser_t *parser, struct kith_error *err)
{
    int rc = 0;
    for (bool end = false; rc == 0 && !end;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            in->line = (unsigned long)parser->problem_mark.line + 1;
            return complain(in, parser->problem ? parser->problem : "not readable as YAML", err);
        }
        end = event.type == YAML_STREAM_END_EVENT;
        rc = take(in, &event, err);
        yaml_event_delete(&event);
    }
    return rc;
}

int config_yaml(struct server_config *config, const char *file, const void *text, size_t len,
                struct kith_error *err)
{
    struct reading in = { .config = config, .file = file, .line = 1 };
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) return error_set(err, KITH_ENOMEM, "YAML: no memory");
    yaml_parser_set_input_string(&parser, text, len);
    const int rc = read_events(&in, &parser, err);
    yaml_parser_delete(&parser);
    return rc;
}

int config_file(struct server_config *config, const struct os *os, const char *path,
                struct kith_error *err)
{
    struct os_file *file;
    uint64_t size = 0;
    size_t got = 0;
    int rc = os_open(os, path, OS_READ, &file, err);
    if (rc) return rc;
    rc = os_size(file, &size, err);
    if (rc == 0 && size > CONFIG_FILE_BYTES_MAX)
        rc = error_set(err, KITH_ELIMIT, "'%s' has more than %u bytes", path,
                       CONFIG_FILE_BYTES_MAX);
    char *text = rc == 0 ? mem_alloc((size_t)size + 1) : NULL;
    if (rc == 0 && !text) rc = error_set(err, KITH_ENOMEM, "'%s': no memory", path);
    if (rc == 0) rc = os_pread(file, text, (size_t)size, 0, &got, err);
    if (rc == 0) rc = config_yaml(config, path, text, got, err);
    mem_free(text);
    os_close(file);
    return rc;
}
