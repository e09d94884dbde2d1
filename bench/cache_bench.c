/*
 * The keyspace at size: nanoseconds and bytes a key.
 *
 *     cache_bench [keys] [ttl]     keys: 10000000; ttl: 1 gives every key a deadline in an hour
 *
 * Keys of 16 bytes, values of 32. Prints: SET of new keys, GET and SET over them in random order,
 * GET in batches of 16 with the two prefetches, the longest single SET, what the process holds more
 * than before (resident) and what the keyspace counts. Time is that of the processor.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "cache/cache.h"

enum { BATCH = 16, KEY = 16, VALUE = 32 };

struct bench {
    struct cache *cache;
    uint64_t keys;
    int64_t deadline;
    struct rng rng;
};

/* Of this thread: on a machine that others use, too, the clock on the wall says little. */
static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* 16 hexadecimal digits of a mixed number, so that keys are in no order. */
static struct kith_str key_of(uint64_t number, char out[KEY])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t mixed = rng_mix(number);
    for (unsigned i = 0; i < KEY; i++) out[i] = digits[mixed >> (4 * i) & 15];
    return (struct kith_str){out, KEY};
}

static void set(struct bench *bench, uint64_t number, char fill)
{
    char key[KEY];
    char value[VALUE];
    memset(value, fill, sizeof value);
    int rc = cache_set_string(bench->cache, 0, key_of(number, key),
                              (struct kith_str){value, VALUE}, bench->deadline, false, NULL);
    if (rc) {
        printf("out of memory\n");
        exit(1);
    }
}

static void report(const char *what, int64_t ns, uint64_t count)
{
    printf("%-28s %7.1f ns\n", what, (double)ns / (double)count);
}

static void fill(struct bench *bench)
{
    enum { FEW = 8 };
    int64_t longest = 0;
    int64_t begin = cpu_ns();
    int64_t before = begin;
    for (uint64_t i = 0; i < bench->keys; i++) {
        set(bench, i, 'x');
        if (i % FEW) continue;
        int64_t now = cpu_ns();
        if (now - before > longest) longest = now - before;
        before = now;
    }
    report("SET, new keys", before - begin, bench->keys);
    printf("%-28s %7.1f us\n", "the longest 8 of them", (double)longest / 1000);
}

static void get_all(struct bench *bench, uint64_t count)
{
    char key[KEY];
    uint64_t found = 0;
    int64_t begin = cpu_ns();
    for (uint64_t i = 0; i < count; i++) {
        struct kith_str name = key_of(rng_below(&bench->rng, bench->keys), key);
        char scratch[ENTRY_TEXT_MAX];
        struct entry *entry = cache_read(bench->cache, 0, name, 0);
        found += entry ? entry_text(entry, scratch).len : 0;
    }
    report("GET, random", cpu_ns() - begin, count);
    if (found != count * VALUE) printf("lost keys\n");
}

static void get_batches(struct bench *bench, uint64_t count)
{
    char keys[BATCH][KEY];
    struct kith_str names[BATCH];
    uint64_t found = 0;
    int64_t begin = cpu_ns();
    for (uint64_t i = 0; i < count; i += BATCH) {
        for (unsigned j = 0; j < BATCH; j++) {
            names[j] = key_of(rng_below(&bench->rng, bench->keys), keys[j]);
            cache_prefetch(bench->cache, 0, names[j]);
        }
        for (unsigned j = 0; j < BATCH; j++) cache_prefetch_entry(bench->cache, 0, names[j]);
        for (unsigned j = 0; j < BATCH; j++) {
            char scratch[ENTRY_TEXT_MAX];
            struct entry *entry = cache_read(bench->cache, 0, names[j], 0);
            found += entry ? entry_text(entry, scratch).len : 0;
        }
    }
    report("GET, batches of 16", cpu_ns() - begin, count);
    if (found < count * VALUE) printf("lost keys\n");
}

static void set_again(struct bench *bench, uint64_t count)
{
    int64_t begin = cpu_ns();
    for (uint64_t i = 0; i < count; i++) set(bench, rng_below(&bench->rng, bench->keys), 'y');
    report("SET, over random keys", cpu_ns() - begin, count);
}

static void locks(struct bench *bench)
{
    enum { COUNT = 1000000 };
    int64_t begin = cpu_ns();
    for (unsigned i = 0; i < COUNT; i++) {
        cache_lock(bench->cache);
        cache_unlock(bench->cache);
    }
    report("lock and unlock", cpu_ns() - begin, COUNT);
}

int main(int argc, char **argv)
{
    struct bench bench = {.keys = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000,
                          .deadline = CACHE_NO_DEADLINE};
    struct cache_opts opts = {.os = os_real(), .seed = 1};
    struct os_usage before, after;
    cache_settings_init(&opts.settings);
    rng_init(&bench.rng, 1);
    if (cache_new(&opts, &bench.cache, NULL)) return 1;
    if (argc > 2 && argv[2][0] == '1') bench.deadline = cache_now_ms(bench.cache) + 3600000;
    os_usage(&before);
    fill(&bench);
    os_usage(&after);
    uint64_t some = bench.keys < 4000000 ? bench.keys : 4000000;
    get_all(&bench, some);
    get_batches(&bench, some / BATCH * BATCH);
    set_again(&bench, some);
    locks(&bench);
    struct cache_stats stats;
    cache_stats_get(bench.cache, &stats);
    double resident = (double)(after.resident_bytes - before.resident_bytes);
    printf("%-28s %7.1f bytes\n", "resident a key", resident / (double)bench.keys);
    printf("%-28s %7.1f bytes\n", "counted a key", (double)stats.used / (double)bench.keys);
    cache_free(bench.cache);
    return 0;
}
