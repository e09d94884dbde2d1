/*
 * The program `kith`: a table of verbs. Each has a file of its own, cmd_<verb>.c.
 */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "cmd/cmd.h"

static const struct cmd_verb verbs[] = {
    {"serve", "answer the Milvus protocol and Redis clients over the network", cmd_serve},
    {"redis-server", "answer Redis clients alone, as redis-server does", cmd_redis_server},
    {"cli", "ask a server of Redis clients or of the line protocol", cmd_cli},
    {"import", "read a file into a collection", cmd_import},
    {"search", "find the rows nearest to a vector", cmd_search},
    {"query", "find or count rows by a filter", cmd_query},
    {"collection", "list, describe or drop collections", cmd_collection},
    {"check", "verify every file of a database", cmd_check},
    {"dump", "show a file of a database in words", cmd_dump},
    {"bench", "measure speed and recall", bench_main},
    {"version", "version, features and limits", cmd_version},
    {"help", "this list, or the help of a verb", cmd_help},
};

const struct cmd_verb *cmd_verbs(size_t *count)
{
    *count = sizeof verbs / sizeof *verbs;
    return verbs;
}

/* A link named redis-server or ant-cache is one that scripts can start. */
static bool is_named(const char *program, const char *name)
{
    const size_t len = strlen(program), want = strlen(name);
    return len >= want && strcmp(program + len - want, name) == 0;
}

int main(int argc, char **argv)
{
    int rc = CMD_USAGE;
    if (argc > 0 && is_named(argv[0], "redis-server")) {
        rc = cmd_redis_server(argc, argv);
    } else if (argc > 0 && is_named(argv[0], "ant-cache")) {
        rc = cmd_ant_cache(argc, argv);
    } else if (argc < 2) {
        char help[] = "help";
        char *alone[] = {help, NULL};
        (void)cmd_help(1, alone);
    } else if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        rc = cmd_help(argc - 1, argv + 1);
    } else if (strcmp(argv[1], "--version") == 0) {
        rc = cmd_version(argc - 1, argv + 1);
    } else {
        rc = cmd_run_verb(argc - 1, argv + 1);
    }
    if (fflush(stdout) || ferror(stdout)) { /* a full disk behind a redirection, say */
        fputs("kith: error: the output could not be written\n", stderr);
        return CMD_FAILED;
    }
    return rc;
}
