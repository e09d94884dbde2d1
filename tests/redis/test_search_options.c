/* What FT.SEARCH takes beside the query, and what its replies carry, in both protocols. */
#include <stdio.h>

#include "redis/search_ask.h"

#include "redis/redis_internal.h"
#include "redis/search_query.h"

static void fill(struct session *s)
{
    ASK(s, "FT.CREATE^i^PREFIX^1^d:^PAYLOAD_FIELD^p^SCHEMA^t^TEXT^n^NUMERIC^g^GEO^k^TAG^SORTABLE^"
           "v^VECTOR^HNSW^8^TYPE^FLOAT32^DIM^2^DISTANCE_METRIC^L2^EF_RUNTIME^300", "+OK\r\n");
    (void)ask(s, "HSET^d:1^t^red fox^n^1^g^13.36,38.11^k^b^p^one^v^%v", 1, 0);
    (void)ask(s, "HSET^d:2^t^red dog^n^2^g^13.50,38.11^k^a^v^%v", 0, 1);
    (void)ask(s, "HSET^d:3^t^red hen^n^3.5^v^%v", 3, 0);
}

static void filters(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    fill(s);
    ASK(s, "FT.SEARCH^i^*^FILTER^n^2^+inf^NOCONTENT", "*3\r\n:2\r\n$3\r\nd:2\r\n$3\r\nd:3\r\n");
    ASK(s, "FT.SEARCH^i^red^FILTER^n^(1^(3.5^NOCONTENT", "*2\r\n:1\r\n$3\r\nd:2\r\n");
    ASK(s, "FT.SEARCH^i^*^FILTER^n^-inf^2^FILTER^@n^2^9^NOCONTENT", "*2\r\n:1\r\n$3\r\nd:2\r\n");
    ASK(s, "FT.SEARCH^i^red fox|hen^FILTER^n^0^2^NOCONTENT", "*2\r\n:1\r\n$3\r\nd:1\r\n");
    ASK(s, "FT.SEARCH^i^*^GEOFILTER^g^13.36^38.11^1^km^NOCONTENT", "*2\r\n:1\r\n$3\r\nd:1\r\n");
    ASK(s, "FT.SEARCH^i^*^GEOFILTER^g^13.36^38.11^20000^m^LIMIT^0^0", "*1\r\n:2\r\n");
    ASK(s, "FT.SEARCH^i^*=>[KNN 1 @v $v]^FILTER^n^3^4^PARAMS^2^v^%v^NOCONTENT",
        "*2\r\n:1\r\n$3\r\nd:3\r\n");
    ASK(s, "FT.SEARCH^i^*^FILTER^t^1^2", "-No such NUMERIC field in the index: `t`\r\n");
    ASK(s, "FT.SEARCH^i^*^GEOFILTER^n^1^2^3^m", "-No such GEO field in the index: `n`\r\n");
    ASK(s, "FT.SEARCH^i^*^FILTER^n^x^2", "-ERR Bad range: FILTER needs two numbers\r\n");
    ASK(s, "FT.SEARCH^i^*^FILTER^n^1", "-ERR FILTER needs a field and two numbers\r\n");
    ASK(s, "FT.SEARCH^i^*^GEOFILTER^g^1^2^3^parsec", "-ERR Bad arguments for GEOFILTER\r\n");
    ASK(s, "FT.SEARCH^i^*^DIALECT^9",
        "-DIALECT requires a non negative integer >=1 and <= 4\r\n");
    ASK(s, "FT.SEARCH^i^*^TIMEOUT^x", "-TIMEOUT requires a non negative integer\r\n");
    ASK(s, "FT.SEARCH^i^red^EXPANDER^SYNONYM^TIMEOUT^500^DIALECT^3^LIMIT^0^0", "*1\r\n:3\r\n");
    session_close_local(s);
    redis_free(redis);
}

