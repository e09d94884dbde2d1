/*
 * kith cli: a client for a prompt, for one command, and for a pipe of commands. RESP, or the line
 * protocol with --line.
 *
 * Options end at the first word that is none, so that `kith cli --line SET k -t 60s v` is what it
 * looks like.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/cmd.h"
#include "os/os.h"

#define PORT_RESP 6379u
#define PORT_LINE 8890u
#define PASSWORD_BYTES_MAX 4096u

struct cli_flags {
    const char *host, *password_file, *auth_file;
    uint64_t port;
    bool line, raw;
};

static const struct args_option options[] = {
    {.name = "host", .kind = ARGS_TEXT, .value = "NAME", .help = "the server's; 127.0.0.1",
     .offset = offsetof(struct cli_flags, host)},
    {.name = "port", .kind = ARGS_NUMBER, .value = "N", .min = 1, .max = 65535,
     .help = "also -p; 6379, with --line 8890", .offset = offsetof(struct cli_flags, port)},
    {.name = "line", .kind = ARGS_FLAG, .help = "the line protocol (Ant-Cache), not RESP",
     .offset = offsetof(struct cli_flags, line)},
    {.name = "raw", .kind = ARGS_FLAG, .help = "replies as they come, not as people read them",
     .offset = offsetof(struct cli_flags, raw)},
    {.name = "password-file", .kind = ARGS_TEXT, .value = "FILE",
     .help = "its first line is given with AUTH; so is KITH_PASSWORD of the environment",
     .offset = offsetof(struct cli_flags, password_file)},
    {.name = "auth-file", .kind = ARGS_TEXT, .value = "FILE",
     .help = "what `auth setup` and `auth change` write; auth.dat",
     .offset = offsetof(struct cli_flags, auth_file)},
};

static const struct args_spec spec = {
    .verb = "cli",
    .summary = "ask a server: one command, lines of standard input, or a prompt",
    .details = "The command stands behind the options: kith cli [options] [COMMAND [WORD...]].\n"
               "Without one, lines are read from standard input; at a terminal there is a prompt,\n"
               "where exit and quit leave.",
    .example = "kith cli SET greeting hello EX 60\nkith cli -p 8890 --line SET k -t 60s hello "
               "world\nprintf 'GET a\\nGET b\\n' | kith cli --line",
    .options = options,
    .option_count = sizeof options / sizeof *options,
};

static bool is_value_option(const char *word)
{
    const char *name = word + 2;
    if (strcmp(word, "-p") == 0) return true;
    if (strncmp(word, "--", 2) != 0 || strchr(word, '=')) return false;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (strcmp(options[i].name, name) == 0) return options[i].kind != ARGS_FLAG;
    return false;
}

/* The place of the command, behind the options; -p is written out. */
static int command_at(int argc, char **argv)
{
    static char port[] = "--port";
    int i = 1;
    while (i < argc && argv[i][0] == '-' && argv[i][1]) {
        const bool value = is_value_option(argv[i]);
        if (strcmp(argv[i], "-p") == 0) argv[i] = port;
        if (strcmp(argv[i], "--") == 0) return i + 1;
        i += value && i + 1 < argc ? 2 : 1;
    }
    return i;
}

static int read_password(const char *path, char out[PASSWORD_BYTES_MAX], struct kith_error *err)
{
    struct os_file *file;
    size_t got = 0;
    int rc = os_open(os_real(), path, OS_READ, &file, err);
    if (rc) return rc;
    rc = os_pread(file, out, PASSWORD_BYTES_MAX - 1, 0, &got, err);
    os_close(file);
    out[got] = 0;
    out[strcspn(out, "\r\n")] = 0;
    return rc;
}

int cmd_cli(int argc, char **argv)
{
    struct cli_flags flags = {.host = "127.0.0.1", .auth_file = "auth.dat"};
    struct kith_error err = {0};
    struct cli cli;
    char password[PASSWORD_BYTES_MAX];
    int exit_code;
    const int at = command_at(argc, argv);
    if (!cmd_begin(&spec, at < argc ? at : argc, argv, &flags, &exit_code)) return exit_code;
    cli_init(&cli, flags.host, (unsigned)flags.port, flags.line);
    if (!flags.port) cli.port = flags.line ? PORT_LINE : PORT_RESP;
    cli.raw = flags.raw || (!flags.line && !os_is_terminal(1));
    cli.auth_file = flags.auth_file;
    cli.password = getenv("KITH_PASSWORD");
    if (flags.password_file) {
        if (read_password(flags.password_file, password, &err)) return cmd_fail("cli", &err);
        cli.password = password;
    }
    exit_code = at < argc ? cli_ask_words(&cli, argv + at, argc - at) : cli_talk(&cli);
    cli_release(&cli);
    return exit_code;
}
