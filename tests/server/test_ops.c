/*
 * The operations door: three paths and nothing else, on a door of its own and on that of the
 * program; "not ready" while it starts and while calls come to their end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "net/free_port.h"
#include "net/hostile.h"
#include "net/certificates.h"
#include "server/ops.h"

static int ask(uint16_t port, const char *method, const char *path, char *text, size_t room)
{
    char request[512];
    (void)snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nConnection: close\r\n\r\n", method,
                   path);
    const int fd = hostile_dial(port);
    text[0] = 0;
    assert_true(hostile_say(fd, request));
    assert_true(hostile_hear(fd, text, room, NULL));
    (void)close(fd);
    assert_memory_equal(text, "HTTP/1.1 ", 9);
    return atoi(text + 9);
}

/* Every method on every path: the three for reading, and nothing else whatever it is called. */
static void test_nothing_else(void **state)
{
    (void)state;
    static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH",
                                           "OPTIONS", "TRACE", "CONNECT" };
    static const char *const paths[] = {
        "/metrics", "/healthz", "/readyz", "/", "/metrics/", "/metrics/x", "//metrics", "/Metrics",
        "/healthz/..", "/readyz%00", "/debug/pprof", "/debug/vars", "/expr", "/log/level",
        "/management/stop", "/v2/vectordb/collections/list", "/v2/vectordb/users/list",
        "/api/v1/health", "/milvus.proto.milvus.MilvusService/Search", "/eventlog", "/static/",
        "/webui/", "/_hc", "/..%2f..%2fetc/passwd", "/config", "*"
    };
    struct ops ops = { 0 };
    struct hostile hostile = { .door = { .handle = ops_handle, .ctx = &ops } };
    static char text[1 << 16];
    unsigned tried = 0;
    assert_int_equal(metrics_new(os_real(), &ops.metrics), 0);
    const uint16_t port = hostile_start(&hostile, (struct net_limits){ 0 });
    for (int ready = 0; ready < 2; ready++) {
        atomic_store(&ops.ready, ready);
        for (size_t m = 0; m < sizeof methods / sizeof methods[0]; m++) {
            for (size_t p = 0; p < sizeof paths / sizeof paths[0]; p++) {
                const int expected = p > 2   ? 404
                                     : m > 1 ? 405
                                             : p == 2 && !ready ? 503 : 200;
                const int status = ask(port, methods[m], paths[p], text, sizeof text);
                if (status != expected && status != 400)
                    fail_msg("%s %s: %d", methods[m], paths[p], status);
                if (p > 2) assert_non_null(strstr(text, "Content-Length: 0\r\n"));
                tried++;
            }
        }
    }
    print_message("S1 ops: %u requests\n", tried);
    hostile_stop(&hostile);
    metrics_free(ops.metrics);
}

/* ---- the program ---- */

static pid_t running; /* 0: none. What a test that failed has left, the teardown ends */

static int teardown(void **state)
{
    (void)state;
    if (running > 0 && kill(running, SIGKILL) == 0) (void)waitpid(running, NULL, 0);
    running = 0;
    return 0;
}

/* Its status; it has been asked to end. */
static int reap(void)
{
    int status = -1;
    assert_int_equal(waitpid(running, &status, 0), running);
    running = 0;
    return status;
}

static int remove_one(const char *name, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(name);
}

static bool answers(uint16_t port)
{
    const struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port),
                                         .sin_addr = { htonl(INADDR_LOOPBACK) } };
    for (int i = 0; i < 20000; i++) {
        const int fd = socket(AF_INET, SOCK_STREAM, 0);
        const int rc = connect(fd, (const struct sockaddr *)&address, sizeof address);
        (void)close(fd);
        if (rc == 0) return true;
        os_sleep_us(os_real(), 1000);
    }
    return false;
}

