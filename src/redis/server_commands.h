/*
 * Functions and tables of subcommands that the table of cmd_server.c names and other files hold.
 */
#ifndef KITH_REDIS_SERVER_COMMANDS_H
#define KITH_REDIS_SERVER_COMMANDS_H

#include "redis/command.h"

/* The last line of a table of subcommands. */
#define HELP_SUBCOMMAND(category)                                                                  \
    {.name = "help", .run = run_help_of, .arity = 2, .flags = CMD_LOADING, .categories = category}
#define HELP_SUMMARY "Shows this help"

extern const struct command slowlog_subcommands[]; /* cmd_slowlog.c */
extern const struct command latency_subcommands[]; /* cmd_latency.c */
extern const struct command config_subcommands[];  /* cmd_config.c */
extern const struct command command_subcommands[]; /* cmd_command.c */
extern const struct command memory_subcommands[];  /* cmd_memory.c */
extern const struct command save_commands[];       /* cmd_save.c; a table of its own */
void run_monitor(struct redis_call *call);         /* cmd_slowlog.c */
void run_command(struct redis_call *call);         /* cmd_command.c */
void run_info(struct redis_call *call);            /* info.c */
void run_debug(struct redis_call *call);           /* cmd_debug.c */
void run_help_of(struct redis_call *call);         /* command_help.c; of any container */
void run_client_tracking(struct redis_call *call); /* cmd_tracking.c */
void run_client_caching(struct redis_call *call);
void run_client_getredir(struct redis_call *call);
void run_client_trackinginfo(struct redis_call *call);

#endif
