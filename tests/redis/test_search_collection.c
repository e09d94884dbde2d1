/*
 * Collections under the FT commands: those of other doors by their names, with every form of query
 * that the engine can answer, and what is refused.
 */
#include "redis/search_ask.h"
#include "redis/search_place.h"

#include <math.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "redis/redis_internal.h"
#include "redis/search_derived.h"
#include "server/owner.h"

#define FIELD(text, kind, ...) {.size = sizeof(struct kith_field), .name = (text),                 \
                                .type = (kind), __VA_ARGS__}

static void make(struct place *at, bool texts)
{
    const struct kith_field fields[] = {
        FIELD("id", texts ? KITH_VARCHAR : KITH_INT64, .flags = KITH_FIELD_PRIMARY),
        FIELD("user", KITH_VARCHAR, .flags = KITH_FIELD_NULLABLE),
        FIELD("t", KITH_VARCHAR, .analyzer = "{}", .enable_match = true),
        FIELD("n", KITH_INT32, .flags = KITH_FIELD_NULLABLE),
        FIELD("d", KITH_DOUBLE, .flags = 0),
        FIELD("yes", KITH_BOOL, .flags = 0),
        FIELD("tags", KITH_ARRAY, .element_type = KITH_VARCHAR, .max_capacity = 8),
        FIELD("j", KITH_JSON, .flags = 0),
        FIELD("v", KITH_FLOAT_VECTOR, .dim = 2, .metric = KITH_L2),
    };
    struct kith_schema schema = KITH_SCHEMA_INIT;
    struct kith_error err = {0};
    schema.fields = fields;
    schema.field_count = sizeof fields / sizeof *fields;
    const int rc = kith_collection_create(at->db, NULL, texts ? "named" : "c", &schema, &err);
    if (rc) fail_msg("%s", err.text);
}

#define S(text) {(text), sizeof(text) - 1}

static void fill(struct place *at, bool texts)
{
    const int64_t ids[] = {1, 2, 3};
    const struct kith_str names[] = {S("a"), S("b"), S("c")};
    const struct kith_str users[] = {S("ann"), S("bob"), S("Ann, b-c")};
    const struct kith_str words[] = {S("The quick brown fox"), S("quick thinking"), S("lazy")};
    const int32_t n[] = {1, 2, 0};
    const double d[] = {0.5, 2, 1e300};
    const uint8_t yes[] = {1, 0, 1}, n_valid[] = {1, 1, 0};
    const struct kith_str tags[] = {S("\1\0\0\0x\1\0\0\0y"), S("\1\0\0\0y"), S("")};
    const struct kith_str json[] = {S("{\"k\":1}"), S("\"text\""), S("[1]")};
    const float v[] = {1, 0, 0, 1, 3, 0};
    const struct kith_column columns[] = {
        {.field = "id", .data = texts ? (const void *)names : ids},
        {.field = "user", .data = users}, {.field = "t", .data = words},
        {.field = "n", .data = n, .valid = n_valid}, {.field = "d", .data = d},
        {.field = "yes", .data = yes}, {.field = "tags", .data = tags},
        {.field = "j", .data = json}, {.field = "v", .data = v}};
    struct kith_batch batch = KITH_BATCH_INIT;
    struct kith_collection *collection;
    struct kith_error err = {0};
    batch.rows = 3;
    batch.columns = columns;
    batch.column_count = sizeof columns / sizeof *columns;
    const char *name = texts ? "named" : "c";
    assert_int_equal(kith_collection_open(at->db, NULL, name, &collection, &err), 0);
    if (kith_insert(collection, &batch, NULL, NULL, &err)) fail_msg("%s", err.text);
    kith_collection_release(collection);
}

/* The keys of a query, in order, with blanks between. */
static void keys_are(struct session *s, const char *query, const char *want)
{
    char words[1024], got[256] = "";
    (void)snprintf(words, sizeof words,
                   "FT.SEARCH^c^%s^NOCONTENT^PARAMS^4^v^%%v^u^bob^DIALECT^2", query);
    const char *reply = ask(s, words, 1, 0);
    if (reply[0] == '-') fail_msg("%s: %s", query, reply);
    for (const char *at = strstr(reply, "\r\nc:"); at; at = strstr(at + 1, "\r\nc:"))
        (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%s%c", got[0] ? " " : "",
                       at[4]);
    if (strcmp(got, want) != 0) fail_msg("%s: got '%s', want '%s'", query, got, want);
}

