/* Paths into JSON documents: slices, unions, filters, descents; and the commands of arrays, texts,
 * booleans and numbers. */
#include "redis/door.h"

#include <stdio.h>

#include "base/alloc.h"

static void run(struct session *s, const char *name, const char *key, const char *path,
                struct buffer *out)
{
    const struct kith_str argv[3] = {
        {name, strlen(name)}, {key, strlen(key)}, {path, strlen(path)}};
    buffer_init(out);
    assert_int_equal(session_run(s, argv, 3, out), 0);
    buffer_put_u8(out, 0);
}

static void selects(struct session *s, const char *path, const char *want)
{
    struct buffer out;
    char due[512];
    (void)snprintf(due, sizeof due, "$%zu\r\n%s\r\n", strlen(want), want);
    run(s, "JSON.GET", "d", path, &out);
    if (strcmp((const char *)out.data, due) != 0)
        fail_msg("%s: got %s, want %s", path, (const char *)out.data, due);
    buffer_release(&out);
}

#define STORE                                                                                      \
    "{\"store\":{\"book\":[{\"t\":\"Sayings\",\"c\":\"ref\",\"p\":8.95},"                          \
    "{\"t\":\"Sword\",\"c\":\"fic\",\"p\":12.99},"                                                 \
    "{\"t\":\"Moby\",\"c\":\"fic\",\"isbn\":\"0-553\",\"p\":8.99},"                                \
    "{\"t\":\"Rings\",\"c\":\"fic\",\"isbn\":\"0-395\",\"p\":22.99}],"                             \
    "\"bicycle\":{\"color\":\"red\",\"p\":19.95}},\"max\":10,\"n\":[0,1,2,3,4,5],\"e\":[],"        \
    "\"mix\":[null,true,\"x\",{\"a\":1},[1,2]]}"

static void fill(struct session *s)
{
    const struct kith_str argv[4] = {
        {"JSON.SET", 8}, {"d", 1}, {"$", 1}, {STORE, sizeof STORE - 1}};
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(session_run(s, argv, 4, &out), 0);
    assert_int_equal(out.data[0], '+');
    buffer_release(&out);
}

