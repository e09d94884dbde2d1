/*
 * `ant-cache` from outside, as those use it who had Ant-Cache: flags and file, the prompt, kills in
 * the middle of writes (nothing that was acknowledged may be lost), its files imported, and `kith
 * cli` as a client.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "net/free_port.h"

static char program[512], dir[64], port_text[8];

static pid_t start(const char *mode, const char *acl_interval)
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (chdir(dir) || !freopen("log", "a", stdout) || dup2(1, 2) < 0) _exit(99);
        execl(program, program, "serve", "--ant-cache", "-port", port_text, "-server", mode,
              "-acl-interval", acl_interval, "-workers=8", (char *)NULL);
        _exit(99);
    }
    return pid;
}

static int dial(void)
{
    const struct sockaddr_in address = { .sin_family = AF_INET,
                                         .sin_port = htons((uint16_t)atoi(port_text)),
                                         .sin_addr = { htonl(INADDR_LOOPBACK) } };
    const struct timeval patience = { .tv_sec = 60 };
    for (int i = 0; i < 1000; i++) {
        const int fd = socket(AF_INET, SOCK_STREAM, 0);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) return fd;
        (void)close(fd);
        (void)usleep(10000);
    }
    fail_msg("no server at %s", port_text);
    return -1;
}

static int stop(pid_t pid, int number)
{
    int status = 0;
    assert_int_equal(kill(pid, number), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A line's reply; "" when the connection ended. */
static const char *ask(int fd, const char *line)
{
    static char reply[4096];
    size_t len = 0;
    if (send(fd, line, strlen(line), MSG_NOSIGNAL) != (ssize_t)strlen(line)) return "";
    while (len < sizeof reply - 1 && recv(fd, reply + len, 1, 0) == 1)
        if (reply[len++] == '\n') break;
    reply[len] = 0;
    return reply;
}

/* What a command of a shell prints; $P is the program, $Q the port. */
static const char *shell(const char *words, int *status)
{
    static char text[8192], command[4096];
    (void)snprintf(command, sizeof command, "cd %s && P='%s' && Q=%s && %s", dir, program,
                   port_text, words);
    FILE *in = popen(command, "r");
    assert_non_null(in);
    text[fread(text, 1, sizeof text - 1, in)] = 0;
    const int ended = pclose(in);
    if (status) *status = WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
    return text;
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *walk)
{
    (void)stat;
    (void)kind;
    (void)walk;
    return remove(path);
}