static void queries(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"*", "1 2 3"}, {"@user:{ann}", "1"}, {"@user:{ann | bob}", "1 2"},
        {"-@user:{ann}", "2 3"}, {"@user:{Ann\\, b\\-c}", "3"}, {"@user:{b*}", "2"},
        {"@user:{*n*}", "1 3"}, {"@user:{$u}", "2"}, {"@user:{a%}", ""}, {"@user:{a_n*}", ""},
        {"@user:{\\\"}", ""}, {"@user:{x' or 1 \\=\\= 1}", ""},
        {"@n:[1 2]", "1 2"}, {"@n:[(1 +inf]", "2"}, {"@n==2", "2"}, {"@n!=2", "1 3"},
        {"@n:[-inf +inf]", "1 2"}, {"@n:[-inf (2]", "1"}, {"@d:[0.5 2.5]", "1 2"},
        {"@d>=1e300", "3"}, {"@n:[0.5 1.5]", "1"},
        {"@n:[-1e12 1.5]", "1"}, {"@n:[1e12 1e13]", ""}, {"@n:[(0.5 (2]", "1"},
        {"@yes:{true}", "1 3"}, {"@yes:{false}", "2"}, {"@tags:{x}", "1"}, {"@tags:{x|y}", "1 2"},
        {"-@tags:{x}", "2 3"}, {"ismissing(@n)", "3"}, {"@id:[2 3]", "2 3"},
        {"quick", "1 2"}, {"@t:quick", "1 2"}, {"@t:(quick fox)", "1"},
        {"\"brown fox\"", "1"}, {"\"fox brown\"", ""}, {"@t:{lazy}", "3"}, {"-quick", "3"},
        {"(@user:{bob}|@n:[1 1]) @d:[1 9]", "2"}, {"~fox", "1 2 3"}, {"", ""},
        {"*=>[KNN 2 @v $v]", "1 2"}, {"(@yes:{true})=>[KNN 5 @v $v AS dist]", "1 3"},
        {"*=>[KNN 0 @v $v]", ""},
        {"@v:[VECTOR_RANGE 2.5 $v]", "1 2"}, {"@v:[VECTOR_RANGE 2 $v]", "1 2"},
        {"(@v:[VECTOR_RANGE 9 $v]=>{$YIELD_DISTANCE_AS: dist} @yes:{true})", "1 3"},
    };
    struct place at;
    open_place(&at);
    make(&at, false);
    fill(&at, false);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        keys_are(at.s, table[i][0], table[i][1]);
    close_place(&at);
}