static void paths(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"$.n[1:3]", "[1,2]"}, {"$.n[:2]", "[0,1]"}, {"$.n[4:]", "[4,5]"}, {"$.n[-2:]", "[4,5]"},
        {"$.n[:-4]", "[0,1]"}, {"$.n[::2]", "[0,2,4]"}, {"$.n[1:5:3]", "[1,4]"},
        {"$.n[9:]", "[]"}, {"$.n[-9:2]", "[0,1]"}, {"$.n[ 1 : 3 ]", "[1,2]"}, {"$.n[:]",
        "[0,1,2,3,4,5]"}, {"$.e[0:3]", "[]"}, {"$.max[0:1]", "[]"},
        {"$.n[0,2,-1]", "[0,2,5]"}, {"$.n[5,0:2]", "[0,1,5]"}, {"$.n[1,1]", "[1]"},
        {"$.store.book[0]['t','p']", "[\"Sayings\",8.95]"}, {"$['max','none']", "[10]"},
        {"$.store.book[?(@.isbn)].t", "[\"Moby\",\"Rings\"]"},
        {"$.store.book[?(!@.isbn)].t", "[\"Sayings\",\"Sword\"]"},
        {"$.store.book[?(@.p < 10)].t", "[\"Sayings\",\"Moby\"]"},
        {"$.store.book[?(@.p<$.max)].t", "[\"Sayings\",\"Moby\"]"},
        {"$.store.book[?@.p > 10 && @.c=='fic'].t", "[\"Sword\",\"Rings\"]"},
        {"$.store.book[?(@.t == \"Moby\" || (@.p >= 22.99 && @.p <= 22.99))].p", "[8.99,22.99]"},
        {"$.store.book[?(@.c!='fic')].t", "[\"Sayings\"]"},
        {"$.store.book[?('fic' == @.c)][?(@ == 'Moby')]", "[\"Moby\"]"},
        {"$.store.book[?(@.t=='Mo\\by')].p", "[]"}, {"$.store.book[?(@['t']>='R')].t",
        "[\"Sayings\",\"Sword\",\"Rings\"]"},
        {"$..book[?(@.p>20)].t", "[\"Rings\"]"}, {"$..[?(@.color)].p", "[19.95]"},
        {"$..p", "[8.95,12.99,8.99,22.99,19.95]"}, {"$..book[-1].t", "[\"Rings\"]"},
        {"$..*[?(@ == 'red')]", "[\"red\"]"}, {"$.n[?(@ > 3)]", "[4,5]"},
        {"$.n[?(@==1.0)]", "[1]"}, {"$.n[?(@ == -1)]", "[]"}, {"$.mix[?(@ == null)]", "[null]"},
        {"$.mix[?(@==true)]", "[true]"}, {"$.mix[?(@.a==1)]", "[{\"a\":1}]"},
        {"$.mix[?(@[1] == 2)]", "[[1,2]]"}, {"$.mix[?(@ == $.mix[4])]", "[[1,2]]"},
        {"$.mix[?(@ < 'y')]", "[\"x\"]"}, {"$.mix[?(@.none == @.other)]", "[]"},
        {"$.n[?(@ in 3)]", NULL}, {"$.n[?(@ > )]", NULL}, {"$.n[?]", NULL}, {"$.n[?(@ > 3]", NULL},
        {"$.n[?(@ > 3)", NULL}, {"$.n[1:2:0]", NULL}, {"$.n[1:2:-1]", NULL}, {"$.n[1,]", NULL},
        {"$.n[?(@ =~ 'x')]", NULL}, {"$.n[?(@ == 'x)]", NULL}, {"$.n[?(@ == 1e999x)]", NULL},
        {"$[?(@[?(@[?(@[?(@)])])])]", NULL},
        {"$[?((((((((((((((((((@)))))))))))))))))))]", NULL}, {"$.n[?(@ == '\\u0041')]", NULL},
    };
    struct redis *redis;
    struct session *s = door_open_one(&redis);
    fill(s);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct buffer out;
        if (table[i][1]) {
            selects(s, table[i][0], table[i][1]);
            continue;
        }
        run(s, "JSON.GET", "d", table[i][0], &out);
        if (out.data[0] != '-') fail_msg("%s gave %s", table[i][0], (const char *)out.data);
        buffer_release(&out);
    }
    selects(s, ".store.book[?(@.p<9)].t", "\"Sayings\""); /* a legacy path: one value */
    door_close_one(redis, s);
}

/* Changes at what filters and slices select, inner values before outer ones. */
static void changes(void **state)
{
    (void)state;
    struct redis *redis;
    struct session *s = door_open_one(&redis);
    fill(s);
    EXPECT(s, "JSON.SET d $.store.book[?(@.p<10)].p 1", "+OK\r\n");
    EXPECT(s, "JSON.NUMINCRBY d $..book[0:2].p 1", "$9\r\n[2,13.99]\r\n");
    EXPECT(s, "JSON.NUMMULTBY d $.n[1:4] 3", "$7\r\n[3,6,9]\r\n");
    EXPECT(s, "JSON.NUMMULTBY d max 2.5", "$4\r\n25.0\r\n");
    EXPECT(s, "JSON.DEL d $.n[::2]", ":3\r\n");
    selects(s, "$.n", "[[3,9,5]]");
    EXPECT(s, "JSON.DEL d $.store.book[?(@.isbn)]", ":2\r\n");
    EXPECT(s, "JSON.DEL d $..[?(@.t)]", ":2\r\n");
    selects(s, "$..book", "[[]]");
    EXPECT(s, "JSON.DEL d $.mix[4,3]", ":2\r\n");
    selects(s, "$.mix", "[[null,true,\"x\"]]");
    EXPECT(s, "JSON.DEL d '$..[0,1]'", ":4\r\n");
    door_close_one(redis, s);
}