static void carried(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    fill(s);
    ASK(s, "FT.SEARCH^i^*^SORTBY^n^DESC^WITHSORTKEYS^NOCONTENT^LIMIT^0^2",
        "*5\r\n:3\r\n$3\r\nd:3\r\n$4\r\n#3.5\r\n$3\r\nd:2\r\n$2\r\n#2\r\n");
    ASK(s, "FT.SEARCH^i^*^SORTBY^k^WITHSORTKEYS^NOCONTENT",
        "*7\r\n:3\r\n$3\r\nd:2\r\n$2\r\n$a\r\n$3\r\nd:1\r\n$2\r\n$b\r\n$3\r\nd:3\r\n$-1\r\n");
    ASK(s, "FT.SEARCH^i^fox^WITHPAYLOADS^NOCONTENT", "*3\r\n:1\r\n$3\r\nd:1\r\n$3\r\none\r\n");
    ASK(s, "FT.SEARCH^i^dog^WITHPAYLOADS^NOCONTENT", "*3\r\n:1\r\n$3\r\nd:2\r\n$-1\r\n");
    ASK(s, "FT.SEARCH^i^dog^EXPLAINSCORE",
        "-EXPLAINSCORE must be accompanied with WITHSCORES\r\n");
    ASK(s, "FT.SEARCH^i^*^WITHSCORES^EXPLAINSCORE^SCORER^DOCSCORE^NOCONTENT^LIMIT^0^1",
        "*3\r\n:3\r\n$3\r\nd:1\r\n*2\r\n$1\r\n1\r\n*1\r\n$58\r\nFinal DOCSCORE : words DOCSCORE "
        "1.00 * document score 1.00\r\n");
    (void)door_reply(s, "HELLO 3");
    ASK(s, "FT.SEARCH^i^fox^SORTBY^n^WITHSCORES^WITHPAYLOADS^WITHSORTKEYS^RETURN^1^n^SCORER^DISMAX",
        "%5\r\n$10\r\nattributes\r\n*0\r\n$6\r\nformat\r\n$6\r\nSTRING\r\n$7\r\nresults\r\n*1\r\n"
        "%6\r\n$2\r\nid\r\n$3\r\nd:1\r\n$5\r\nscore\r\n,1\r\n$7\r\npayload\r\n$3\r\none\r\n"
        "$7\r\nsortkey\r\n$2\r\n#1\r\n$16\r\nextra_attributes\r\n%1\r\n$1\r\nn\r\n$1\r\n1\r\n"
        "$6\r\nvalues\r\n*0\r\n$13\r\ntotal_results\r\n:1\r\n$7\r\nwarning\r\n*0\r\n");
    session_close_local(s);
    redis_free(redis);
}

/* What redisvl's hybrid query sends: a KNN, the scores of the words, and one number of both. */
static void hybrid(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    fill(s);
    ASK(s, "FT.AGGREGATE^i^(~@t:(fox | hen))=>[KNN 2 @v $v AS d]^SCORER^DISMAX^ADDSCORES^LOAD^2^t^"
           "n^APPLY^(2 - @d)/2^AS^near^APPLY^@__score^AS^words^APPLY^0.5*@words+0.5*@near^AS^both^"
           "SORTBY^2^@both^DESC^MAX^2^DIALECT^2^PARAMS^2^v^%v",
        "*3\r\n:2\r\n*14\r\n$7\r\n__score\r\n$1\r\n1\r\n$1\r\nt\r\n$7\r\nred fox\r\n$1\r\nn\r\n$1"
        "\r\n1\r\n$1\r\nd\r\n$1\r\n0\r\n$4\r\nnear\r\n$1\r\n1\r\n$5\r\nwords\r\n$1\r\n1\r\n$4\r\n"
        "both\r\n$1\r\n1\r\n*14\r\n$7\r\n__score\r\n$1\r\n0\r\n$1\r\nt\r\n$7\r\nred dog\r\n$1\r\n"
        "n\r\n$1\r\n2\r\n$1\r\nd\r\n$1\r\n2\r\n$4\r\nnear\r\n$1\r\n0\r\n$5\r\nwords\r\n$1\r\n0\r\n"
        "$4\r\nboth\r\n$1\r\n0\r\n");
    session_close_local(s);
    redis_free(redis);
}