static void replies(void **state)
{
    (void)state;
    struct place at;
    open_place(&at);
    struct session *s = at.s;
    ASK(s, "FT.SEARCH^c^*", "-c: no such index\r\n");
    make(&at, false);
    fill(&at, false);
    ASK(s, "FT._LIST", "*1\r\n$1\r\nc\r\n");
    ASK(s, "FT.SEARCH^c^*^LIMIT^0^0", "*1\r\n:3\r\n");
    ASK(s, "FT.SEARCH^c^*^LIMIT^1^1^NOCONTENT", "*2\r\n:3\r\n$3\r\nc:2\r\n");
    ASK(s, "FT.SEARCH^c^*^SORTBY^d^DESC^LIMIT^0^2^RETURN^2^user^tags",
        "*5\r\n:3\r\n$3\r\nc:3\r\n*4\r\n$4\r\nuser\r\n$8\r\nAnn, b-c\r\n$4\r\ntags\r\n$2\r\n[]\r\n"
        "$3\r\nc:2\r\n*4\r\n$4\r\nuser\r\n$3\r\nbob\r\n$4\r\ntags\r\n$5\r\n[\"y\"]\r\n");
    ASK(s, "FT.SEARCH^c^*^SORTBY^n^ASC^NOCONTENT",
        "*4\r\n:3\r\n$3\r\nc:1\r\n$3\r\nc:2\r\n$3\r\nc:3\r\n");
    ASK(s, "FT.SEARCH^c^*^INKEYS^3^c:2^c:9^d:1^RETURN^3^j^yes^d",
        "*3\r\n:1\r\n$3\r\nc:2\r\n*6\r\n$1\r\nj\r\n$4\r\ntext\r\n$3\r\nyes\r\n$5\r\nfalse\r\n"
        "$1\r\nd\r\n$1\r\n2\r\n");
    ASK(s, "FT.SEARCH^c^@n:[1 5]=>[KNN 5 @v $v AS dist]^RETURN^2^n^dist^SORTBY^dist^DESC^DIALECT^2^"
           "PARAMS^2^v^%v",
        "*5\r\n:2\r\n$3\r\nc:2\r\n*4\r\n$1\r\nn\r\n$1\r\n2\r\n$4\r\ndist\r\n$1\r\n2\r\n"
        "$3\r\nc:1\r\n*4\r\n$1\r\nn\r\n$1\r\n1\r\n$4\r\ndist\r\n$1\r\n0\r\n");
    ASK_HAS(s, "FT.SEARCH^c^@user:{bob}", "$1\r\nv\r\n$8\r\n000000\x80?\r\n");
    ASK_HAS(s, "FT.INFO^c", "num_docs\r\n:3\r\n");
    ASK_HAS(s, "FT.INFO^c", "$1\r\nv\r\n$4\r\ntype\r\n$6\r\nVECTOR\r\n");
    ASK(s, "FT.AGGREGATE^c^*^GROUPBY^1^@yes^REDUCE^COUNT^0^AS^k^SORTBY^2^@k^DESC",
        "*3\r\n:2\r\n*4\r\n$3\r\nyes\r\n$4\r\ntrue\r\n$1\r\nk\r\n$1\r\n2\r\n"
        "*4\r\n$3\r\nyes\r\n$5\r\nfalse\r\n$1\r\nk\r\n$1\r\n1\r\n");
    ASK_HAS(s, "FT.AGGREGATE^c^*^LOAD^1^@__key^WITHCURSOR^COUNT^2", "c:2\r\n:1\r\n");
    ASK_HAS(s, "FT.CURSOR^READ^c^1", "c:3\r\n:0\r\n");
    /* what is refused, and why */
    ASK_HAS(s, "FT.SEARCH^c^@user:word", "-ERR collection `c`: Field `user`: text is searched");
    ASK_HAS(s, "FT.SEARCH^c^@t:fo*", "Field `t`: a collection is searched for whole words");
    ASK_HAS(s, "FT.SEARCH^c^@j:{a}", "Field `j`: its type cannot be searched here");
    ASK_HAS(s, "FT.SEARCH^c^@none:{a}", "Unknown field");
    ASK_HAS(s, "FT.SEARCH^c^-@v:[VECTOR_RANGE 1 $v]^PARAMS^2^v^%v", "VECTOR_RANGE stands once");
    ASK_HAS(s, "FT.SEARCH^c^*=>[KNN 1 @v $v]^PARAMS^2^v^abc", "query vector blob size (3)");
    ASK_HAS(s, "FT.DROPINDEX^c", "-ERR `c` is a collection of the database");
    ASK_HAS(s, "FT.DROPINDEX^none", "-Unknown index name");
    make(&at, true);
    fill(&at, true);
    ASK(s, "FT.SEARCH^named^@n:[2 2]^NOCONTENT", "*2\r\n:1\r\n$7\r\nnamed:b\r\n");
    ASK(s, "FT.SEARCH^named^*^INKEYS^1^named:c^NOCONTENT", "*2\r\n:1\r\n$7\r\nnamed:c\r\n");
    assert_int_equal(kith_alias_set(at.db, NULL, "other", "named", NULL), 0);
    ASK(s, "FT.SEARCH^other^@id:{c}^NOCONTENT", "*2\r\n:1\r\n$7\r\nnamed:c\r\n");
    /* who may not read the keys may not read the rows, whatever name leads to them */
    EXPECT(s, "ACL SETUSER ann on nopass +@all ~other:* ~c:*", "+OK\r\n");
    struct session *ann = session_open_local(at.redis);
    EXPECT(ann, "AUTH ann x", "+OK\r\n");
    ASK_HAS(ann, "FT.SEARCH^named^*", "-NOPERM");
    ASK_HAS(ann, "FT.SEARCH^other^*", "-NOPERM");
    ASK(ann, "FT._LIST", "*1\r\n$1\r\nc\r\n");
    ASK(ann, "FT.SEARCH^c^*^LIMIT^0^0", "*1\r\n:3\r\n");
    session_close_local(ann);
    close_place(&at);
}