static void arrays(void **state)
{
    (void)state;
    struct redis *redis;
    struct session *s = door_open_one(&redis);
    EXPECT(s, "JSON.SET d $ '{\"a\":[1,2],\"b\":{\"a\":[3]},\"c\":{\"a\":\"x\"}}'", "+OK\r\n");
    EXPECT(s, "JSON.ARRINSERT d $..a 1 '\"i\"' null", "*3\r\n:4\r\n:3\r\n$-1\r\n");
    selects(s, "$", "[{\"a\":[1,\"i\",null,2],\"b\":{\"a\":[3,\"i\",null]},\"c\":{\"a\":\"x\"}}]");
    EXPECT(s, "JSON.ARRINSERT d .a -1 7", ":5\r\n");
    selects(s, "$.a", "[[1,\"i\",null,7,2]]");
    EXPECT(s, "JSON.ARRINSERT d $..a 9 1", "-ERR index out of bounds\r\n");
    EXPECT(s, "JSON.ARRINDEX d $..a null", "*3\r\n:2\r\n:2\r\n$-1\r\n");
    EXPECT(s, "JSON.ARRINDEX d .a 2.0", ":4\r\n");
    EXPECT(s, "JSON.ARRINDEX d .a 1 1", ":-1\r\n");
    EXPECT(s, "JSON.ARRINDEX d .a 7 0 -1", ":3\r\n");
    EXPECT(s, "JSON.ARRINDEX d .a 2 0 -1", ":-1\r\n");
    EXPECT(s, "JSON.ARRPOP d $..a", "*3\r\n$1\r\n2\r\n$4\r\nnull\r\n$-1\r\n");
    EXPECT(s, "JSON.ARRPOP d .a 1", "$3\r\n\"i\"\r\n");
    EXPECT(s, "JSON.ARRPOP d .a -9", "$1\r\n1\r\n");
    EXPECT(s, "JSON.ARRPOP d .c.a",
           "-WRONGTYPE wrong type of path value - expected array but found string\r\n");
    EXPECT(s, "JSON.ARRAPPEND d .a 1 2 3 4", ":6\r\n");
    EXPECT(s, "JSON.ARRTRIM d .a 2 4", ":3\r\n");
    selects(s, "$.a", "[[1,2,3]]");
    EXPECT(s, "JSON.ARRTRIM d $..a -2 99", "*3\r\n:2\r\n:2\r\n$-1\r\n");
    EXPECT(s, "JSON.ARRTRIM d .a 5 9", ":0\r\n");
    EXPECT(s, "JSON.ARRPOP d .a", "$-1\r\n");
    EXPECT(s, "JSON.ARRPOP none", "-ERR could not perform this operation on a key that doesn't "
                                  "exist\r\n");
    EXPECT(s, "JSON.ARRPOP d .none", "-ERR Path '.none' does not exist\r\n");
    door_close_one(redis, s);
}