/* What comes between "results" and "warnings". */
static void gives(struct session *s, const char *words, const char *want)
{
    const char *reply = ask(s, words, 1, 0);
    const char *from = strstr(reply, "results\r\n*"), *to = strstr(reply, "$8\r\nwarnings");
    if (!from || !to) fail_msg("%s gave %s", words, reply);
    from += 9;
    if ((size_t)(to - from) != strlen(want) || memcmp(from, want, strlen(want)) != 0)
        fail_msg("%s\ngave %s\nwant %s", words, reply, want);
}

static void both_lists(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    fill(s);
    /* ranks 1 by words and 3 by vector: 1/61 + 1/63; then 1/61 and 1/62 */
    gives(s, "FT.HYBRID^i^SEARCH^hen^VSIM^@v^$v^PARAMS^2^v^%v",
          "*3\r\n*4\r\n$5\r\n__key\r\n$3\r\nd:3\r\n$7\r\n__score\r\n$14\r\n0.032266458496\r\n"
          "*4\r\n$5\r\n__key\r\n$3\r\nd:1\r\n$7\r\n__score\r\n$14\r\n0.016393442623\r\n"
          "*4\r\n$5\r\n__key\r\n$3\r\nd:2\r\n$7\r\n__score\r\n$15\r\n0.0161290322581\r\n");
    gives(s, "FT.HYBRID^i^SEARCH^fox|dog^SCORER^DISMAX^YIELD_SCORE_AS^w^VSIM^@v^$v^KNN^4^K^1^"
             "EF_RUNTIME^10^YIELD_SCORE_AS^near^COMBINE^LINEAR^6^ALPHA^0.5^BETA^2^YIELD_SCORE_AS^"
             "both^LOAD^1^@n^PARAMS^2^v^%v",
          "*2\r\n*8\r\n$1\r\nw\r\n$1\r\n1\r\n$4\r\nnear\r\n$1\r\n1\r\n$4\r\nboth\r\n$3\r\n2.5\r\n"
          "$1\r\nn\r\n$1\r\n1\r\n*6\r\n$1\r\nw\r\n$1\r\n1\r\n$4\r\nboth\r\n$3\r\n0.5\r\n$1\r\nn\r\n"
          "$1\r\n2\r\n");
    gives(s, "FT.HYBRID^i^SEARCH^none^VSIM^@v^%v^RANGE^4^RADIUS^2.5^EPSILON^0.1^FILTER^@n:[2 9]^"
             "COMBINE^RRF^4^WINDOW^5^CONSTANT^0^APPLY^@__score*2^AS^twice^LIMIT^0^1",
          "*1\r\n*6\r\n$5\r\n__key\r\n$3\r\nd:2\r\n$7\r\n__score\r\n$1\r\n1\r\n$5\r\ntwice\r\n$1"
          "\r\n2\r\n");
    gives(s, "FT.HYBRID^i^SEARCH^~hen^VSIM^@v^%v^GROUPBY^0^REDUCE^COUNT^0^AS^c",
          "*1\r\n*2\r\n$1\r\nc\r\n$1\r\n3\r\n");
    ASK(s, "FT.HYBRID^i^FIND^a^VSIM^@v^%v", "-ERR SEARCH and a query are expected\r\n");
    ASK(s, "FT.HYBRID^i^SEARCH^a^WSIM^@v^%v",
        "-ERR Unknown argument in SEARCH of FT.HYBRID\r\n");
    ASK_HAS(s, "FT.HYBRID^i^SEARCH^a^VSIM^@t^%v", "-Unknown vector field at offset 15");
    ASK(s, "FT.HYBRID^i^SEARCH^a^VSIM^@v^%v^KNN^2^K^0", "-ERR Bad arguments of FT.HYBRID\r\n");
    ASK(s, "FT.HYBRID^i^SEARCH^a^VSIM^@v^%v^COMBINE^MAX^0", "-ERR COMBINE needs RRF or LINEAR\r\n");
    ASK(s, "FT.HYBRID^i^SEARCH^a^VSIM^@v^%v^WITHCURSOR",
        "-ERR WITHCURSOR of FT.HYBRID is not supported\r\n");
    ASK(s, "FT.HYBRID^i^SEARCH^*=>[KNN 1 @v $x]^VSIM^@v^$x^PARAMS^2^x^%v",
        "-ERR the query of SEARCH in FT.HYBRID has a vector of its own\r\n");
    (void)door_reply(s, "HELLO 3");
    ASK_HAS(s, "FT.HYBRID^i^SEARCH^hen^VSIM^@v^%v^LOAD^1^@n^LIMIT^0^1",
            "%4\r\n$13\r\ntotal_results\r\n:3\r\n$7\r\nresults\r\n*1\r\n%1\r\n$1\r\nn\r\n$3\r\n3.5"
            "\r\n$8\r\nwarnings\r\n*0\r\n$14\r\nexecution_time\r\n,");
    session_close_local(s);
    redis_free(redis);
}

