/*
 * Search indexes by transcripts: what follows a change at once, every form of query, vectors in
 * both kinds of documents, replies in both protocols, restarts, and the clients' own queries.
 */
#include "redis/search_ask.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "cache/heap.h"
#include "redis/redis_internal.h"

static void fill(struct session *s)
{
    ASK(s, "FT.CREATE^i^ON^HASH^PREFIX^1^d:^SCHEMA^user^TAG^t^TEXT^n^NUMERIC^SORTABLE^g^GEO^"
           "v^VECTOR^FLAT^6^TYPE^FLOAT32^DIM^2^DISTANCE_METRIC^L2", "+OK\r\n");
    (void)ask(s, "HSET^d:1^user^Ann, b-c^t^The quick brown fox^n^1^g^13.36,38.11^v^%v", 1, 0);
    (void)ask(s, "HSET^d:2^user^bob^t^quick thinking^n^2^v^%v", 0, 1);
    (void)ask(s, "HSET^d:3^user^ann^n^3.5^v^%v", 3, 0);
    (void)ask(s, "HSET^other^user^ann", 0, 0);
}

/* The keys of a query, in order, with blanks between. */
static void keys_are(struct session *s, const char *query, const char *want)
{
    char words[1024], got[256] = "";
    (void)snprintf(words, sizeof words,
                   "FT.SEARCH^i^%s^NOCONTENT^PARAMS^4^v^%%v^u^bob^DIALECT^2", query);
    const char *reply = ask(s, words, 1, 0);
    if (reply[0] == '-') fail_msg("%s: %s", query, reply);
    for (const char *at = strstr(reply, "\r\nd:"); at; at = strstr(at + 1, "\r\nd:"))
        (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%s%c", got[0] ? " " : "", at[4]);
    if (strcmp(got, want) != 0) fail_msg("%s: got '%s', want '%s'", query, got, want);
}

static void queries(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"*", "1 2 3"}, {"@user:{ann}", "1 3"}, {"@user:{ANN | bob}", "1 2 3"},
        {"-@user:{ann}", "2"}, {"@user:{b\\-c}", "1"}, {"@user:{b*}", "1 2"}, {"@user:{$u}", "2"},
        {"@n:[1 2]", "1 2"}, {"@n:[(1 +inf]", "2 3"}, {"@n==2", "2"}, {"@n>=2", "2 3"},
        {"@n!=2", "1 3"}, {"@n:[-inf (2]", "1"},
        {"@g:[13.36 38.12 5 km]", "1"}, {"@g:[13.36 38.12 100 m]", ""},
        {"quick", "2 1"}, {"@t:(quick fox)", "1"}, {"\"brown fox\"", "1"}, {"\"fox brown\"", ""},
        {"@t:qui*", "2 1"}, {"*nking", "2"}, {"%quik%", "2 1"}, {"@t:the fox", "1"},
        {"(@user:{bob}|@n:[3 4]) @n:[2 9]", "2 3"}, {"@n:[1 1] | @n:[2 2]", "1 2"},
        {"w'qu?ck'", "2 1"}, {"@t:w'*o?n*'", "1"}, {"@user:{w'b?b'}", "2"}, {"@user:{w'?\\-c'}", "1"},
        {"w'Th*k??g'", "2"}, {"w'[a-z]*'", ""}, {"ismissing(@t)", "3"}, {"~fox", "1 2 3"}, {"", ""},
        {"*=>[KNN 2 @v $v]", "1 2"}, {"(@user:{ann})=>[KNN 5 @v $v AS d]", "1 3"},
        {"@user:{ann} =>[KNN 1 @v $v EF_RUNTIME 10]=>{$YIELD_DISTANCE_AS: d}", "1"},
        {"@v:[VECTOR_RANGE 2.5 $v]", "1 2"},
        {"(@v:[VECTOR_RANGE 9 $v]=>{$YIELD_DISTANCE_AS: d} @user:{ann})", "1 3"},
    };
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    fill(s);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        keys_are(s, table[i][0], table[i][1]);
    session_close_local(s);
    redis_free(redis);
}

