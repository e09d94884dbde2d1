/*
 * What `kith cli` and the prompt of `kith serve --ant-cache -cli` share: a connection, and commands
 * that are asked of it.
 */
#ifndef KITH_CMD_CLI_H
#define KITH_CMD_CLI_H

#include <stdbool.h>

#include "client/client.h"
#include "proto/resp.h"

struct cli {
    const char *host;
    unsigned port;
    bool line; /* the line protocol; else RESP */
    bool raw;  /* replies as they come */
    const char *auth_file; /* of `auth setup` */
    struct client *client; /* owns; NULL until the first command, and after a break */
    const char *password;  /* given first on each connection; NULL: none */
    struct buffer in;      /* owns: replies */
    struct resp_parser words;
};

void cli_init(struct cli *cli, const char *host, unsigned port, bool line);
void cli_release(struct cli *cli);
/* Asks and prints. CMD_OK; CMD_FAILED: the reply is an error, or there is none. */
int cli_ask_words(struct cli *cli, char *const *words, int count);
/* A line as somebody typed it. */
int cli_ask_line(struct cli *cli, const char *text, size_t len);
/* Lines of standard input until its end, `exit` or `quit`; with a prompt where it is a terminal.
 * CMD_FAILED: one of them failed. */
int cli_talk(struct cli *cli);

/* ---- what the files share ---- */

int cli_exchange(struct cli *cli, const void *data, size_t len, bool (*whole)(struct cli *cli),
                 struct kith_error *err); /* until whole() says that the reply in `in` is */
bool cli_line_is_whole(struct cli *cli);
/* cli_line.c: one line out, its reply as people read it. */
int cli_line_words(struct cli *cli, char *const *words, int count);
int cli_line_text(struct cli *cli, const char *text, size_t len);
/* `help`, `auth setup`, `auth change`; false: it is for the server. */
bool cli_line_local(struct cli *cli, const char *text, size_t len, int *exit_code);
/* A line of standard input without its LF; false: there is none. */
bool cli_read_line(struct buffer *out);

#endif