static uint32_t ef_of(const struct search_index *index, const char *text, const char *ef)
{
    const float vector[2] = {0, 0};
    const struct query_param params[] = {
        {str_of("v"), {(const char *)vector, sizeof vector}}, {str_of("ef"), str_of(ef)}};
    struct search_query query;
    const int rc = search_query_parse(index, str_of(text), params, 2, &query);
    if (rc) fail_msg("%s: %s", text, query.error);
    const uint32_t got = search_query_ef(&query, 100000);
    search_query_release(&query);
    return got;
}

/* EF_RUNTIME widens the engine's walk, from wherever it is given, and never narrows it. */
static void breadth(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    fill(s);
    const struct search_index *i = search_find(redis, str_of("i"));
    assert_int_equal(ef_of(i, "*=>[KNN 10 @v $v]", ""), 300); /* of FT.CREATE */
    assert_int_equal(ef_of(i, "*=>[KNN 10 @v $v EF_RUNTIME 700]", ""), 700);
    assert_int_equal(ef_of(i, "*=>[KNN 10 @v $v EF_RUNTIME $ef AS d]", "800"), 800);
    assert_int_equal(ef_of(i, "*=>[KNN 10 @v $v]=>{$EF_RUNTIME: 900}", ""), 900);
    assert_int_equal(ef_of(i, "*=>[KNN 10 @v $v]=>{$EF_RUNTIME: $ef}", "901"), 901);
    assert_int_equal(ef_of(i, "*=>[KNN 10 @v $v EF_RUNTIME 10]", ""), 0);
    ASK(s, "FT.SEARCH^i^*=>[KNN 1 @v $v EF_RUNTIME x]^PARAMS^2^v^%v",
        "-Invalid EF_RUNTIME: a positive number is expected at offset 28 near ]\r\n");
    ASK(s, "FT.SEARCH^i^*=>[KNN 1 @v $v EF_RUNTIME $no]^PARAMS^2^v^%v",
        "-No such parameter at offset 30 near ]\r\n");
    ASK(s, "FT.CREATE^j^SCHEMA^s^GEOSHAPE", "-GEOSHAPE fields are not supported near `end`\r\n");
    session_close_local(s);
    redis_free(redis);
}