/* Without a Redis door: its port may be taken, and every door reads the certificate once. */
static void serve(const char *dir, uint16_t milvus, uint16_t ops, bool tls)
{
    const char *binaries = getenv("KITH_BINARY_DIR");
    char program[1024], data[128], cert[128], key[128], ports[2][16];
    (void)snprintf(program, sizeof program, "%s/kith", binaries ? binaries : ".");
    (void)snprintf(data, sizeof data, "%s/db", dir);
    (void)snprintf(cert, sizeof cert, "%s/cert", dir);
    (void)snprintf(key, sizeof key, "%s/key", dir);
    (void)snprintf(ports[0], sizeof ports[0], "%u", milvus);
    (void)snprintf(ports[1], sizeof ports[1], "%u", ops);
    running = fork();
    assert_true(running >= 0);
    if (running == 0) {
        const int null = open("/dev/null", O_WRONLY);
        (void)dup2(null, 1);
        (void)dup2(null, 2);
        (void)execl(program, program, "serve", "--data", data, "--milvus-port", ports[0],
                    "--ops-port", ports[1], "--redis-port", "0", tls ? "--tls" : NULL, "server",
                    "--tls-cert", cert, "--tls-key", key, (char *)NULL);
        _exit(127);
    }
}

static bool ready_within(uint16_t port, int status, int ms)
{
    char text[4096];
    for (int i = 0; i < ms; i += 5) {
        if (ask(port, "GET", "/readyz", text, sizeof text) == status) return true;
        os_sleep_us(os_real(), 5000);
    }
    return false;
}

/* Bytes that the program has read of all its clients, this one of its metrics among them. */
static unsigned long long received(uint16_t port)
{
    static const char name[] = "\nkith_received_bytes_total ";
    static char text[1 << 17];
    assert_int_equal(ask(port, "GET", "/metrics", text, sizeof text), 200);
    const char *at = strstr(text, name);
    assert_non_null(at);
    return strtoull(at + sizeof name - 1, NULL, 10);
}

/* Sends, and waits until the program has read it: nothing but our asking is read meanwhile. */
static bool send_whole(int fd, const struct buffer *bytes, uint16_t ops)
{
    const unsigned long long first = received(ops), asked = received(ops) - first;
    bool whole = false;
    assert_true(hostile_send(fd, bytes->data, bytes->len));
    for (unsigned i = 2; i < 10000 && !whole; i++)
        whole = received(ops) >= first + i * asked + bytes->len;
    return whole;
}

/* The certificate is a pipe: the program waits for it while it starts, and we look at it. */
static void test_starting(void **state)
{
    (void)state;
    char dir[] = "/tmp/kith-ops-XXXXXX", cert[128], key[128], text[1 << 14];
    const uint16_t milvus = free_port(), ops = free_port();
    struct certificate own;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(cert, sizeof cert, "%s/cert", dir);
    (void)snprintf(key, sizeof key, "%s/key", dir);
    assert_int_equal(mkfifo(cert, 0600), 0);
    certificate_make(&own, "localhost", NULL);
    certificate_write(&own, NULL, key);
    serve(dir, milvus, ops, true);
    assert_true(answers(ops));
    assert_int_equal(ask(ops, "GET", "/readyz", text, sizeof text), 503);
    assert_int_equal(ask(ops, "GET", "/healthz", text, sizeof text), 200);
    assert_int_equal(ask(ops, "GET", "/metrics", text, sizeof text), 200);
    certificate_write(&own, cert, NULL); /* into the pipe */
    assert_true(ready_within(ops, 200, 60000));
    assert_int_equal(kill(running, SIGTERM), 0);
    assert_int_equal(reap(), 0);
    certificate_free(&own);
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A call that has begun keeps the end waiting. */
static void test_draining(void **state)
{
    (void)state;
    char dir[] = "/tmp/kith-ops-XXXXXX", text[4096];
    const uint16_t milvus = free_port(), ops = free_port();
    struct buffer bytes;
    assert_non_null(mkdtemp(dir));
    serve(dir, milvus, ops, false);
    assert_true(answers(ops) && ready_within(ops, 200, 60000));
    const int fd = hostile_dial(milvus);
    buffer_init(&bytes);
    h2_preface(&bytes);
    h2_call(&bytes, 1, "/milvus.proto.milvus.MilvusService/Search", NULL, NULL);
    assert_true(send_whole(fd, &bytes, ops));
    assert_int_equal(kill(running, SIGTERM), 0);
    assert_true(ready_within(ops, 503, 60000));
    assert_int_equal(ask(ops, "GET", "/healthz", text, sizeof text), 200);
    (void)close(fd);
    buffer_release(&bytes);
    assert_int_equal(reap(), 0);
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_else),
        cmocka_unit_test_teardown(test_starting, teardown),
        cmocka_unit_test_teardown(test_draining, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