static void follows(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    fill(s);
    keys_are(s, "@user:{ann}", "1 3");
    EXPECT(s, "HSET d:2 user ann", ":0\r\n");
    keys_are(s, "@user:{ann}", "1 2 3");
    EXPECT(s, "DEL d:1", ":1\r\n");
    EXPECT(s, "HDEL d:2 user", ":1\r\n");
    keys_are(s, "@user:{ann}", "3");
    EXPECT(s, "RENAME d:3 e:3", "+OK\r\n");
    keys_are(s, "@user:{ann}", "");
    EXPECT(s, "RENAME other d:9", "+OK\r\n");
    keys_are(s, "@user:{ann}", "9");
    EXPECT(s, "PEXPIRE d:9 1", ":1\r\n");
    while (door_reply(s, "EXISTS d:9")[1] == '1') continue;
    keys_are(s, "@user:{ann}", "");
    EXPECT(s, "HSET d:4 n text", ":1\r\n"); /* unusable: left out, counted */
    keys_are(s, "*", "2");
    assert_non_null(strstr(ask(s, "FT.INFO^i", 0, 0), "hash_indexing_failures\r\n:"));
    EXPECT(s, "SELECT 1", "+OK\r\n");
    EXPECT(s, "FLUSHDB", "+OK\r\n");
    EXPECT(s, "SELECT 0", "+OK\r\n");
    keys_are(s, "*", "2");
    ASK(s, "FT.ALIASADD^a^i", "+OK\r\n");
    ASK(s, "FT.DICTADD^words^one", ":1\r\n");
    EXPECT(s, "FLUSHALL", "+OK\r\n");
    ASK(s, "FT._LIST", "*0\r\n");
    ASK(s, "FT.SEARCH^a^*", "-a: no such index\r\n");
    ASK_HAS(s, "FT.DICTDUMP^words", "-");
    fill(s);
    keys_are(s, "*", "1 2 3");
    EXPECT(s, "FLUSHDB", "+OK\r\n");
    ASK(s, "FT._LIST", "*0\r\n");
    session_close_local(s);
    redis_free(redis);
}

static void replies(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    fill(s);
    ASK(s, "FT.SEARCH^i^*^LIMIT^0^0", "*1\r\n:3\r\n");
    ASK(s, "FT.SEARCH^i^@user:{ann}=>[KNN 5 @v $v AS d]^RETURN^2^n^d^SORTBY^d^DESC^DIALECT^2^"
           "PARAMS^2^v^%v",
        "*5\r\n:2\r\n$3\r\nd:3\r\n*4\r\n$1\r\nn\r\n$3\r\n3.5\r\n$1\r\nd\r\n$1\r\n4\r\n"
        "$3\r\nd:1\r\n*4\r\n$1\r\nn\r\n$1\r\n1\r\n$1\r\nd\r\n$1\r\n0\r\n");
    ASK(s, "FT.SEARCH^i^@n:[2 9]^SORTBY^n^DESC^RETURN^1^user^LIMIT^0^1",
        "*3\r\n:2\r\n$3\r\nd:3\r\n*2\r\n$4\r\nuser\r\n$3\r\nann\r\n");
    ASK(s, "FT.SEARCH^i^*=>[KNN 1 @v $v]^PARAMS^2^v^abc",
        "-Error parsing vector similarity query: query vector blob size (3) does not match index's "
        "expected size (8).\r\n");
    ASK(s, "FT.SEARCH^none^*", "-none: no such index\r\n");
    ASK(s, "FT.INFO^none", "-Unknown index name (index not found)\r\n");
    ASK(s, "FT.CREATE^i^SCHEMA^a^TAG", "-Index already exists\r\n");
    ASK(s, "FT._LIST", "*1\r\n$1\r\ni\r\n");
    assert_non_null(strstr(ask(s, "FT.SEARCH^i^@none:{x}", 0, 0), "-Unknown field"));
    ASK(s, "FT.ALIASADD^other^i", "+OK\r\n");
    ASK(s, "FT.SEARCH^other^bob^LIMIT^0^0", "*1\r\n:0\r\n");
    EXPECT_HAS(s, "HELLO 3", "server");
    ASK(s, "FT.SEARCH^i^@user:{bob}^RETURN^1^n",
        "%5\r\n$10\r\nattributes\r\n*0\r\n$6\r\nformat\r\n$6\r\nSTRING\r\n$7\r\nresults\r\n*1\r\n"
        "%3\r\n$2\r\nid\r\n$3\r\nd:2\r\n$16\r\nextra_attributes\r\n%1\r\n$1\r\nn\r\n$1\r\n2\r\n"
        "$6\r\nvalues\r\n*0\r\n$13\r\ntotal_results\r\n:1\r\n$7\r\nwarning\r\n*0\r\n");
    ASK(s, "FT.DROPINDEX^i^DD", "+OK\r\n");
    EXPECT(s, "DBSIZE", ":1\r\n");
    session_close_local(s);
    redis_free(redis);
}

