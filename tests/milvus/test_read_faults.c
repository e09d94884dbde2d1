/*
 * No memory at every allocation of reads: aggregates, orders, groups, highlights, zones. A reply
 * says so or is whole; nothing leaks (sanitizers), and afterwards the same read works.
 */
#include "milvus/rows_fixture.h"

#include "base/alloc.h"
#include "milvus/quoted.h"

static struct door door; /* borrows the server's */

static int setup(void **state)
{
    (void)state;
    quoted_open();
    says("collections/create",
         "{'collectionName':'c','schema':{'enableDynamicField':true,'fields':["
         "{'fieldName':'id','dataType':'Int64','isPrimary':true},"
         "{'fieldName':'s','dataType':'VarChar','elementTypeParams':{'max_length':50,"
         "'enable_analyzer':true}},"
         "{'fieldName':'n','dataType':'Int64','nullable':true},"
         "{'fieldName':'t','dataType':'Timestamptz'},"
         "{'fieldName':'w','dataType':'SparseFloatVector'},"
         "{'fieldName':'v','dataType':'FloatVector','elementTypeParams':{'dim':2}}],"
         "'functions':[{'name':'f','type':'BM25','inputFieldNames':['s'],"
         "'outputFieldNames':['w']}]},"
         "'indexParams':[{'fieldName':'w','metricType':'BM25'},"
         "{'fieldName':'v','metricType':'L2'}]}",
         OK);
    for (int i = 0; i < 6; i++) {
        char row[256];
        (void)snprintf(row, sizeof row,
                       "{'collectionName':'c','data':[{'id':%d,'s':'word %d','n':%d,"
                       "'t':'2030-01-0%dT00:00:00','v':[%d,1],'k':{'a':'\\\\u0041%d'}}]}",
                       i, i % 2, i, i + 1, i, i % 3);
        has("entities/insert", row, "'insertCount':1");
    }
    memset(&door, 0, sizeof door);
    arena_init(&door.arena);
    return 0;
}

static int teardown(void **state)
{
    arena_release(&door.arena);
    return quoted_close(state);
}

static struct kith_str packed(const void *message)
{
    uint8_t *bytes = arena_alloc(&door.arena, protobuf_c_message_get_packed_size(message) + 1);
    assert_non_null(bytes);
    const size_t len = protobuf_c_message_pack(message, bytes);
    return (struct kith_str){ (const char *)bytes, len };
}

/* The code of the reply; -1: the transport says no. */
static int ask(const char *name, struct kith_str request)
{
    const struct milvus_rpc *rpc = milvus_rpc_find(name, strlen(name));
    struct arena arena;
    struct buffer out;
    int code = -1;
    arena_init(&arena);
    buffer_init(&out);
    struct milvus_call call = { .milvus = server->milvus, .database = "default",
                                .arena = &arena, .peer = "test" };
    auth_anonymous(&call.principal);
    const int rc = rpc->raw(&call, request, &out);
    alloc_fault_disarm();
    if (rc == 0 && !buffer_failed(&out)) {
        ProtobufCMessage *reply = protobuf_c_message_unpack(rpc->reply, NULL, out.len, out.data);
        const MilvusStatus *status = reply ? milvus_reply_status(reply) : NULL;
        if (reply) code = status ? status->code : 0;
        if (reply) protobuf_c_message_free_unpacked(reply, NULL);
    }
    buffer_release(&out);
    arena_release(&arena);
    return code;
}

static void fail_each(const char *name, struct kith_str request)
{
    uint64_t nth = 0, seen;
    assert_int_equal(ask(name, request), 0);
    do {
        alloc_fault_arm(++nth, false);
        const int code = ask(name, request);
        seen = alloc_fault_count();
        if (code && code != -1 && code != MILVUS_MEMORY_LIMIT && code != MILVUS_BUSY)
            fail_msg("%s: allocation %d ends with %d", name, (int)nth, code);
    } while (seen >= nth && nth < 3000);
    assert_true(nth > 10 && nth < 3000);
    assert_int_equal(ask(name, request), 0);
}

static void query(const char *output, const char *second, MilvusPair **pairs, size_t count)
{
    Milvus__Proto__Milvus__QueryRequest *in =
        door_new(&door, &MESSAGE(query_request__descriptor));
    char *names[2] = { (char *)(uintptr_t)output, (char *)(uintptr_t)second };
    in->collection_name = (char *)(uintptr_t)"c";
    in->expr = (char *)(uintptr_t)"id >= 0";
    in->output_fields = names;
    in->n_output_fields = 2;
    in->query_params = pairs;
    in->n_query_params = count;
    fail_each("Query", packed(in));
}

static void test_queries(void **state)
{
    (void)state;
    size_t n;
    MilvusPair **pairs = door_pairs(&door, &n, "group_by_fields", "s", "order_by_fields",
                                    "max(n):desc", "limit", "1", (char *)NULL);
    query("max(s)", "min(t)", pairs, n);
    pairs = door_pairs(&door, &n, "order_by_fields", "k['a']:desc,s,n", "limit", "3", "timezone",
                       "Europe/Berlin", (char *)NULL);
    query("t", "k", pairs, n);
}

static void test_searches(void **state)
{
    (void)state;
    static const char text[] = "word";
    Milvus__Proto__Common__PlaceholderValue value =
        MILVUS__PROTO__COMMON__PLACEHOLDER_VALUE__INIT, *values[1] = { &value };
    Milvus__Proto__Common__PlaceholderGroup group =
        MILVUS__PROTO__COMMON__PLACEHOLDER_GROUP__INIT;
    ProtobufCBinaryData queries[1] = { { 4, (uint8_t *)(uintptr_t)text } };
    Milvus__Proto__Milvus__SearchRequest *in =
        door_new(&door, &MESSAGE(search_request__descriptor));
    value.tag = (char *)(uintptr_t)"$0";
    value.type = MILVUS__PROTO__COMMON__PLACEHOLDER_TYPE__VarChar;
    value.values = queries;
    value.n_values = group.n_placeholders = 1;
    group.placeholders = values;
    const struct kith_str bytes = packed(&group);
    in->collection_name = (char *)(uintptr_t)"c";
    in->search_input_case = MILVUS__PROTO__MILVUS__SEARCH_REQUEST__SEARCH_INPUT_PLACEHOLDER_GROUP;
    in->placeholder_group.data = (uint8_t *)(uintptr_t)bytes.data;
    in->placeholder_group.len = bytes.len;
    in->highlighter = door_new(&door, &milvus__proto__common__highlighter__descriptor);
    in->highlighter->params = door_pairs(&door, &in->highlighter->n_params,
                                         "highlight_search_text", "true", "pre_tags", "[\"x\"]",
                                         (char *)NULL);
    in->search_params = door_pairs(&door, &in->n_search_params, "topk", "5", "anns_field", "w",
                                   "order_by_fields", "n:desc", (char *)NULL);
    fail_each("Search", packed(in));
    in->search_params = door_pairs(&door, &in->n_search_params, "topk", "2", "anns_field", "w",
                                   "group_by_field", "k['a']", "group_size", "2", "json_type",
                                   "varchar", "order_by_fields", "s,n", (char *)NULL);
    fail_each("Search", packed(in));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_queries, setup, teardown),
        cmocka_unit_test_setup_teardown(test_searches, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