/* ---- indexes as collections ---- */

static uint64_t rows_of(struct place *at, const char *name, const char *filter)
{
    struct kith_collection *collection;
    struct kith_error err = {0};
    uint64_t count = 0;
    redis_settle_indexes(at->redis);
    if (kith_collection_open(at->db, NULL, name, &collection, &err)) return UINT64_MAX;
    if (kith_count(collection, filter, NULL, &count, &err)) fail_msg("%s", err.text);
    kith_collection_release(collection);
    return count;
}

static void follows(void **state)
{
    (void)state;
    struct place at;
    open_place(&at);
    struct session *s = at.s;
    ASK(s, "FT.CREATE^i^PREFIX^1^d:^SCHEMA^user^TAG^t^TEXT^n^NUMERIC^SORTABLE^g^GEO^"
           "v^VECTOR^HNSW^6^TYPE^FLOAT32^DIM^2^DISTANCE_METRIC^COSINE", "+OK\r\n");
    assert_true(owner_is_redis(at.db, NULL, "i"));
    assert_int_equal(rows_of(&at, "i", NULL), 0);
    (void)ask(s, "HSET^d:1^user^Ann, b-c^t^The quick brown fox^n^1^g^13.36,38.11^v^%v", 1, 0);
    (void)ask(s, "HSET^d:2^user^bob^t^quick thinking^n^2^v^%v", 0, 1);
    (void)ask(s, "HSET^d:3^user^ann^n^3.5", 0, 0);
    (void)ask(s, "HSET^other^user^ann", 0, 0);
    assert_int_equal(rows_of(&at, "i", NULL), 3);
    assert_int_equal(rows_of(&at, "i", "array_contains(user, \"ann\")"), 2);
    assert_int_equal(rows_of(&at, "i", "text_match(t, \"quick\")"), 2);
    assert_int_equal(rows_of(&at, "i", "n > 1.5 and g is null"), 2);
    assert_int_equal(rows_of(&at, "i", "st_dwithin(g, \"POINT(13.36 38.12)\", 5000)"), 1);
    assert_int_equal(rows_of(&at, "i", "__key == \"d:3\" and t is null"), 1);
    /* every way in which a key changes or goes */
    EXPECT(s, "HSET d:2 n 9", ":0\r\n");
    assert_int_equal(rows_of(&at, "i", "n == 9"), 1);
    EXPECT(s, "RENAME d:2 d:7", "+OK\r\n");
    assert_int_equal(rows_of(&at, "i", "__key in [\"d:2\", \"d:7\"]"), 1);
    EXPECT(s, "RENAME d:7 elsewhere", "+OK\r\n");
    EXPECT(s, "DEL d:1", ":1\r\n");
    assert_int_equal(rows_of(&at, "i", NULL), 1);
    EXPECT(s, "PEXPIRE d:3 1", ":1\r\n");
    while (door_reply(s, "EXISTS d:3")[1] == '1') continue;
    assert_int_equal(rows_of(&at, "i", NULL), 0);
    EXPECT(s, "MULTI", "+OK\r\n");
    EXPECT(s, "HSET d:4 user x", "+QUEUED\r\n");
    EXPECT(s, "HSET d:5 user x", "+QUEUED\r\n");
    (void)door_reply(s, "EXEC");
    assert_int_equal(rows_of(&at, "i", "array_contains(user, \"x\")"), 2);
    EXPECT(s, "DEL d:4 d:5 elsewhere other", ":4\r\n");
    EXPECT(s, "HSET d:6 user x", ":1\r\n");
    assert_int_equal(rows_of(&at, "i", NULL), 1);
    /* more fields: a new collection by the same name */
    EXPECT(s, "HSET d:6 more 7", ":1\r\n");
    ASK(s, "FT.ALTER^i^SCHEMA^ADD^more^NUMERIC", "+OK\r\n");
    assert_int_equal(rows_of(&at, "i", "more == 7 and array_contains(user, \"x\")"), 1);
    assert_true(owner_is_redis(at.db, NULL, "i"));
    /* what a row cannot hold stays out of it and in the index */
    ASK(s, "HSET^d:\xff^user^x", ":1\r\n");
    assert_int_equal(rows_of(&at, "i", NULL), 1);
    ASK(s, "FT.SEARCH^i^*^LIMIT^0^0", "*1\r\n:2\r\n");
    /* names are one name space */
    ASK_HAS(s, "FT.CREATE^i^SCHEMA^a^TAG", "-Index already exists");
    make(&at, false);
    ASK_HAS(s, "FT.CREATE^c^SCHEMA^a^TAG", "-Index already exists: a collection of that name");
    ASK(s, "FT._LIST", "*2\r\n$1\r\ni\r\n$1\r\nc\r\n");
    ASK(s, "FT.DROPINDEX^i", "+OK\r\n");
    assert_int_equal(rows_of(&at, "i", NULL), UINT64_MAX);
    assert_false(owner_is_redis(at.db, NULL, "i"));
    ASK(s, "FT.CREATE^i^SCHEMA^other^TAG", "+OK\r\n");
    assert_int_equal(rows_of(&at, "i", "other is null"), 1); /* d:6; the other key is no UTF-8 */
    close_place(&at);
}