static void json(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    ASK(s, "FT.CREATE^i^ON^JSON^PREFIX^1^d:^SCHEMA^$.tags[*]^AS^tags^TAG^$.n^AS^n^NUMERIC^"
           "$.v^AS^v^VECTOR^HNSW^6^TYPE^FLOAT32^DIM^2^DISTANCE_METRIC^COSINE", "+OK\r\n");
    ASK(s, "JSON.SET^d:1^$^{\"tags\":[\"a\",\"B\"],\"n\":1,\"v\":[1,0]}", "+OK\r\n");
    ASK(s, "JSON.SET^d:2^$^{\"tags\":[\"c\"],\"n\":2,\"v\":[0,1]}", "+OK\r\n");
    keys_are(s, "@tags:{b}", "1");
    keys_are(s, "*=>[KNN 2 @v $v]", "1 2");
    ASK(s, "JSON.SET^d:2^$.tags^[\"b\"]", "+OK\r\n");
    keys_are(s, "@tags:{b}", "1 2");
    ASK(s, "FT.SEARCH^i^@n:[2 2]^RETURN^2^n^$.tags[0]",
        "*3\r\n:1\r\n$3\r\nd:2\r\n*4\r\n$1\r\nn\r\n$1\r\n2\r\n$9\r\n$.tags[0]\r\n$1\r\nb\r\n");
    ASK(s, "FT.SEARCH^i^@n:[2 2]",
        "*3\r\n:1\r\n$3\r\nd:2\r\n*2\r\n$1\r\n$\r\n$30\r\n{\"tags\":[\"b\"],\"n\":2,\"v\":[0,1]}\r\n");
    session_close_local(s);
    redis_free(redis);
}

static void aggregates(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    fill(s);
    ASK(s, "FT.AGGREGATE^i^*^GROUPBY^1^@user^REDUCE^COUNT^0^AS^c^REDUCE^MAX^1^@n^AS^m^SORTBY^2^@m^"
           "DESC^LIMIT^0^2",
        "*3\r\n:2\r\n*6\r\n$4\r\nuser\r\n$3\r\nann\r\n$1\r\nc\r\n$1\r\n1\r\n$1\r\nm\r\n$3\r\n3.5\r\n"
        "*6\r\n$4\r\nuser\r\n$3\r\nbob\r\n$1\r\nc\r\n$1\r\n1\r\n$1\r\nm\r\n$1\r\n2\r\n");
    ASK(s, "FT.AGGREGATE^i^*^LOAD^1^@__key^WITHCURSOR^COUNT^2",
        "*2\r\n*3\r\n:3\r\n*2\r\n$5\r\n__key\r\n$3\r\nd:1\r\n*2\r\n$5\r\n__key\r\n$3\r\nd:2\r\n:1\r\n");
    ASK(s, "FT.CURSOR^READ^i^1", "*2\r\n*2\r\n:3\r\n*2\r\n$5\r\n__key\r\n$3\r\nd:3\r\n:0\r\n");
    ASK(s, "FT.CURSOR^READ^i^1", "-Cursor not found, id: 1\r\n");
    ASK(s, "FT.AGGREGATE^i^@n:[1 2]^GROUPBY^0^REDUCE^TOLIST^1^@user^AS^u^REDUCE^SUM^1^@n^AS^s",
        "*2\r\n:1\r\n*4\r\n$1\r\nu\r\n*2\r\n$8\r\nAnn, b-c\r\n$3\r\nbob\r\n$1\r\ns\r\n$1\r\n3\r\n");
    session_close_local(s);
    redis_free(redis);
}

/* One expression over the row with n 2, t "quick thinking", no g. */
static const struct {
    const char *expr, *want; /* NULL: nothing */
} expressions[] = {
    {"1+2*3", "7"}, {"(1+2)*3", "9"}, {"2^3^2", "512"}, {"-2^2", "-4"}, {"7%4", "3"}, {"1/4", "0.25"},
    {"1/3", "0.333333333333"}, {"@n*10", "20"}, {"10-2-3", "5"}, {"1e3", "1000"}, {"'2'+2", "4"},
    {"2^70", "1.18059162072e+21"}, {"1 < 2 && 2 < 1", "0"}, {"1 > 2 || !0", "1"}, {"@n == 2", "1"},
    {"@user == 'bob'", "1"}, {"@user > \"abc\"", "1"}, {"'10' < '9'", "1"}, {"10 < '9'", "0"},
    {"@n!=2", "0"}, {"@g == NULL", "1"}, {"upper(@user)", "BOB"}, {"lower('aBC')", "abc"},
    {"substr(@t, 6, 3)", "thi"}, {"substr(@t,-3,2)", "in"}, {"substr(@t,0,-9)", "quick"},
    {"substr(@t,90,1)", ""}, {"strlen(@t)", "14"}, {"startswith(@t,'qu')", "1"},
    {"contains(@t,'i')", "3"}, {"contains('abc','')", "4"}, {"format('%s has %s%%',@user,@n)", "bob has 2%"},
    {"floor(2.7)", "2"}, {"ceil(2.1)", "3"}, {"abs(-3)", "3"}, {"sqrt(16)", "4"}, {"round(2.5)", "3"},
    {"log2(8)", "3"}, {"exp(0)", "1"}, {"log(1)", "0"}, {"exists(@g)", "0"}, {"exists(@n)", "1"},
    {"case(@n>1,'many','one')", "many"}, {"@g", NULL}, {"@g+1", NULL}, {"upper(@g)", NULL},
    {"timefmt(0)", "1970-01-01T00:00:00Z"}, {"timefmt(86400*365,'%Y/%m')", "1971/01"},
    {"parsetime('2026-01-02T03:04:05Z')", "1767323045"}, {"year(1767323045)", "2026"},
    {"hour(1767323045)", "1767322800"}, {"month(1767323045)", "1767225600"}, {"monthofyear(1767323045)", "0"},
    {"dayofweek(0)", "4"}, {"geodistance('13.361389,38.115556','15.087269,37.502669')", "166274.26"},
    {"to_number('3.50')", "3.5"}, {"strlen(to_str(12.5))", "4"},
};
static const char *const bad_expressions[] = {
    "1+", "(1", "nosuch(1)", "upper()", "upper(1,2)", "@", "'open", "1 2", "'a'+1", "abs('x')",
    "format('%d',1)", "format('%s')", "split('a')==1", "", "geodistance(1,2,3)",
};

