/*
 * System calls that are interrupted, or move fewer bytes than asked: the loops of the real machine go
 * on. The calls are ours here: definitions in a program come before those of the C library.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/os.h"

static unsigned calls;

/* Two of three calls are interrupted or short. */
static size_t share(size_t len)
{
    calls++;
    if (calls % 3 == 0) return 0;
    return calls % 3 == 1 && len > 1 ? len / 2 : len;
}

ssize_t pread(int fd, void *buf, size_t len, off_t offset)
{
    const size_t part = share(len);
    if (part) return syscall(SYS_pread64, fd, buf, part, offset);
    errno = EINTR;
    return -1;
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t offset)
{
    const size_t part = share(len);
    if (part) return syscall(SYS_pwrite64, fd, buf, part, offset);
    errno = EINTR;
    return -1;
}

static void transfers_go_on(void **state)
{
    (void)state;
    char path[] = "/tmp/kith-interrupted-XXXXXX";
    const int fd = mkstemp(path);
    uint8_t out[5000], in[6000];
    struct os_file *file = NULL;
    assert_true(fd >= 0);
    (void)close(fd);
    for (size_t i = 0; i < sizeof out; i++) out[i] = (uint8_t)(i * 7 + i / 256);
    assert_int_equal(os_open(os_real(), path, OS_WRITE, &file, NULL), 0);
    for (size_t len = 1; len <= sizeof out; len = len * 3 + 1) {
        size_t got = 0;
        calls = (unsigned)len;
        assert_int_equal(os_pwrite(file, out, len, 0, NULL), 0);
        assert_int_equal(os_pread(file, in, len, 0, &got, NULL), 0);
        assert_int_equal(got, len);
        assert_memory_equal(in, out, len);
    }
    size_t got = 0; /* the end of the file is not an interruption */
    assert_int_equal(os_pwrite(file, out, sizeof out, 0, NULL), 0);
    assert_int_equal(os_pread(file, in, sizeof in, 0, &got, NULL), 0);
    assert_int_equal(got, sizeof out);
    assert_true(calls > 10);
    os_close(file);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(transfers_go_on) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