static int set_up(void **state)
{
    const char *build = getenv("KITH_BINARY_DIR");
    (void)state;
    (void)snprintf(program, sizeof program, "%s/kith", build ? build : ".");
    (void)snprintf(dir, sizeof dir, "/tmp/kith-ant-XXXXXX");
    (void)snprintf(port_text, sizeof port_text, "%u", free_port());
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- kills ---- */

/* Every write that was acknowledged is there after a kill; both modes, some rounds. */
static void test_kill(void **state)
{
    static const char *const modes[] = { "single-goroutine", "pooled-goroutine" };
    char line[64], want[64];
    (void)state;
    for (unsigned round = 0, done = 0; round < 6; round++) {
        const pid_t pid = start(modes[round % 2], "0");
        const int fd = dial();
        const unsigned until = done + 100 + 37 * round;
        for (unsigned i = 0; i < done; i++) {
            (void)snprintf(line, sizeof line, "GET k%u\n", i);
            (void)snprintf(want, sizeof want, i % 3 ? "%u\n" : "[%u x]\n", i);
            assert_string_equal(ask(fd, line), want);
        }
        for (; done < until; done++) {
            (void)snprintf(line, sizeof line, done % 3 ? "SET k%u %u\n" : "SETS k%u %u x\n", done,
                           done);
            assert_string_equal(ask(fd, line), "OK\n");
        }
        (void)send(fd, "SET half 1", 10, MSG_NOSIGNAL);
        assert_int_equal(stop(pid, SIGKILL), -1);
        (void)close(fd);
    }
    const pid_t pid = start(modes[0], "1s");
    const int fd = dial();
    assert_string_equal(ask(fd, "GET half\n"), "NULL\n");
    (void)close(fd);
    assert_int_equal(stop(pid, SIGTERM), 0);
}

/* ---- the prompt, the client, the settings ---- */

static void test_client(void **state)
{
    int status;
    (void)state;
    const pid_t pid = start("pooled-goroutine", "1s");
    (void)close(dial());
    assert_string_equal(shell("$P cli -p $Q --line SET k -t 60s 'a  b' c", &status), "OK\n");
    assert_int_equal(status, 0);
    assert_string_equal(shell("$P cli -p $Q --line GET k", &status), "a  b c\n");
    assert_string_equal(shell("$P cli -p $Q --line GET none", &status), "NOT_FOUND\n");
    assert_string_equal(shell("$P cli -p $Q --line --raw GET none", &status), "NULL\n");
    assert_string_equal(shell("$P cli -p $Q --line KEYS zz", &status), "No keys found\n");
    assert_string_equal(shell("$P cli -p $Q --line NOPE", &status), "ERROR: unknown command\n");
    assert_int_equal(status, 1);
    assert_string_equal(shell("printf 'SETS l 1 2\\nGET l\\nexit\\nGET k\\n' | $P cli -p $Q --line",
                              &status), "OK\n[1 2]\n");
    assert_string_equal(shell("printf 'get k\\nlrange l 0 -1\\n' | $P cli -p $Q", &status),
                        "a  b c\n1\n2\n");
    assert_int_equal(stop(pid, SIGTERM), 0);
    assert_non_null(strstr(shell("printf 'GET k\\nquit\\n' | $P serve --ant-cache -port $Q -cli",
                                 &status), "\na  b c\n"));
    assert_int_equal(status, 0);
}

static void test_settings(void **state)
{
    int status;
    (void)state;
    (void)shell("echo '{\"server\":{\"port\":\"1234\",\"host\":\"0.0.0.0\"},\"auth\":{\"password\":"
                "\"secret\"},\"odd\":1}' > config.json", NULL);
    const char *text = shell("$P serve --ant-cache -query -port 99 2>&1", &status);
    assert_non_null(strstr(text, "\"host\": \"0.0.0.0\", \"port\": \"99\""));
    assert_non_null(strstr(text, "(set)"));
    assert_null(strstr(text, "secret"));
    assert_non_null(strstr(text, "unknown key"));
    (void)shell("$P serve --ant-cache -config none.json 2>&1", &status);
    assert_int_equal(status, 2);
    (void)shell("echo '{\"server\":{\"host\":\"0.0.0.0\"}}' > config.json", NULL);
    assert_non_null(strstr(shell("$P serve --ant-cache 2>&1", &status), "refusing to listen"));
    assert_int_equal(status, 2);
    (void)shell("rm config.json", NULL);
}

/* ---- files ---- */

static size_t put_number(uint8_t *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) out[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    return bytes;
}

static size_t put_text(uint8_t *out, const char *text, size_t len_bytes)
{
    const size_t at = put_number(out, strlen(text), len_bytes);
    memcpy(out + at, text, strlen(text));
    return at + strlen(text);
}

/* Keys s (a string), l (an array), o (an object), gone (expired). cut: without its end. */
static void write_snapshot(const char *name, int64_t saved_s, bool cut)
{
    uint8_t out[512];
    char path[128];
    size_t at = 0;
    memcpy(out, "ANTC\x01", 5);
    at = 5 + put_number(out + 5, (uint64_t)saved_s, 8);
    for (unsigned i = 0; i < 4; i++) {
        static const char *const keys[] = { "s", "gone", "l", "o" };
        out[at++] = 1;
        at += put_text(out + at, keys[i], 2);
        out[at++] = i < 2 ? 1 : (uint8_t)i;
        if (i >= 2) at += put_number(out + at, i == 2 ? 3 : 1, 2);
        if (i < 2) at += put_text(out + at, "from the snapshot", 4);
        if (i == 2) at += put_text(out + at, "1", 2), at += put_text(out + at, "2", 2);
        if (i >= 2) at += put_text(out + at, "3", 2);
        if (i == 3) at += put_text(out + at, "v", 2);
        at += put_number(out + at, i == 1 ? 1000000000u : 0, 8);
    }
    if (!cut) out[at++] = 0xff;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    gzFile file = gzopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, out, (unsigned)at), (int)at);
    assert_int_equal(gzclose(file), Z_OK);
}

static void test_import(void **state)
{
    const long long now = (long long)time(NULL);
    char words[1024];
    int status;
    (void)state;
    write_snapshot("old.atd", now - 100, false);
    write_snapshot("cut.atd", now - 100, true);
    (void)snprintf(words, sizeof words,
                   "printf '%lld000000000|SET|s|late|0\\n%lld000000000|DEL|l||0\\nodd\\n' > c.acl && "
                   "printf '%lld000000000|SET|s|early|0\\n%lld000000000|SET|t|[x y]|3600000000000\\n"
                   "%lld000000000|SET|before|1|0\\n%lld000000000|SET|a|b|c|0\\n"
                   "%lld000000000|SETNX|o|map[k:w]|0\\n' > c.acl.20250101_000000",
                   now - 10, now - 9, now - 20, now - 19, now - 200, now - 18, now - 17);
    (void)shell(words, &status);
    assert_int_equal(status, 0);
    (void)shell("$P import ant --atd cut.atd --data other 2>&1", &status);
    assert_int_equal(status, 1);
    const char *text = shell("$P import ant --atd old.atd --acl c.acl --rotated --data kith-data 2>&1",
                             &status);
    if (status) fail_msg("%s", text);
    assert_non_null(strstr(text, "c.acl, line 3: not of the shape"));
    assert_non_null(strstr(text, "c.acl.20250101_000000, line 4: more than one '|'"));
    assert_non_null(strstr(text, "FLUSHALL was never logged"));
    const pid_t pid = start("single-goroutine", "1s");
    const int fd = dial();
    assert_string_equal(ask(fd, "GET s\n"), "late\n");
    assert_string_equal(ask(fd, "GET gone\n"), "NULL\n");
    assert_string_equal(ask(fd, "GET l\n"), "NULL\n");
    assert_string_equal(ask(fd, "GET o\n"), "{\"3\":\"v\"}\n");
    assert_string_equal(ask(fd, "GET t\n"), "[x y]\n");
    assert_string_equal(ask(fd, "GET before\n"), "NULL\n");
    assert_string_equal(ask(fd, "GET a\n"), "NULL\n");
    (void)close(fd);
    assert_int_equal(stop(pid, SIGTERM), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kill, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_client, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_settings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_import, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