static void applies(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    char words[512], want[256];
    fill(s);
    for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++) {
        const char *value = expressions[i].want;
        (void)snprintf(words, sizeof words, "FT.AGGREGATE~i~@user:{bob}~APPLY~%s~AS~x",
                       expressions[i].expr);
        const char *reply = ask_at(s, words, '~', 0, 1);
        if (value) (void)snprintf(want, sizeof want, "x\r\n$%zu\r\n%s\r\n", strlen(value), value);
        const bool ok = value ? strstr(reply, want) != NULL : !strstr(reply, "$1\r\nx\r\n");
        if (!ok || reply[0] == '-') fail_msg("%s: %s", expressions[i].expr, reply);
    }
    for (size_t i = 0; i < sizeof bad_expressions / sizeof *bad_expressions; i++) {
        (void)snprintf(words, sizeof words, "FT.AGGREGATE~i~*~APPLY~%s~AS~x", bad_expressions[i]);
        if (ask_at(s, words, '~', 0, 1)[0] != '-') fail_msg("%s is not refused", bad_expressions[i]);
    }
    ASK(s, "FT.AGGREGATE^i^*^FILTER^@n > 1 && exists(@t)^LOAD^1^@__key",
        "*2\r\n:1\r\n*6\r\n$1\r\nn\r\n$1\r\n2\r\n$1\r\nt\r\n$14\r\nquick thinking\r\n"
        "$5\r\n__key\r\n$3\r\nd:2\r\n");
    ASK(s, "FT.AGGREGATE^i^@n:[1 2]^APPLY^split(@t, ' ')^AS^w^GROUPBY^1^@w^REDUCE^COUNT^0^AS^c^"
           "SORTBY^4^@c^DESC^@w^ASC^LIMIT^0^2",
        "*3\r\n:2\r\n*4\r\n$1\r\nw\r\n$5\r\nquick\r\n$1\r\nc\r\n$1\r\n2\r\n"
        "*4\r\n$1\r\nw\r\n$3\r\nThe\r\n$1\r\nc\r\n$1\r\n1\r\n");
    ASK(s, "FT.AGGREGATE^i^*^GROUPBY^0^REDUCE^FIRST_VALUE^4^@user^BY^@n^DESC^AS^f^REDUCE^STDDEV^1^@n^AS^"
           "s^REDUCE^QUANTILE^2^@n^0.5^AS^q^REDUCE^COUNT_DISTINCTISH^1^@user^AS^d",
        "*2\r\n:1\r\n*8\r\n$1\r\nf\r\n$3\r\nann\r\n$1\r\ns\r\n$13\r\n1.25830573921\r\n"
        "$1\r\nq\r\n$1\r\n2\r\n$1\r\nd\r\n$1\r\n3\r\n");
    assert_non_null(strstr(ask(s, "FT.AGGREGATE^i^*^LOAD^*^LIMIT^0^1", 0, 0), "quick brown"));
    session_close_local(s);
    redis_free(redis);
}

