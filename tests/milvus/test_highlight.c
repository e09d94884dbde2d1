/*
 * Highlights of a full-text search: marks, fragments in characters, texts beside the query, nulls,
 * and what is refused. The collection is made over RESTful v2, searches are messages of gRPC.
 */
#include "milvus/rows_fixture.h"

#include "milvus/quoted.h"

typedef Milvus__Proto__Milvus__SearchResults SearchResults;
typedef Milvus__Proto__Common__HighlightResult HighlightResult;

static struct door door; /* borrows the server's */

static const char schema[] =
    "{'collectionName':'b','schema':{'fields':["
    "{'fieldName':'id','dataType':'Int64','isPrimary':true},"
    "{'fieldName':'t','dataType':'VarChar','nullable':true,'elementTypeParams':"
    "{'max_length':1000,'enable_analyzer':true}},"
    "{'fieldName':'e','dataType':'VarChar','elementTypeParams':{'max_length':1000,"
    "'enable_analyzer':true,'analyzer_params':{'type':'english'}}},"
    "{'fieldName':'plain','dataType':'VarChar','elementTypeParams':{'max_length':10}},"
    "{'fieldName':'s','dataType':'SparseFloatVector'},"
    "{'fieldName':'v','dataType':'FloatVector','elementTypeParams':{'dim':2}}],"
    "'functions':[{'name':'f','type':'BM25','inputFieldNames':['t'],'outputFieldNames':['s']}]},"
    "'indexParams':[{'fieldName':'s','metricType':'BM25'},{'fieldName':'v','metricType':'L2'}]}";

#define LONG "one two three four five six seven eight nine ten red eleven twelve thirteen red"

static const char rows[] =
    "{'collectionName':'b','data':["
    "{'id':1,'t':'The Red fox, red!','e':'running foxes','plain':'x','v':[1,0]},"
    "{'id':2,'t':'gr\\u00fcn \\u00e4\\u00e4\\u00e4 red \\u00e4\\u00e4\\u00e4','e':'he runs',"
    "'plain':'x','v':[2,0]},"
    "{'id':3,'t':'" LONG "','e':'none','plain':'x','v':[3,0]},"
    "{'id':4,'t':null,'e':'a run','plain':'x','v':[4,0]}]}";

static int setup(void **state)
{
    (void)state;
    quoted_open();
    says("collections/create", schema, OK);
    has("entities/insert", rows, "'insertCount':4");
    memset(&door, 0, sizeof door);
    arena_init(&door.arena);
    door.milvus = server->milvus;
    door.call = (struct milvus_call){ .milvus = server->milvus, .database = "default",
                                      .arena = &door.arena, .peer = "test" };
    auth_anonymous(&door.call.principal);
    return 0;
}

static int teardown(void **state)
{
    arena_release(&door.arena);
    return quoted_close(state);
}

static void *make(const ProtobufCMessageDescriptor *kind) { return door_new(&door, kind); }

/* Of the field s (a text) or v (two floats); pairs of the highlighter follow. */
static SearchResults *search(const char *field, const void *query, size_t len, MilvusPair **pairs,
                             size_t count)
{
    Milvus__Proto__Common__PlaceholderValue *value =
        make(&milvus__proto__common__placeholder_value__descriptor);
    Milvus__Proto__Common__PlaceholderGroup *group =
        make(&milvus__proto__common__placeholder_group__descriptor);
    ProtobufCBinaryData queries[1] = { { len, (uint8_t *)(uintptr_t)query } };
    value->tag = (char *)(uintptr_t)"$0";
    value->type = strcmp(field, "s") ? MILVUS__PROTO__COMMON__PLACEHOLDER_TYPE__FloatVector
                                     : MILVUS__PROTO__COMMON__PLACEHOLDER_TYPE__VarChar;
    value->values = queries;
    value->n_values = 1;
    group->placeholders = &value;
    group->n_placeholders = 1;
    Milvus__Proto__Milvus__SearchRequest *in = make(&MESSAGE(search_request__descriptor));
    in->collection_name = (char *)(uintptr_t)"b";
    in->search_input_case = MILVUS__PROTO__MILVUS__SEARCH_REQUEST__SEARCH_INPUT_PLACEHOLDER_GROUP;
    in->placeholder_group.data = arena_zalloc(&door.arena, 4096);
    in->placeholder_group.len =
        milvus__proto__common__placeholder_group__pack(group, in->placeholder_group.data);
    in->search_params = door_pairs(&door, &in->n_search_params, "topk", "10", "anns_field", field,
                                   "order_by_fields", "id", (char *)NULL);
    in->highlighter = make(&milvus__proto__common__highlighter__descriptor);
    in->highlighter->params = pairs;
    in->highlighter->n_params = count;
    return door_rpc(&door, "Search", in);
}