/* LANGUAGE_FIELD: each document by its own language, the index's where it names none. */
static void languages(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    ASK(s, "FT.CREATE^i^PREFIX^1^d:^LANGUAGE_FIELD^l^SCHEMA^t^TEXT", "+OK\r\n");
    (void)ask(s, "HSET^d:1^l^German^t^die Katzen", 0, 0);
    (void)ask(s, "HSET^d:2^l^klingon^t^the houses", 0, 0);
    (void)ask(s, "HSET^d:3^t^his houses", 0, 0);
    (void)ask(s, "HSET^d:4^l^german^t^running", 0, 0);
    ASK(s, "FT.SEARCH^i^Katze^LANGUAGE^german^NOCONTENT", "*2\r\n:1\r\n$3\r\nd:1\r\n");
    ASK(s, "FT.SEARCH^i^house^NOCONTENT", "*3\r\n:2\r\n$3\r\nd:2\r\n$3\r\nd:3\r\n");
    ASK(s, "FT.SEARCH^i^runs^LIMIT^0^0", "*1\r\n:0\r\n");
    (void)ask(s, "HSET^d:4^l^english", 0, 0);
    ASK(s, "FT.SEARCH^i^runs^LIMIT^0^0", "*1\r\n:1\r\n");
    ASK_HAS(s, "FT.INFO^i", "$16\r\ndefault_language\r\n$7\r\nenglish\r\n$14\r\nlanguage_field\r\n"
                            "$1\r\nl\r\n");
    ASK(s, "FT.CREATE^j^TEMPORARY^10^SCHEMA^t^TEXT",
        "-TEMPORARY indexes are not supported: drop it with FT.DROPINDEX near `TEMPORARY`\r\n");
    session_close_local(s);
    redis_free(redis);
}

static void about(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    fill(s);
    ASK(s, "FT.CONFIG^GET^TIMEOUT", "*1\r\n*2\r\n$7\r\nTIMEOUT\r\n$4\r\n5000\r\n");
    ASK_HAS(s, "FT.CONFIG^GET^*", "*7\r\n*2\r\n$15\r\nDEFAULT_DIALECT\r\n$1\r\n2\r\n");
    ASK(s, "FT.CONFIG^SET^default_dialect^2", "+OK\r\n");
    ASK(s, "FT.CONFIG^SET^TIMEOUT^5", "-ERR TIMEOUT is always 5000\r\n");
    ASK(s, "FT.CONFIG^SET^NO^5", "-No such configuration option\r\n");
    ASK_HAS(s, "FT.PROFILE^i^SEARCH^LIMITED^QUERY^fox^NOCONTENT",
            "*2\r\n*2\r\n:1\r\n$3\r\nd:1\r\n*3\r\n*2\r\n$18\r\nTotal profile time\r\n");
    ASK_HAS(s, "FT.PROFILE^i^AGGREGATE^QUERY^*^GROUPBY^0^REDUCE^COUNT^0^AS^c",
            "*2\r\n*2\r\n:1\r\n*2\r\n$1\r\nc\r\n$1\r\n3\r\n*3\r\n");
    ASK(s, "FT.PROFILE^i^SEARCH^QUERY^@no:x", "-Unknown field at offset 3 near :x\r\n");
    ASK(s, "FT.PROFILE^i^FIND^QUERY^x", "-No `SEARCH` or `AGGREGATE` provided\r\n");
    ASK(s, "FT.PROFILE^i^SEARCH^x^y", "-The QUERY keyword is expected\r\n");
    ASK(s, "FT._CREATEIFNX^i^SCHEMA^t^TEXT", "+OK\r\n");
    ASK(s, "FT._ALIASADDIFNX^a^i", "+OK\r\n");
    ASK(s, "FT._ALIASADDIFNX^a^i", "+OK\r\n");
    ASK(s, "FT.SEARCH^a^fox^NOCONTENT", "*2\r\n:1\r\n$3\r\nd:1\r\n");
    ASK(s, "FT._ALIASDELIFX^a", "+OK\r\n");
    ASK(s, "FT._ALIASDELIFX^a", "+OK\r\n");
    (void)door_reply(s, "HELLO 3");
    ASK(s, "FT.CONFIG^GET^TIMEOUT", "%1\r\n$7\r\nTIMEOUT\r\n$4\r\n5000\r\n");
    ASK_HAS(s, "FT.PROFILE^i^SEARCH^QUERY^fox^NOCONTENT", "%2\r\n$7\r\nResults\r\n%5\r\n");
    ASK_HAS(s, "FT.INFO^i", "%32\r\n$10\r\nindex_name\r\n$1\r\ni\r\n");
    ASK_HAS(s, "FT.INFO^i", "$14\r\nnumber_of_uses\r\n:");
    ASK_HAS(s, "FT.INFO^i", "$12\r\nIndex Errors\r\n%3\r\n$17\r\nindexing failures\r\n:0\r\n");
    ASK(s, "FT._DROPINDEXIFX^i", "+OK\r\n");
    ASK(s, "FT._DROPINDEXIFX^i", "+OK\r\n");
    session_close_local(s);
    redis_free(redis);
}

