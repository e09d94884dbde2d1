/*
 * Keys that would be documents of a collection of another door: refused while the collection is
 * there, by every command that writes, and by no other.
 */
#include "redis/search_place.h"

#include "base/alloc.h"
#include "redis/private_call.h"
#include "redis/redis_internal.h"
#include "redis/search_guard.h"

static void make(struct place *at, const char *name)
{
    struct kith_field fields[2] = {KITH_FIELD_INIT, KITH_FIELD_INIT};
    struct kith_schema schema = KITH_SCHEMA_INIT;
    fields[0].name = "id";
    fields[0].type = KITH_INT64;
    fields[0].flags = KITH_FIELD_PRIMARY;
    fields[1].name = "v";
    fields[1].type = KITH_FLOAT_VECTOR;
    fields[1].dim = 2;
    fields[1].metric = KITH_L2;
    schema.fields = fields;
    schema.field_count = 2;
    assert_int_equal(kith_collection_create(at->db, NULL, name, &schema, NULL), 0);
    redis_collections_changed(at->redis);
}

static void drop(struct place *at, const char *name)
{
    assert_int_equal(kith_collection_drop(at->db, NULL, name, NULL), 0);
    redis_collections_changed(at->redis);
}

#define REFUSED(key)                                                                               \
    "-ERR `" key "` is a document of collection `books`, which was made through another door: "    \
    "insert, upsert and delete its rows there (Milvus protocol or REST), or give keys another "    \
    "prefix or another database than 0\r\n"

static const struct command *function_of(const struct place *at, const char *name)
{
    return registry_lookup(&at->redis->registry, str_of(name))->command;
}

static void writes(void **state)
{
    (void)state;
    static const char *const table[] = {
        "HSET books:17 a b", "SET books:17 x", "DEL books:17", "UNLINK x books:17",
        "JSON.SET books:17 $ 1", "EXPIRE books:17 10", "PERSIST books:17", "RENAME books:17 y",
        "RENAME x books:17", "COPY x books:17", "LPUSH books:17 a", "SADD books:17 a",
        "ZADD books:17 1 a", "INCR books:17", "MSET a 1 books:17 2", "APPEND books:17 a",
        "GETDEL books:17", "VADD books:17 VALUES 1 1 e", "HDEL books:17 a",
        "JSON.MSET y $ 1 books:17 $ 2", "JSON.DEL books:17", "SETEX books:17 10 x"};
    static const char *const free_to[] = {
        "SET book:17 x", "SET books 1", "SET booksy:1 1", "SET a:books:17 1", "SET :books:1 1"};
    struct place at;
    open_place(&at);
    EXPECT(at.s, "SET x 1", "+OK\r\n");
    const struct command *plain = function_of(&at, "set");
    EXPECT(at.s, "SET books:1 old", "+OK\r\n"); /* no collection yet */
    make(&at, "books");
    assert_ptr_not_equal(function_of(&at, "set"), plain);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        EXPECT(at.s, table[i], REFUSED("books:17"));
    EXPECT(at.s, "EXISTS books:17 y a", ":0\r\n");
    EXPECT(at.s, "GET books:17", "$-1\r\n"); /* they are no keys: reading says so */
    for (size_t i = 0; i < sizeof free_to / sizeof *free_to; i++)
        EXPECT(at.s, free_to[i], "+OK\r\n");
    /* a key that was there before the collection goes on as one */
    EXPECT(at.s, "GET books:1", "$3\r\nold\r\n");
    EXPECT(at.s, "SET books:1 new", "+OK\r\n");
    EXPECT(at.s, "DEL books:1", ":1\r\n");
    EXPECT(at.s, "DEL books:1", REFUSED("books:1"));
    /* in a transaction it is refused when it runs */
    EXPECT(at.s, "MULTI\r\nSET z 1\r\nHSET books:17 a b\r\nEXEC",
           "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n" REFUSED("books:17"));
    drop(&at, "books");
    assert_ptr_equal(function_of(&at, "set"), plain);
    EXPECT(at.s, "HSET books:17 a b", ":1\r\n");
    close_place(&at);
}