static void words(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"cats", "1 2"}, {"@t:running", "2"}, {"\"cats\"", "2"}, {"runs", "2"}, {"happiness", "3"},
        {"the", ""}, {"the cat", "1 2"}, {"-the cat", "1 2"}, {"sat on a mat", "1"}, {"\"sat on the mat\"", "1"},
        {"@t|u:cat", "1 2"}, {"@u|t:blue", "3"}, {"@t:blue", ""}, {"@x|t:running", "2"}, {"@x:runs", ""},
        {"(cat mat)=>{$slop: 1; $inorder: true}", "1"}, {"(mat cat)=>{$slop:1;$inorder:true}", ""},
        {"(mat cat)=>{$slop: 1}", "1"}, {"(cat mat)=>{$slop: 0}", ""}, {"(cat|dog)=>{$weight: 2}", "1 2"},
    };
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    ASK(s, "FT.CREATE^i^PREFIX^1^d:^SCHEMA^t^TEXT^u^TEXT^WEIGHT^2^x^TEXT^NOSTEM", "+OK\r\n");
    (void)ask(s, "HSET^d:1^t^The cat sat on the mat^u^red", 0, 0);
    (void)ask(s, "HSET^d:2^t^Cats are running^u^green^x^running", 0, 0);
    (void)ask(s, "HSET^d:3^u^blue and happy", 0, 0);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        keys_are(s, table[i][0], table[i][1]);
    ASK(s, "FT.SEARCH^i^cats^VERBATIM^NOCONTENT", "*2\r\n:1\r\n$3\r\nd:2\r\n");
    ASK(s, "FT.SEARCH^i^the^NOSTOPWORDS^NOCONTENT", "*1\r\n:0\r\n");
    ASK(s, "FT.SEARCH^i^blue^INFIELDS^1^t^NOCONTENT", "*1\r\n:0\r\n");
    ASK(s, "FT.SEARCH^i^blue^INFIELDS^2^t^u^NOCONTENT", "*2\r\n:1\r\n$3\r\nd:3\r\n");
    ASK(s, "FT.SEARCH^i^mat cat^INORDER^NOCONTENT", "*1\r\n:0\r\n");
    ASK(s, "FT.SEARCH^i^cat mat^SLOP^1^INORDER^NOCONTENT", "*2\r\n:1\r\n$3\r\nd:1\r\n");
    ASK(s, "FT.SEARCH^i^cat mat^SLOP^0^NOCONTENT", "*1\r\n:0\r\n");
    ASK(s, "FT.SEARCH^i^cats^LANGUAGE^klingon", "-No such language klingon\r\n");
    ASK(s, "FT.SEARCH^i^cats^SCORER^HAMMING", "-No such scorer HAMMING\r\n");
    ASK(s, "FT.SEARCH^i^cats^EXPANDER^x", "-No such expander x\r\n");
    ASK(s, "FT.CREATE^j^STOPWORDS^1^cat^LANGUAGE^german^SCHEMA^t^TEXT", "+OK\r\n");
    (void)ask(s, "HSET^d:4^t^die Katze^u^x", 0, 0);
    ASK(s, "FT.SEARCH^j^Katzen^NOCONTENT", "*2\r\n:1\r\n$3\r\nd:4\r\n");
    ASK(s, "FT.SEARCH^j^cat^NOCONTENT", "*1\r\n:0\r\n");
    ASK(s, "FT.SEARCH^j^the sat^NOCONTENT", "*2\r\n:1\r\n$3\r\nd:1\r\n");
    ASK(s, "FT.CREATE^k^LANGUAGE^klingon^SCHEMA^t^TEXT", "-Unsupported language klingon\r\n");
    ASK(s, "FT.CREATE^k^SCHEMA^t^TEXT^PHONETIC^dm:en", "-PHONETIC is not supported near `dm:en`\r\n");
    session_close_local(s);
    redis_free(redis);
}

static void shown(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    ASK(s, "FT.CREATE^i^PREFIX^1^d:^SCHEMA^t^TEXT^u^TEXT", "+OK\r\n");
    (void)ask(s, "HSET^d:1^t^One cat, two cats; the dog.^u^cat", 0, 0);
    ASK(s, "FT.SEARCH^i^cat^RETURN^1^t^HIGHLIGHT",
        "*3\r\n:1\r\n$3\r\nd:1\r\n*2\r\n$1\r\nt\r\n$41\r\nOne <b>cat</b>, two <b>cats</b>; "
        "the dog.\r\n");
    ASK(s, "FT.SEARCH^i^@t:dog^HIGHLIGHT^FIELDS^1^t^TAGS^[^]",
        "*3\r\n:1\r\n$3\r\nd:1\r\n*4\r\n$1\r\nt\r\n$29\r\nOne cat, two cats; the [dog].\r\n"
        "$1\r\nu\r\n$3\r\ncat\r\n");
    ASK(s, "FT.SEARCH^i^dog^RETURN^1^t^SUMMARIZE^LEN^2^SEPARATOR^|^HIGHLIGHT",
        "*3\r\n:1\r\n$3\r\nd:1\r\n*2\r\n$1\r\nt\r\n$15\r\nthe <b>dog</b>|\r\n");
    ASK(s, "FT.SEARCH^i^*^RETURN^1^t^SUMMARIZE^LEN^2",
        "*3\r\n:1\r\n$3\r\nd:1\r\n*2\r\n$1\r\nt\r\n$7\r\nOne cat\r\n");
    session_close_local(s);
    redis_free(redis);
}