static void restarts(void **state)
{
    (void)state;
    struct place at;
    open_place(&at);
    ASK(at.s, "FT.CREATE^i^PREFIX^1^d:^SCHEMA^user^TAG", "+OK\r\n");
    ASK(at.s, "FT.CREATE^gone^PREFIX^1^d:^SCHEMA^user^TAG", "+OK\r\n");
    (void)ask(at.s, "HSET^d:1^user^ann", 0, 0);
    (void)ask(at.s, "HSET^d:2^user^bob", 0, 0);
    assert_int_equal(rows_of(&at, "i", NULL), 2);
    close_redis(&at);
    /* a mark without an index, as a crash leaves it */
    assert_int_equal(owner_set(at.db, NULL, "never", OWNER_REDIS, NULL), 0);
    open_redis(&at);
    ASK(at.s, "FT.DROPINDEX^gone", "+OK\r\n");
    assert_int_equal(rows_of(&at, "i", NULL), 2);
    assert_int_equal(rows_of(&at, "i", "array_contains(user, \"bob\")"), 1);
    assert_int_equal(rows_of(&at, "gone", NULL), UINT64_MAX);
    assert_false(owner_is_redis(at.db, NULL, "never"));
    /* FLUSHALL takes indexes, and what other doors made stays */
    make(&at, false);
    ASK(at.s, "FLUSHALL", "+OK\r\n");
    ASK(at.s, "FT._LIST", "*1\r\n$1\r\nc\r\n");
    assert_int_equal(rows_of(&at, "i", NULL), UINT64_MAX);
    assert_false(owner_is_redis(at.db, NULL, "i"));
    ASK(at.s, "FT.CREATE^j^SCHEMA^user^TAG", "+OK\r\n");
    close_redis(&at);
    open_redis(&at);
    ASK(at.s, "FT._LIST", "*2\r\n$1\r\nj\r\n$1\r\nc\r\n");
    close_place(&at);
}

#define DOCS 3000
#define DIM 16

static void random_doc(struct session *s, struct rng *rng, unsigned i)
{
    char key[32], number[32], tag[32];
    float vector[DIM];
    for (size_t d = 0; d < DIM; d++) vector[d] = (float)rng_f64(rng) - 0.5F;
    (void)snprintf(key, sizeof key, "d:%u", i);
    (void)snprintf(number, sizeof number, "%u", (unsigned)(rng_u64(rng) % 100));
    (void)snprintf(tag, sizeof tag, "t%u,u%u", i % 7, i % 3);
    const struct kith_str argv[] = {S("HSET"), str_of(key), S("n"), str_of(number), S("tag"),
                                    str_of(tag), S("v"), {(const char *)vector, sizeof vector}};
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(session_run(s, argv, i % 50 == 9 ? 6 : 8, &out), 0);
    buffer_release(&out);
}

