/*
 * CONFIG HELP and its kin: what the tables of command_docs.h say of the subcommands of a container,
 * in the shape that Redis gives it.
 */
#include "redis/command_docs.h"
#include "redis/registry.h"
#include "redis/server_commands.h"

#include "redis/redis_internal.h"

static void put_upper(struct buffer *out, const char *text)
{
    for (; *text; text++)
        buffer_put_u8(out, (uint8_t)(*text >= 'a' && *text <= 'z' ? *text - 32 : *text));
}

static void put_line(struct redis_call *call, struct buffer *line)
{
    buffer_put_u8(line, 0);
    resp_status(call->reply, line->data ? (const char *)line->data : "");
    buffer_clear(line);
}

static void put_subcommand(struct redis_call *call, const struct command_entry *entry,
                           struct buffer *line)
{
    const struct command_doc *doc = command_doc(entry->name);
    put_upper(line, entry->command->name);
    if (doc && doc->arguments[0]) buffer_printf(line, " %s", doc->arguments);
    put_line(call, line);
    buffer_printf(line, "    %s.", doc ? doc->summary : HELP_SUMMARY);
    put_line(call, line);
}

void run_help_of(struct redis_call *call)
{
    const struct registry *registry = &call->redis->registry;
    const struct command_entry *container = registry_lookup(registry, call->argv[0]);
    struct buffer line;
    size_t count = 1;
    if (!container) return;
    buffer_init(&line);
    const size_t place = resp_open(call->reply);
    put_upper(&line, container->name);
    buffer_printf(&line, " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    put_line(call, &line);
    for (const struct command *sub = container->command->subcommands; sub->name; sub++, count += 2)
        put_subcommand(call, registry_sub(registry, container, str_of(sub->name)), &line);
    resp_close(call->reply, place, '*', count);
    buffer_release(&line);
}