/* The score of the only hit. */
static double score_of(struct session *s, const char *query, const char *scorer)
{
    char words[128];
    (void)snprintf(words, sizeof words, "FT.SEARCH^i^%s^WITHSCORES^NOCONTENT^LIMIT^0^1^SCORER^%s", query,
                   scorer);
    const char *reply = ask(s, words, 0, 0), *at = strstr(reply, "d:");
    if (!at || !(at = strchr(at, '$')) || !(at = strchr(at, '\n'))) fail_msg("%s: %s", words, reply);
    return strtod(at + 1, NULL);
}

/* By hand: 3 documents of 4, 2 and 2 words, the scores 1, 0.5 and 1. */
static void scores(void **state)
{
    (void)state;
    static const struct {
        const char *query, *scorer;
        double want;
    } table[] = {
        /* idf ln(1 + 2.5/1.5), f 2, |d| 4, mean 8/3 */
        {"ape", "BM25STD", 0.980829253 * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 1.5))},
        {"ape", "TFIDF", 2 * 2 / 2.0}, /* exponent of 1 + 4/1 is 2; the commonest stands twice */
        {"ape", "TFIDF.DOCNORM", 2 * 2 / 4.0},
        {"ape", "DISMAX", 2},
        {"ape", "DOCSCORE", 1},
        {"ape bee", "TFIDF", (2 * 2 + 1 * 1) / 2.0 / 2}, /* two words apart at least */
        {"cow", "DOCSCORE", 0.5},
        {"cow", "BM25STD.NORM", 1},
        {"ape", "BM25STD.TANH", 0.287274}, /* tanh of the first over 4 */
    };
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    ASK(s, "FT.CREATE^i^PREFIX^1^d:^SCORE_FIELD^s^SCHEMA^t^TEXT", "+OK\r\n");
    (void)ask(s, "HSET^d:1^t^ape ape eel bee", 0, 0);
    (void)ask(s, "HSET^d:2^t^cow dog^s^0.5", 0, 0);
    (void)ask(s, "HSET^d:3^t^dog bee^s^7", 0, 0);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const double got = score_of(s, table[i].query, table[i].scorer);
        if (fabs(got - table[i].want) > 1e-4)
            fail_msg("%s %s: %g, want %g", table[i].query, table[i].scorer, got, table[i].want);
    }
    session_close_local(s);
    redis_free(redis);
}