static void others(void **state)
{
    (void)state;
    struct redis *redis;
    struct session *s = door_open_one(&redis);
    EXPECT(s, "JSON.SET d $ '{\"s\":\"ab\",\"t\":true,\"n\":5,\"z\":0,\"o\":{\"s\":\"c\",\"l\":"
              "[1]}}'", "+OK\r\n");
    EXPECT(s, "JSON.STRAPPEND d $..s '\"-x\"'", "*2\r\n:4\r\n:3\r\n");
    EXPECT(s, "JSON.STRAPPEND d .s '\"y\"'", ":5\r\n");
    EXPECT(s, "JSON.STRAPPEND d .s 5", "-ERR expected a JSON string\r\n");
    selects(s, "$..s", "[\"ab-xy\",\"c-x\"]");
    EXPECT(s, "JSON.TOGGLE d $.t", "*1\r\n:0\r\n");
    EXPECT(s, "JSON.TOGGLE d .t", "$4\r\ntrue\r\n");
    EXPECT(s, "JSON.TOGGLE d $.*", "*5\r\n$-1\r\n:0\r\n$-1\r\n$-1\r\n$-1\r\n");
    EXPECT(s, "JSON.RESP d .o",
           "*5\r\n+{\r\n$1\r\ns\r\n$3\r\nc-x\r\n$1\r\nl\r\n*2\r\n+[\r\n:1\r\n");
    EXPECT(s, "JSON.RESP d $.t", "*1\r\n+false\r\n");
    EXPECT(s, "JSON.CLEAR d $.*", ":2\r\n"); /* n and o: a text stays, 0 is 0 already */
    selects(s, "$", "[{\"s\":\"ab-xy\",\"t\":false,\"n\":0,\"z\":0,\"o\":{}}]");
    EXPECT(s, "JSON.CLEAR d", ":1\r\n");
    selects(s, "$", "[{}]");
    EXPECT(s, "JSON.CLEAR d", ":0\r\n");
    EXPECT(s, "JSON.DEBUG MEMORY none", ":0\r\n");
    EXPECT_HAS(s, "JSON.DEBUG MEMORY d", ":");
    door_close_one(redis, s);
}

/* Each value of a large document against all of it: refused when it has taken long enough. */
static void bounded(void **state)
{
    (void)state;
    struct redis *redis;
    struct session *s = door_open_one(&redis);
    struct buffer text, out;
    buffer_init(&text);
    buffer_put_u8(&text, '[');
    for (int i = 0; i < 5000; i++) buffer_printf(&text, "%s%d", i ? "," : "", i);
    buffer_put_u8(&text, ']');
    const struct kith_str argv[4] = {
        {"JSON.SET", 8}, {"d", 1}, {"$", 1}, {(const char *)text.data, text.len}};
    buffer_init(&out);
    assert_int_equal(session_run(s, argv, 4, &out), 0);
    buffer_release(&out);
    buffer_release(&text);
    selects(s, "$[?(@ > 4998)]", "[4999]");
    EXPECT(s, "JSON.GET d $[?($[?(@==-1)])]", "-ERR the path looks at too many values\r\n");
    EXPECT(s, "JSON.DEL d $[?(@==$[*])]", "-ERR the path looks at too many values\r\n");
    EXPECT(s, "JSON.SET d $[?(@==$[*])] 1", "-ERR the path looks at too many values\r\n");
    EXPECT(s, "JSON.MERGE d $[?(@==$[*])] 1", "-ERR the path looks at too many values\r\n");
    EXPECT(s, "JSON.ARRLEN d", ":5000\r\n");
    door_close_one(redis, s);
}

static void no_memory(void **state)
{
    (void)state;
    static const char *const table[] = {
        "JSON.GET d $..book[?(@.p<$.max)].t", "JSON.ARRINSERT d $..book 0 1 [2]",
        "JSON.STRAPPEND d $..t '\"x\"'", "JSON.ARRPOP d $..book", "JSON.DEL d $..[?(@.t=='x')]",
        "JSON.RESP d $..book[0,1]"};
    struct redis *redis;
    struct session *s = door_open_one(&redis);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (uint64_t n = 1;; n++) {
            struct buffer out;
            fill(s);
            buffer_init(&out);
            alloc_fault_arm(n, false);
            (void)!session_feed(s, table[i], strlen(table[i]), &out);
            (void)!session_feed(s, "\r\n", 2, &out);
            const bool reached = alloc_fault_count() >= n;
            alloc_fault_disarm();
            buffer_release(&out);
            session_close_local(s); /* a reply for which there is no memory closes it */
            s = session_open_local(redis);
            if (!reached) break;
        }
    door_close_one(redis, s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),  cmocka_unit_test(changes), cmocka_unit_test(arrays),
        cmocka_unit_test(others), cmocka_unit_test(bounded), cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