static void knn(struct session *s, const char *query, const float *vector, struct buffer *out)
{
    const struct kith_str argv[] = {S("FT.SEARCH"), S("i"), str_of(query), S("PARAMS"), S("2"),
                                    S("v"), {(const char *)vector, DIM * sizeof *vector},
                                    S("RETURN"), S("1"), S("__v_score"), S("LIMIT"), S("0"),
                                    S("20")};
    buffer_init(out);
    assert_int_equal(session_run(s, argv, sizeof argv / sizeof *argv, out), 0);
    assert_true(out->len > 4 && out->data[0] == '*');
}

/* How many keys of `exact` are in `other`. */
static size_t shared_keys(const struct buffer *exact, const struct buffer *other, size_t *count)
{
    size_t shared = 0;
    *count = 0;
    for (size_t i = 0; i + 4 < exact->len; i++) {
        if (memcmp(exact->data + i, "\nd:", 3) != 0) continue;
        size_t len = 3;
        while (exact->data[i + len] != '\r') len++;
        shared += memmem(other->data, other->len, exact->data + i, len + 1) != NULL;
        ++*count;
    }
    return shared;
}

/* The same documents with and without an engine below; HNSW must find 95 of 100, FLAT all, and both
 * as many as there are. */
static void agrees(struct place *at, struct session *plain, struct rng *rng, bool hnsw)
{
    static const char *const table[] = {
        "*=>[KNN 10 @v $v]", "@tag:{t3}=>[KNN 10 @v $v]", "@n:[10 20] -@tag:{u1}=>[KNN 20 @v $v]",
        "(@tag:{t1|t2} | @n:[(90 +inf])=>[KNN 10 @v $v]", "@n:[50 50]=>[KNN 20 @v $v]",
        "@tag:{nowhere}=>[KNN 3 @v $v]", "@tag:{t*}=>[KNN 5 @v $v]"};
    size_t shared = 0, all = 0;
    for (size_t i = 0; i < 40 * sizeof table / sizeof *table; i++) {
        float vector[DIM];
        struct buffer want, got;
        size_t want_count, got_count;
        for (size_t d = 0; d < DIM; d++) vector[d] = (float)rng_f64(rng) - 0.5F;
        if (i % 5 == 0) { /* changes that the collection has not seen */
            const unsigned doc = (unsigned)(rng_u64(rng) % (DOCS + 100));
            struct rng twin = *rng;
            random_doc(at->s, rng, doc);
            random_doc(plain, &twin, doc);
        }
        const char *query = table[i % (sizeof table / sizeof *table)];
        knn(plain, query, vector, &want);
        knn(at->s, query, vector, &got);
        shared += shared_keys(&want, &got, &want_count);
        (void)shared_keys(&got, &want, &got_count);
        if (want_count != got_count)
            fail_msg("%s: %zu rows, due %zu", query, got_count, want_count);
        if (!hnsw && (want.len != got.len || memcmp(want.data, got.data, want.len) != 0))
            fail_msg("%s: another answer than a scan gives", query);
        all += want_count;
        buffer_release(&want);
        buffer_release(&got);
    }
    if ((double)shared < 0.95 * (double)all) fail_msg("recall %zu of %zu", shared, all);
}

static void nearest(const char *kind, const char *metric)
{
    const uint64_t seed = 7;
    struct rng one, two;
    struct place at;
    char create[256];
    struct redis *scan = door_open();
    struct session *plain = session_open_local(scan);
    struct kith_collection *collection;
    open_place(&at);
    rng_init(&one, seed);
    rng_init(&two, seed);
    (void)snprintf(create, sizeof create, "FT.CREATE^i^PREFIX^1^d:^SCHEMA^tag^TAG^n^NUMERIC^v^"
                   "VECTOR^%s^6^TYPE^FLOAT32^DIM^16^DISTANCE_METRIC^%s", kind, metric);
    ASK(at.s, create, "+OK\r\n");
    ASK(plain, create, "+OK\r\n");
    for (unsigned i = 0; i < DOCS; i++) {
        random_doc(at.s, &one, i);
        random_doc(plain, &two, i);
    }
    assert_int_equal(rows_of(&at, "i", NULL), DOCS);
    assert_int_equal(kith_collection_open(at.db, NULL, "i", &collection, NULL), 0);
    assert_int_equal(kith_flush(collection, NULL, NULL), 0); /* the graph is built */
    struct kith_stats stats = {.size = sizeof stats};
    assert_int_equal(kith_collection_stats(collection, &stats, NULL), 0);
    assert_true(stats.sealed_segments > 0);
    kith_collection_release(collection);
    agrees(&at, plain, &one, strcmp(kind, "HNSW") == 0);
    assert_true(search_of(at.redis)->walks > 150); /* of 280; the others cannot be translated */
    session_close_local(plain);
    redis_free(scan);
    close_place(&at);
}