/* FILTER and SKIPINITIALSCAN of FT.CREATE. */
static void chosen_documents(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    (void)ask(s, "HSET^d:1^n^1^k^a", 0, 0);
    (void)ask(s, "HSET^d:2^n^20^k^b", 0, 0);
    ASK(s, "FT.CREATE^i^PREFIX^1^d:^FILTER^@n > 5 && @k != 'c'^SCHEMA^n^NUMERIC", "+OK\r\n");
    ASK(s, "FT.CREATE^later^PREFIX^1^d:^SKIPINITIALSCAN^SCHEMA^n^NUMERIC", "+OK\r\n");
    keys_are(s, "*", "2");
    (void)ask(s, "HSET^d:1^n^9", 0, 0);
    (void)ask(s, "HSET^d:2^k^c", 0, 0);
    keys_are(s, "*", "1");
    ASK(s, "FT.SEARCH^later^*^NOCONTENT^SORTBY^n", "*3\r\n:2\r\n$3\r\nd:1\r\n$3\r\nd:2\r\n");
    (void)ask(s, "DEL^d:2", 0, 0);
    ASK(s, "FT.SEARCH^later^*^NOCONTENT", "*2\r\n:1\r\n$3\r\nd:1\r\n");
    (void)ask(s, "HSET^d:5^n^1", 0, 0);
    ASK(s, "FT.CREATE^never^PREFIX^1^d:^SKIPINITIALSCAN^SCHEMA^n^NUMERIC", "+OK\r\n");
    ASK(s, "FT.SEARCH^never^*^NOCONTENT", "*1\r\n:0\r\n");
    assert_int_equal(ask(s, "FT.CREATE^bad^FILTER^@n >^SCHEMA^n^NUMERIC", 0, 0)[0], '-');
    static const char *const refused[][2] = {
        {"TEMPORARY^5^SCHEMA^n^NUMERIC", "TEMPORARY"},
        {"SCHEMA^t^TEXT^PHONETIC^dm:en", "PHONETIC"},
        {"SCHEMA^g^GEOSHAPE^FLAT", "GEOSHAPE"},
        {"ASYNC^SCHEMA^n^NUMERIC", "ASYNC"},
        {"INDEXALL^SCHEMA^n^NUMERIC", "INDEXALL"},
        {"SCHEMA^v^VECTOR^SVS-VAMANA^6^TYPE^FLOAT32^DIM^2^DISTANCE_METRIC^L2", "SVS-VAMANA"},
        {"SCHEMA^v^VECTOR^FLAT^6^TYPE^INT8^DIM^2^DISTANCE_METRIC^L2", "INT8"},
        {"SCHEMA^v^VECTOR^FLAT^8^TYPE^FLOAT32^DIM^2^DISTANCE_METRIC^L2^COMPRESSION^x",
         "COMPRESSION"},
        {"SCHEMA^n^NUMERIC^UNHEARD^OF", "OF"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) { /* by name */
        char words[256];
        (void)snprintf(words, sizeof words, "FT.CREATE^bad^%s", refused[i][0]);
        assert_int_equal(ask(s, words, 0, 0)[0], '-');
        ASK_HAS(s, words, refused[i][1]);
    }
    ASK(s, "FT.CREATE^all^INDEXALL^ENABLE^SCHEMA^n^NUMERIC", "+OK\r\n");
    session_close_local(s);
    redis_free(redis);
}

static void altered(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    fill(s);
    ASK(s, "FT.ALIASADD^other^i", "+OK\r\n");
    ASK(s, "FT.ALTER^i^SCHEMA^ADD^c^TAG^m^NUMERIC^SORTABLE", "+OK\r\n");
    (void)ask(s, "HSET^d:1^c^x,y^m^4", 0, 0);
    keys_are(s, "@c:{x} @m:[4 4]", "1");
    keys_are(s, "*=>[KNN 2 @v $v]", "1 2");
    ASK(s, "FT.SEARCH^other^@c:{y}^LIMIT^0^0", "*1\r\n:1\r\n");
    ASK(s, "FT.ALTER^i^SCHEMA^ADD^c^TAG", "-Duplicate field in schema near `TAG`\r\n");
    keys_are(s, "@c:{x}", "1");
    ASK(s, "FT.ALTER^none^SCHEMA^ADD^c^TAG", "-Unknown index name (index not found)\r\n");
    ASK(s, "FT.TAGVALS^i^c", "*2\r\n$1\r\nx\r\n$1\r\ny\r\n");
    session_close_local(s);
    redis_free(redis);
}

static void explained(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    fill(s);
    const char *want = "INTERSECT {\n  @t:UNION {\n    cats\n    +cat(expanded)\n  }\n  UNION {\n"
                       "    NUMERIC {1.000000 <= @n < inf}\n    NOT {\n      TAG:@user {\n        ann\n"
                       "        PREFIX{b*}\n      }\n    }\n  }\n}\n";
    char reply[512];
    (void)snprintf(reply, sizeof reply, "$%zu\r\n%s\r\n", strlen(want), want);
    ASK(s, "FT.EXPLAIN^i^@t:cats (@n:[1 (inf] | -@user:{ann|b*})", reply);
    ASK(s, "FT.EXPLAINCLI^i^quick^VERBATIM", "*1\r\n$5\r\nquick\r\n");
    ASK(s, "FT.EXPLAINCLI^i^*=>[KNN 3 @v $v AS d]^PARAMS^2^v^%v",
        "*3\r\n$63\r\nVECTOR {K=3 nearest vectors in field @v, yields distance as `d`\r\n"
        "$12\r\n  <WILDCARD>\r\n$1\r\n}\r\n");
    assert_int_equal(ask(s, "FT.EXPLAIN^i^(", 0, 0)[0], '-');
    session_close_local(s);
    redis_free(redis);
}

static double info_of(struct session *s, const char *name)
{
    const char *at = strstr(ask(s, "FT.INFO^i", 0, 0), name);
    if (!at) fail_msg("no %s", name);
    at = strchr(strchr(at, '\n'), '\n');
    at = at[1] == '$' ? strchr(at + 1, '\n') + 1 : at + 2;
    return strtod(at, NULL);
}

/* What an index takes is in used_memory, shows in FT.INFO, and goes with it. */
static void sizes(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    fill(s);
    (void)ask(s, "FT.DROPINDEX^i", 0, 0);
    const size_t before = heap_used(cache_heap(redis->cache));
    ASK(s, "FT.CREATE^i^ON^HASH^PREFIX^1^d:^SCHEMA^user^TAG^t^TEXT^n^NUMERIC^v^VECTOR^FLAT^6^TYPE^"
           "FLOAT32^DIM^2^DISTANCE_METRIC^L2", "+OK\r\n");
    keys_are(s, "*", "1 2 3");
    const size_t with = heap_used(cache_heap(redis->cache)), total = with - before;
    assert_true(with > before + 500);
    const double reported = info_of(s, "total_index_memory_sz_mb") * 1048576;
    if (fabs(reported - (double)total) > 1) fail_msg("%g is not %zu", reported, total);
    assert_true(info_of(s, "vector_index_sz_mb") * 1048576 >= 3 * 2 * 4);
    assert_true(info_of(s, "num_records") == 9);
    (void)ask(s, "HSET^d:9^t^one two three^user^x", 0, 0);
    assert_true(info_of(s, "num_records") == 13);
    (void)ask(s, "DEL^d:9", 0, 0);
    assert_true(info_of(s, "num_records") == 9);
    (void)ask(s, "FT.DROPINDEX^i", 0, 0);
    assert_int_equal(heap_used(cache_heap(redis->cache)), before);
    session_close_local(s);
    redis_free(redis);
}

static void run_words(struct session *s, const char *words)
{
    struct kith_str argv[32];
    size_t argc = 0;
    struct buffer out;
    buffer_init(&out);
    for (const char *at = words; argc < 32; at++) {
        argv[argc++] = (struct kith_str){at, strcspn(at, "^")};
        at += argv[argc - 1].len;
        if (!*at) break;
    }
    const int rc = session_run(s, argv, argc, &out);
    assert_true(rc == 0 || rc == KITH_ENOMEM);
    buffer_release(&out);
}

/* Without memory at every place: an error or an answer, and the index is right afterwards. */
static void no_memory(void **state)
{
    (void)state;
    static const char *const commands[] = {
        "FT.CREATE^i^PREFIX^1^d:^FILTER^@n > 0^STOPWORDS^1^it^SCORE_FIELD^n^SCHEMA^t^TEXT^n^NUMERIC",
        "HSET^d:1^t^cats like it here^n^0.5",
        "HSET^d:2^t^a happy cat^n^1",
        "FT.SEARCH^i^(cat|dog) @n:[0 9]^SCORER^TFIDF^LANGUAGE^french^INFIELDS^1^t^SLOP^3^HIGHLIGHT",
        "FT.SEARCH^i^cat^SUMMARIZE^LEN^2^SORTBY^n",
        "FT.AGGREGATE^i^*^APPLY^upper(format('%s-%s',@t,@n+1))^AS^x^APPLY^split(@t,' ')^AS^w^FILTER^@n>0^"
        "GROUPBY^1^@w^REDUCE^TOLIST^1^@x^AS^l^REDUCE^QUANTILE^2^@n^0.5^AS^q^WITHCURSOR^COUNT^1",
        "FT.EXPLAINCLI^i^@t:(cat \"here it is\") -dog*",
        "FT.ALTER^i^SCHEMA^ADD^u^TAG",
        "FT.INFO^i",
    };
    struct redis *redis = door_open();
    bool reached = true;
    for (uint64_t n = 1; reached; n++) {
        struct session *s = session_open_local(redis);
        alloc_fault_arm(n, false);
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) run_words(s, commands[i]);
        reached = alloc_fault_count() >= n;
        alloc_fault_disarm();
        run_words(s, "FT.DROPINDEX^i");
        for (size_t i = 0; i < 3; i++) run_words(s, commands[i]);
        keys_are(s, "cat", "2 1");
        run_words(s, "FT.DROPINDEX^i^DD");
        session_close_local(s);
        if (!reached) assert_in_range(n, 100, 20000);
    }
    redis_free(redis);
}

static void idle_cursors(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    fill(s);
    const char *ask_one = "FT.AGGREGATE^i^*^LOAD^1^@n^WITHCURSOR^COUNT^1^MAXIDLE^1";
    assert_non_null(strstr(ask(s, ask_one, 0, 0), ":1\r\n"));
    (void)ask(s, "SET^gone^1^PX^1", 0, 0);
    while (door_reply(s, "EXISTS gone")[1] == '1') continue;
    ASK(s, "FT.CURSOR^READ^i^1", "-Cursor not found, id: 1\r\n");
    session_close_local(s);
    redis_free(redis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries),
        cmocka_unit_test(follows),
        cmocka_unit_test(replies),
        cmocka_unit_test(json),
        cmocka_unit_test(aggregates),
        cmocka_unit_test(applies),
        cmocka_unit_test(words),
        cmocka_unit_test(shown),
        cmocka_unit_test(scores),
        cmocka_unit_test(chosen_documents),
        cmocka_unit_test(altered),
        cmocka_unit_test(explained),
        cmocka_unit_test(sizes),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(idle_cursors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