static void do_nothing(struct redis_call *call, void *ctx)
{
    (void)call;
    ++*(int *)ctx;
}

/* Commands of other doors over the same keys: the line protocol. */
static void private_writes(void **state)
{
    (void)state;
    static const struct command command = {.name = "line.set", .flags = CMD_WRITE, .arity = 3};
    const struct kith_str refused[3] = {str_of("SET"), str_of("books:17"), str_of("x")};
    const struct kith_str taken[3] = {str_of("SET"), str_of("other:17"), str_of("x")};
    struct command_entry entry;
    struct buffer out;
    struct place at;
    int ran = 0;
    open_place(&at);
    make(&at, "books");
    buffer_init(&out);
    private_entry_init(&entry, &command);
    assert_int_equal(private_begin(at.s, &out, 0), 0);
    const char *why = private_run(at.s, &entry, refused, 3, do_nothing, &ran);
    assert_non_null(why);
    assert_non_null(strstr(why, "a document of a collection"));
    assert_null(private_run(at.s, &entry, taken, 3, do_nothing, &ran));
    private_end(at.s);
    assert_int_equal(ran, 1);
    private_entry_release(&entry);
    buffer_release(&out);
    close_place(&at);
}

static void databases(void **state)
{
    (void)state;
    struct place at;
    open_place(&at);
    make(&at, "books");
    EXPECT(at.s, "SELECT 1", "+OK\r\n");
    EXPECT(at.s, "SET books:2 x", "+OK\r\n"); /* documents are those of database 0 */
    EXPECT(at.s, "SET n x", "+OK\r\n");
    EXPECT(at.s, "MOVE books:2 0", REFUSED("books:2"));
    EXPECT(at.s, "MOVE books:2 2", ":1\r\n");
    EXPECT(at.s, "COPY n books:3 DB 0", REFUSED("books:3"));
    EXPECT(at.s, "COPY n books:3 DB 3", ":1\r\n");
    close_place(&at);
}

/* An index made by FT.CREATE is a collection, too: its documents are keys. */
static void indexes(void **state)
{
    (void)state;
    struct place at;
    open_place(&at);
    EXPECT(at.s, "FT.CREATE books PREFIX 1 books: SCHEMA a TAG", "+OK\r\n");
    redis_collections_changed(at.redis);
    EXPECT(at.s, "HSET books:1 a b", ":1\r\n");
    EXPECT(at.s, "FT.SEARCH books * NOCONTENT", "*2\r\n:1\r\n$7\r\nbooks:1\r\n");
    close_place(&at);
}

/* What the log holds is replayed; collections of an earlier start count. */
static void restart(void **state)
{
    (void)state;
    struct place at;
    open_place(&at);
    EXPECT(at.s, "HSET books:1 a b", ":1\r\n");
    EXPECT(at.s, "HSET books:2 a b", ":1\r\n");
    make(&at, "books");
    EXPECT(at.s, "DEL books:2", ":1\r\n");
    close_redis(&at);
    open_redis(&at);
    EXPECT(at.s, "HGET books:1 a", "$1\r\nb\r\n");
    EXPECT(at.s, "HSET books:2 a b", REFUSED("books:2"));
    close_place(&at);
}

static void without_memory(void **state)
{
    (void)state;
    struct place at;
    open_place(&at);
    make(&at, "books");
    for (uint64_t n = 1; n < 40; n++) {
        drop(&at, "books");
        make(&at, "books");
        alloc_fault_arm(n, false);
        redis_collections_changed(at.redis);
        alloc_fault_disarm();
        EXPECT(at.s, "SET books:17 x", REFUSED("books:17"));
    }
    close_place(&at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes),    cmocka_unit_test(private_writes),
        cmocka_unit_test(databases),      cmocka_unit_test(indexes),
        cmocka_unit_test(restart),   cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