/* A scan of seconds ends; what it found until then is not shown as the whole. */
/* A quick query, and steps that take their time. */
static void patient_steps(struct session *s, struct buffer *out)
{
    enum { STEPS = 2000 };
    static struct kith_str argv[5 + 4 * STEPS] = {
        {"FT.AGGREGATE", 12}, {"i", 1}, {"*", 1}, {"TIMEOUT", 7}, {"20", 2}};
    for (size_t i = 5; i < sizeof argv / sizeof *argv; i += 4) {
        argv[i] = (struct kith_str){"APPLY", 5};
        argv[i + 1] = (struct kith_str){"upper(@t)", 9};
        argv[i + 2] = (struct kith_str){"AS", 2};
        argv[i + 3] = (struct kith_str){"x", 1};
    }
    buffer_clear(out);
    assert_int_equal(session_run(s, argv, sizeof argv / sizeof *argv, out), 0);
    buffer_put(out, "", 1);
    assert_string_equal((const char *)out->data, "-Timeout limit was reached\r\n");
    ASK(s, "FT.AGGREGATE^i^*^TIMEOUT^x", "-TIMEOUT requires a non negative integer\r\n");
    ASK(s, "FT.AGGREGATE^i^*^TIMEOUT", "-TIMEOUT requires a non negative integer\r\n");
}

static void patience(void **state)
{
    (void)state;
    enum { DOCS = 400, WORDS = 3000 };
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    struct buffer query, out;
    char text[64];
    ASK(s, "FT.CREATE^i^SCHEMA^t^TEXT^NOSTEM", "+OK\r\n");
    for (int i = 0; i < DOCS; i++) {
        (void)snprintf(text, sizeof text, "HSET^d%d^t^%s", i, "a1 a2 a3 a4 a5 a6 a7");
        (void)ask(s, text, 0, 0);
    }
    buffer_init(&query);
    buffer_init(&out);
    for (int i = 0; i < WORDS; i++) buffer_printf(&query, i ? "|word%d" : "word%d", i);
    struct kith_str argv[] = {{"FT.SEARCH", 9}, {"i", 1}, {(const char *)query.data, query.len},
                              {"TIMEOUT", 7},   {"1", 1}};
    assert_int_equal(session_run(s, argv, 5, &out), 0);
    buffer_put(&out, "", 1);
    assert_string_equal((const char *)out.data, "-Timeout limit was reached\r\n");
    buffer_clear(&out);
    argv[4] = (struct kith_str){"0", 1};
    assert_int_equal(session_run(s, argv, 5, &out), 0);
    buffer_put(&out, "", 1);
    assert_string_equal((const char *)out.data, "*1\r\n:0\r\n");
    argv[0] = (struct kith_str){"FT.AGGREGATE", 12};
    buffer_clear(&out);
    assert_int_equal(session_run(s, argv, 5, &out), 0);
    buffer_put(&out, "", 1);
    assert_string_equal((const char *)out.data, "*1\r\n:0\r\n");
    argv[4] = (struct kith_str){"1", 1};
    buffer_clear(&out);
    assert_int_equal(session_run(s, argv, 5, &out), 0);
    buffer_put(&out, "", 1);
    assert_string_equal((const char *)out.data, "-Timeout limit was reached\r\n");
    patient_steps(s, &out);
    buffer_release(&query);
    buffer_release(&out);
    session_close_local(s);
    redis_free(redis);
}