static SearchResults *words(const char *query, size_t count, MilvusPair **pairs)
{
    return search("s", query, strlen(query), pairs, count);
}

static void row_is(const HighlightResult *of, size_t row, size_t count, const char *first)
{
    assert_true(row < of->n_datas);
    const Milvus__Proto__Common__HighlightData *data = of->datas[row];
    if (data->n_fragments != count || (count && strcmp(data->fragments[0], first) != 0))
        fail_msg("%zu '%s', not %zu '%s'", data->n_fragments,
                 data->n_fragments ? data->fragments[0] : "", count, first);
}

static const HighlightResult *only(const SearchResults *out)
{
    if (out->status->code) fail_msg("%s", out->status->reason);
    assert_int_equal(out->results->n_highlight_results, 1);
    assert_int_equal(out->results->highlight_results[0]->n_datas, out->results->n_scores);
    return out->results->highlight_results[0];
}

static void test_search_text(void **state)
{
    (void)state;
    size_t n;
    MilvusPair **pairs = door_pairs(&door, &n, "highlight_search_text", "true", (char *)NULL);
    const HighlightResult *marks = only(words("red", n, pairs));
    assert_string_equal(marks->field_name, "t");
    assert_int_equal(marks->n_datas, 3);
    row_is(marks, 0, 1, "<em>Red</em> fox, <em>red</em>!");
    row_is(marks, 1, 1, "<em>red</em> \u00e4\u00e4\u00e4");
    row_is(marks, 2, 1, "<em>red</em> eleven twelve thirteen <em>red</em>");
    pairs = door_pairs(&door, &n, "highlight_search_text", "True", "pre_tags", "[\"{\",\"<\"]",
                       "post_tags", "[\"}\"]", "num_of_fragments", "0", (char *)NULL);
    marks = only(words("red fox", n, pairs));
    row_is(marks, 0, 1, "The {Red} <fox}, {red}!");
    row_is(marks, 2, 1, "one two three four five six seven eight nine ten {red} eleven twelve "
                        "thirteen <red}");
}

static void test_fragments(void **state)
{
    (void)state;
    size_t n;
    MilvusPair **pairs =
        door_pairs(&door, &n, "highlight_search_text", "1", "fragment_size", "8",
                   "fragment_offset", "4", (char *)NULL);
    const HighlightResult *marks = only(words("red", n, pairs));
    row_is(marks, 0, 2, "The <em>Red</em> ");
    assert_string_equal(marks->datas[0]->fragments[1], "ox, <em>red</em>!");
    row_is(marks, 1, 1, "\u00e4\u00e4\u00e4 <em>red</em> "); /* characters, not bytes */
    row_is(marks, 2, 2, "ten <em>red</em> ");
    pairs = door_pairs(&door, &n, "highlight_search_text", "1", "fragment_size", "1",
                       "num_of_fragments", "1", (char *)NULL);
    row_is(only(words("red", n, pairs)), 2, 1, "<em>red</em>");
}

