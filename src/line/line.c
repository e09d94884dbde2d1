/*
 * What the connections of the line protocol share: see line.h.
 */
#include "line/line.h"

#include "base/alloc.h"
#include "line/line_internal.h"

static int begin(struct line *line, struct kith_error *err)
{
    const struct line_opts *opts = &line->opts;
    const bool locked = (opts->password && *opts->password) || opts->auth_file;
    int rc = os_mutex_init(opts->os, &line->lock);
    if (rc) return error_set(err, rc, "the line protocol: no lock");
    if (!locked && !redis_is_open(line->redis))
        return error_set(err, KITH_EINVAL,
                         "Redis clients need a password and the line protocol has none: set "
                         "line.password");
    if (locked) rc = line_auth_new(opts->os, opts->password, opts->auth_file, &line->auth, err);
    if (rc == 0 && opts->pooled) rc = line_pool_new(opts->os, opts->workers, &line->pool, err);
    return rc;
}

int line_new(const struct line_opts *opts, struct line **out, struct kith_error *err)
{
    struct line *line = mem_zalloc(sizeof *line);
    if (!line) return error_set(err, KITH_ENOMEM, "the line protocol: no memory");
    line->opts = *opts;
    line->redis = opts->redis;
    line->resp = redis_stream_ops();
    line_commands_init(&line->commands, opts->escape_newlines);
    const int rc = begin(line, err);
    if (rc == 0) redis_set_info(line->redis, "Line", line_write_info, line);
    if (rc == 0) *out = line;
    else line_free(line);
    return rc;
}

void line_free(struct line *line)
{
    if (!line) return;
    redis_set_info(line->redis, NULL, NULL, NULL);
    line_pool_free(line->pool);
    line_auth_free(line->auth);
    line_commands_release(&line->commands);
    os_mutex_release(&line->lock);
    mem_free(line);
}