static void run_words(struct session *s, const struct kith_str *argv, size_t argc,
                      const char *want)
{
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(session_run(s, argv, argc, &out), 0);
    buffer_put(&out, "", 1);
    if (strncmp((const char *)out.data, want, strlen(want)) != 0)
        fail_msg("%s gave %.100s", argv[0].data, (const char *)out.data);
    buffer_release(&out);
}

/* The clock is read inside of documents, of scores and of replies, too. */
static void patience_inside(void **state)
{
    (void)state;
    enum { WORDS = 400000, QUERY = 20000, SYNONYMS = 5000 };
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    struct buffer text, query;
    static struct kith_str words[SYNONYMS + 3];
    ASK(s, "FT.CREATE^i^SCHEMA^t^TEXT^NOSTEM", "+OK\r\n");
    buffer_init(&text);
    buffer_init(&query);
    for (int i = 0; i < WORDS; i++) buffer_put(&text, "aa ", 3);
    buffer_put(&text, "bb", 2);
    const struct kith_str doc[] = {{"HSET", 4}, {"d", 1}, {"t", 1},
                                   {(const char *)text.data, text.len}};
    run_words(s, doc, 4, ":1");
    ASK(s, "FT.SEARCH^i^aa bb^NOCONTENT^LIMIT^0^0", "*1\r\n:1\r\n");
    buffer_put(&query, "bb", 2); /* one word matches, and each of the others is counted */
    for (int i = 0; i < QUERY; i++) buffer_printf(&query, "|w%d", i);
    struct kith_str search[] = {{"FT.SEARCH", 9}, {"i", 1},
                                {(const char *)query.data, query.len}, {"TIMEOUT", 7}, {"50", 2}};
    run_words(s, search, 5, "-Timeout limit was reached");
    search[2] = (struct kith_str){"cc cc aa bb", 11};
    ASK(s, "HSET^e^t^x", ":1\r\n");
    run_words(s, search, 3, "*1\r\n:0");
    /* after every aa comes cc, never close enough: each is looked at once */
    buffer_put(&text, " cc cc cc", 9);
    const struct kith_str far[] = {{"HSET", 4}, {"d", 1}, {"t", 1},
                                   {(const char *)text.data, text.len}};
    run_words(s, far, 4, ":0");
    const struct kith_str near[] = {{"FT.SEARCH", 9}, {"i", 1}, {"bb aa", 5}, {"SLOP", 4},
                                    {"0", 1}, {"LIMIT", 5}, {"0", 1}, {"0", 1}};
    run_words(s, near, 8, "*1\r\n:1");
    const struct kith_str never[] = {{"FT.SEARCH", 9}, {"i", 1}, {"aa cc", 5}, {"SLOP", 4},
                                     {"0", 1}, {"INORDER", 7}, {"TIMEOUT", 7}, {"0", 1}};
    run_words(s, never, 8, "*1\r\n:0");
    /* a word with thousands of synonyms, a thousand times */
    words[0] = (struct kith_str){"FT.SYNUPDATE", 12};
    words[1] = words[2] = (struct kith_str){"i", 1};
    buffer_clear(&query);
    for (int i = 0; i < SYNONYMS; i++) buffer_printf(&query, "s%05d", i);
    for (size_t i = 0; i < SYNONYMS; i++)
        words[i + 3] = (struct kith_str){(const char *)query.data + 6 * i, 6};
    run_words(s, words, SYNONYMS + 3, "+OK");
    buffer_clear(&text);
    for (int i = 0; i < 1000; i++) buffer_put(&text, "s00001 ", 7);
    search[2] = (struct kith_str){(const char *)text.data, text.len};
    run_words(s, search, 3, "-Syntax error: too many words");
    buffer_release(&text);
    buffer_release(&query);
    session_close_local(s);
    redis_free(redis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters),
        cmocka_unit_test(carried),
        cmocka_unit_test(hybrid),
        cmocka_unit_test(both_lists),
        cmocka_unit_test(breadth),
        cmocka_unit_test(languages),
        cmocka_unit_test(about),
        cmocka_unit_test(patience),
        cmocka_unit_test(patience_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