static void test_queries(void **state)
{
    (void)state;
    static const char queries[] = "[{\"type\":\"TextMatch\",\"field\":\"e\",\"text\":\"run\"}]";
    static const float vector[2] = { 0, 0 };
    size_t n;
    MilvusPair **pairs = door_pairs(&door, &n, "highlight_query", queries, (char *)NULL);
    const HighlightResult *marks = only(search("v", vector, sizeof vector, pairs, n));
    assert_string_equal(marks->field_name, "e"); /* stems: running, runs, run */
    row_is(marks, 0, 1, "<em>running</em> foxes");
    row_is(marks, 1, 1, "<em>runs</em>");
    row_is(marks, 2, 0, "");
    row_is(marks, 3, 1, "<em>run</em>");
    pairs = door_pairs(&door, &n, "highlight_query", queries, "highlight_search_text", "true",
                       (char *)NULL);
    assert_int_equal(words("red", n, pairs)->results->n_highlight_results, 2);
}

static void refuses(const char *key, const char *value, int code, const char *text)
{
    static const float vector[2] = { 0, 0 };
    size_t n;
    MilvusPair **pairs = door_pairs(&door, &n, key, value, (char *)NULL);
    const MilvusStatus *status = search("v", vector, sizeof vector, pairs, n)->status;
    if (status->code != code || !strstr(status->reason, text))
        fail_msg("%s: %d %s", value, status->code, status->reason);
}

static void test_refused(void **state)
{
    (void)state;
    refuses("highlight_search_text", "true", MILVUS_INVALID,
            "Search highlight only support with metric type \"BM25\" but was: \"L2\"");
    refuses("highlight_search_text", "perhaps", MILVUS_INVALID, "as bool failed");
    refuses("pre_tags", "[]", MILVUS_INVALID, "pre_tags cannot be empty list");
    refuses("post_tags", "[1]", MILVUS_INVALID, "unmarshal post_tags as string array failed");
    refuses("fragment_size", "0", MILVUS_INVALID, "invalid fragment_size: 0");
    refuses("num_of_fragments", "-1", MILVUS_INVALID, "invalid num_of_fragments: -1");
    refuses("highlight_query", "[1]", MILVUS_INVALID, "item in array is not json object");
    refuses("highlight_query", "[{\"type\":\"TextMatch\",\"field\":\"x\",\"text\":\"\"}]",
            MILVUS_INVALID, "highlight field not found in schema: x");
    refuses("highlight_query", "[{\"type\":\"Other\",\"field\":\"e\",\"text\":\"\"}]",
            MILVUS_INVALID, "the only highlight query type is TextMatch");
    refuses("highlight_query", "[{\"type\":\"TextMatch\",\"field\":\"plain\",\"text\":\"\"}]",
            MILVUS_INVALID, "analyzer is not enabled on field plain");
}

#define WITH(highlighter)                                                         \
    "{'collectionName':'b','data':['red'],'annsField':'s','limit':10,'outputFields':['id']," \
    "'searchParams':{'order_by_fields':'id'},'highlighter':" highlighter "}"

/* Every hit has its own, also over REST. */
static void test_rest(void **state)
{
    (void)state;
    has("entities/search",
        WITH("{'type':'lexical','params':{'highlight_search_text':true,'pre_tags':['['],"
             "'post_tags':[']'],'fragment_size':8}}"),
        "'highlight':{'t':['[Red] fox,','[red]!']}},{'id':2,");
    has("entities/search", WITH("{'params':{'highlight_search_text':true}}"),
        "'highlight':{'t':['<em>Red</em> fox, <em>red</em>!']}}");
    has("entities/search", WITH("{'type':'semantic'}"), "semantic highlighters of a search");
    has("entities/search", WITH("{'type':'other'}"), "unknown type of highlighter: other");
    has("entities/search", WITH("[]"), "error: highlighter");
    has("entities/hybrid_search",
        "{'collectionName':'b','search':[{'data':['red'],'annsField':'s','limit':1}],"
        "'rerank':{'strategy':'rrf'},'highlighter':{}}",
        "highlighters of a hybrid search");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_search_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fragments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_queries, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rest, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