static void nearest_flat(void **state)
{
    (void)state;
    nearest("FLAT", "L2");
    nearest("FLAT", "IP");
}

static void nearest_graph(void **state)
{
    (void)state;
    nearest("HNSW", "COSINE");
}

/* ---- out of memory at every place ---- */

/* Runs it with the n-th allocation failing, for every n; fn checks and puts things right. */
static void starve(struct place *at, const char *words, void (*fn)(struct place *at, bool ok))
{
    for (uint64_t n = 1; n < 5000; n++) {
        alloc_fault_arm(n, false);
        const char *reply = ask(at->s, words, 1, 0);
        const char kind = reply[0];
        const bool reached = alloc_fault_count() >= n;
        alloc_fault_disarm();
        if (strcmp(reply, "-LOST") == 0) {
            session_close_local(at->s);
            at->s = session_open_local(at->redis);
        }
        if (!strchr("*+-", kind)) fail_msg("%s: no reply", words);
        if (fn) fn(at, kind != '-');
        if (reached) continue;
        if (kind == '-') fail_msg("%s: refused without need", words);
        return;
    }
    fail_msg("%s: no end", words);
}

static void created(struct place *at, bool ok)
{
    if (!ok)
        (void)ask(at->s, "FT.CREATE^x^SCHEMA^tag^TAG^v^VECTOR^FLAT^6^TYPE^FLOAT32^DIM^2^"
                               "DISTANCE_METRIC^L2", 0, 0);
    ASK(at->s, "FT.DROPINDEX^x", "+OK\r\n");
}

static void dropped(struct place *at, bool ok)
{
    if (!ok) (void)ask(at->s, "FT.DROPINDEX^y", 0, 0);
    ASK(at->s, "FT.CREATE^y^SCHEMA^tag^TAG", "+OK\r\n");
}

static void without_memory(void **state)
{
    (void)state;
    static const char *const table[] = {
        "FT._LIST", "FT.INFO^c", "FT.SEARCH^c^*",
        "FT.SEARCH^c^@user:{ann|b*} -quick @n:[0 5]^SORTBY^d^RETURN^1^user",
        "FT.SEARCH^c^@yes:{true}=>[KNN 2 @v $v]^PARAMS^2^v^%v",
        "FT.AGGREGATE^c^*^LOAD^*"};
    struct place at;
    open_place(&at);
    make(&at, false);
    fill(&at, false);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) starve(&at, table[i], NULL);
    starve(&at, "FT.CREATE^x^SCHEMA^tag^TAG^v^VECTOR^FLAT^6^TYPE^FLOAT32^DIM^2^DISTANCE_METRIC^L2",
           created);
    ASK(at.s, "FT.CREATE^y^SCHEMA^tag^TAG", "+OK\r\n");
    starve(&at, "FT.DROPINDEX^y", dropped);
    /* the thread and who waits for it */
    for (uint64_t n = 1; n < 60; n++) {
        char words[64];
        (void)snprintf(words, sizeof words, "HSET^k:%u^tag^x", (unsigned)n);
        (void)ask(at.s, words, 0, 0);
        if (n % 7 == 0) (void)ask(at.s, "DEL^k:3^k:4", 0, 0);
        alloc_fault_arm(n, false);
        redis_settle_indexes(at.redis);
        alloc_fault_disarm();
    }
    ASK(at.s, "FT.SEARCH^y^*^LIMIT^0^0", "*1\r\n:57\r\n");
    assert_int_equal(rows_of(&at, "y", NULL), 57);
    close_place(&at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries),
        cmocka_unit_test(replies),
        cmocka_unit_test(follows),
        cmocka_unit_test(restarts),
        cmocka_unit_test(nearest_flat),
        cmocka_unit_test(nearest_graph),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
