/*
 * Analyzers: tokens of each kind with their places, refusals by name, texts that are no UTF-8,
 * failing allocations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "text/analyzer.h"

struct listing {
    char text[4096];
    size_t len;
    uint32_t position, start, end; /* of the last token */
};

static int list_token(void *ctx, const struct token *token)
{
    struct listing *list = ctx;
    assert_true(list->len + token->text.len + 2 < sizeof list->text);
    memcpy(list->text + list->len, token->text.data, token->text.len);
    list->len += token->text.len;
    list->text[list->len++] = '|';
    list->text[list->len] = 0;
    list->position = token->position;
    list->start = token->start;
    list->end = token->end;
    return 0;
}

static struct listing tokens_of(const char *json, const char *text)
{
    struct listing list = { .text = "" };
    struct analyzer *analyzer = NULL;
    struct analyzer_scratch *scratch = NULL;
    struct kith_error err = { 0 };
    if (analyzer_new(json, json ? strlen(json) : 0, &analyzer, &err)) fail_msg("%s", err.text);
    assert_int_equal(analyzer_scratch_new(analyzer, &scratch), 0);
    const struct kith_str str = { text, strlen(text) };
    assert_int_equal(analyzer_run(analyzer, scratch, str, list_token, &list), 0);
    analyzer_scratch_free(scratch);
    analyzer_free(analyzer);
    return list;
}

static void expect(const char *json, const char *text, const char *tokens)
{
    const struct listing list = tokens_of(json, text);
    assert_string_equal(list.text, tokens);
}

static void refused(const char *json, int status, const char *part)
{
    struct analyzer *analyzer = NULL;
    struct kith_error err = { 0 };
    assert_int_equal(analyzer_new(json, strlen(json), &analyzer, &err), status);
    assert_null(analyzer);
    if (!strstr(err.text, part)) fail_msg("'%s' says nothing of %s", err.text, part);
}

static void standard(void **state)
{
    (void)state;
    expect(NULL, "The 2 Quick-brown FOX's don't_stop v1.5", "the|2|quick|brown|fox|s|don|t|stop|v1|5|");
    expect("{}", "", "");
    expect("{}", " ,.;", "");
    expect("{\"type\": \"standard\"}", "\xc3\x84RGER \xce\x91\xce\xb8\xce\xae\xce\xbd\xce\xb1 \xe4\xb8\xad\xe6\x96\x87",
           "\xc3\xa4rger|\xce\xb1\xce\xb8\xce\xae\xce\xbd\xce\xb1|\xe4\xb8\xad\xe6\x96\x87|");
    expect("{\"type\": \"standard\", \"stop_words\": [\"Of\", \"_english_\", \"x\"]}", "of x the Y", "y|");
    expect("{\"stop_words\": [\"y\"]}", "x y", "x|");
    expect("{\"tokenizer\": \"standard\"}", "Keeps Case", "Keeps|Case|");
    const struct listing list = tokens_of("{\"type\": \"standard\", \"stop_words\": \"_english_\"}",
                                          "the end of it-all");
    assert_string_equal(list.text, "end|all|");
    assert_int_equal(list.position, 4);
    assert_int_equal(list.start, 14);
    assert_int_equal(list.end, 17);
}

/* Stemming comes before the stop list: "being" goes with "be", "others" stays. */
static void english(void **state)
{
    (void)state;
    expect("{\"type\": \"english\"}", "Being others, the running horses generalization",
           "other|run|hors|general|");
    expect("{\"type\": \"english\", \"stop_words\": [\"run\"]}", "runs running dogs", "dog|");
}

static void tokenizers_and_filters(void **state)
{
    (void)state;
    expect("{\"tokenizer\": \"whitespace\"}", " a-b\tC.\xe2\x80\x83\x64\n", "a-b|C.|d|");
    expect("{\"tokenizer\": {\"type\": \"whitespace\"}, \"filter\": [\"removepunct\"]}",
           "-- a- \xe2\x80\x94 ...", "a-|");
    expect("{\"tokenizer\": \"standard\", \"filter\": [\"asciifolding\"]}",
           "\xc3\x89t\xc3\xa9 Stra\xc3\x9f""e \xc3\x98l \xef\xac\x81n \xce\xa9", "Ete|Strasse|Ol|fin|\xce\xa9|");
    expect("{\"tokenizer\": \"standard\", \"filter\": [\"alphanumonly\"]}", "abc \xc3\xa9t 12", "abc|12|");
    expect("{\"tokenizer\": \"standard\", \"filter\": [\"cnalphanumonly\"]}",
           "abc \xe4\xb8\xad""a \xce\xa9", "abc|\xe4\xb8\xad""a|");
    expect("{\"tokenizer\": \"standard\", \"filter\": [\"cncharonly\"]}", "abc \xe4\xb8\xad", "\xe4\xb8\xad|");
    expect("{\"tokenizer\": \"standard\", \"filter\": [{\"type\": \"length\", \"max\": 3}]}", "abc abcd", "abc|");
    expect("{\"tokenizer\": \"standard\", \"filter\": [\"lowercase\", "
           "{\"type\": \"stemmer\", \"language\": \"German\"}]}", "H\xc3\xa4usern", "haus|");
    expect("{\"tokenizer\": \"standard\", \"filter\": [{\"type\": \"regex\", \"expr\": \"^\\\\d{2}$\"}]}",
           "1 12 123 a1", "12|");
}

static void compounds(void **state)
{
    (void)state;
    const char *json = "{\"tokenizer\": \"standard\", \"filter\": [{\"type\": \"decompounder\", "
                       "\"word_list\": [\"dampf\", \"schiff\", \"fahrt\", \"dampfschiff\"]}, "
                       "{\"type\": \"length\", \"max\": 10}]}";
    expect(json, "dampfschifffahrt schifffahrt fahrten", "fahrt|schiff|fahrt|fahrten|");
    const struct listing list = tokens_of(json, "x schifffahrt");
    assert_int_equal(list.position, 1);
    assert_int_equal(list.start, 2);
    assert_int_equal(list.end, 13);
}

static void refusals(void **state)
{
    (void)state;
    refused("{\"type\": \"chinese\"}", KITH_EUNSUPPORTED, "chinese");
    refused("{\"tokenizer\": \"jieba\"}", KITH_EUNSUPPORTED, "jieba");
    refused("{\"tokenizer\": {\"type\": \"lindera\", \"dict_kind\": \"ipadic\"}}", KITH_EUNSUPPORTED, "lindera");
    refused("{\"type\": \"klingon\"}", KITH_EINVAL, "klingon");
    refused("{\"type\": 7}", KITH_EINVAL, "7");
    refused("{\"tokenizer\": \"standard\", \"filter\": [\"shout\"]}", KITH_EINVAL, "shout");
    refused("{\"tokenizer\": \"standard\", \"filter\": [\"length\"]}", KITH_EINVAL, "max");
    refused("{\"tokenizer\": \"standard\", \"filter\": [{\"type\": \"stemmer\", \"language\": \"elvish\"}]}", KITH_EINVAL,
            "elvish");
    refused("{\"tokenizer\": \"standard\", \"filtre\": []}", KITH_EINVAL, "filtre");
    refused("{\"filter\": [\"lowercase\"]}", KITH_EINVAL, "tokenizer");
    refused("{\"type\": \"standard\", \"stop_words\": [\"_latin_\"]}", KITH_EUNSUPPORTED, "_latin_");
    refused("{\"tokenizer\": \"standard\", \"filter\": [{\"type\": \"regex\", \"expr\": \"(\"}]}", KITH_EINVAL, "expr");
    refused("{\"tokenizer\": \"standard\", \"filter\": [{\"type\": \"regex\", \"expr\": \"((a{99}){99}){99}\"}]}",
            KITH_ELIMIT, "1000");
    refused("{\"tokenizer\": \"standard\", \"filter\": "
            "[{\"type\": \"regex\", \"expr\": \"((a{50,}){50,}){50,}\"}]}", KITH_ELIMIT, "1000");
    refused("{\"tokenizer\": \"standard\", \"filter\": "
            "[{\"type\": \"regex\", \"expr\": \"a+++++++++++++++\"}]}", KITH_ELIMIT, "1000");
    refused("[]", KITH_EINVAL, "object");
    refused("{\"type\": ", KITH_EINVAL, "analyzer");
    char many[1024] = "{\"tokenizer\": \"standard\", \"filter\": [\"lowercase\"";
    for (int i = 0; i < 31; i++) strcat(many, ", \"lowercase\"");
    const size_t end = strlen(many);
    strcat(many, "]}");
    expect(many, "A", "a|");
    many[end] = 0;
    strcat(many, ", \"lowercase\"]}");
    refused(many, KITH_ELIMIT, "32");
}

static void not_utf8(void **state)
{
    (void)state;
    expect(NULL, "caf\xe9 \xff\xfe end\xc3", "caf\xc3\xa9|\xc3\xbf\xc3\xbe|end\xc3\xa3|");
}

static void long_tokens(void **state)
{
    (void)state;
    static char text[70000];
    memset(text, 'a', 65536);
    struct analyzer *analyzer;
    struct analyzer_scratch *scratch;
    assert_int_equal(analyzer_new("", 0, &analyzer, NULL), 0);
    assert_int_equal(analyzer_scratch_new(analyzer, &scratch), 0);
    struct listing list = { .text = "" };
    memcpy(text + 65536, " b", 3);
    const struct kith_str str = { text, 65538 };
    assert_int_equal(analyzer_run(analyzer, scratch, str, list_token, &list), 0);
    assert_string_equal(list.text, "b|");
    assert_int_equal(list.position, 1);
    analyzer_scratch_free(scratch);
    analyzer_free(analyzer);
}

static void hashes(void **state)
{
    (void)state;
    assert_int_equal(token_hash((struct kith_str){ "123456789", 9 }), 0xcbf43926u);
    char text[200];
    memset(text, 'x', sizeof text);
    const uint32_t hundred = token_hash((struct kith_str){ text, 100 });
    assert_int_equal(token_hash((struct kith_str){ text, 200 }), hundred);
}

static int count_token(void *ctx, const struct token *token)
{
    (void)token;
    ++*(int *)ctx;
    return 0;
}

static void allocations_fail(void **state)
{
    (void)state;
    const char *json = "{\"tokenizer\": \"standard\", \"filter\": [\"lowercase\", \"asciifolding\", "
                       "{\"type\": \"stop\", \"stop_words\": [\"_english_\", \"x\"]}, "
                       "{\"type\": \"decompounder\", \"word_list\": [\"foot\", \"ball\"]}, "
                       "{\"type\": \"regex\", \"expr\": \"[a-z]\"}]}";
    const struct kith_str text = { "Football \xc3\x84 game", 16 };
    for (uint64_t nth = 1;; nth++) {
        struct analyzer *analyzer = NULL;
        struct analyzer_scratch *scratch = NULL;
        int count = 0;
        alloc_fault_arm(nth, false);
        int rc = analyzer_new(json, strlen(json), &analyzer, NULL);
        if (rc == 0) rc = analyzer_scratch_new(analyzer, &scratch);
        if (rc == 0) rc = analyzer_run(analyzer, scratch, text, count_token, &count);
        const uint64_t seen = alloc_fault_count();
        alloc_fault_disarm();
        analyzer_scratch_free(scratch);
        analyzer_free(analyzer);
        if (seen < nth) {
            assert_int_equal(rc, 0);
            assert_int_equal(count, 3);
            break;
        }
        assert_int_equal(rc, KITH_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standard),     cmocka_unit_test(english),
        cmocka_unit_test(tokenizers_and_filters), cmocka_unit_test(compounds),
        cmocka_unit_test(refusals),     cmocka_unit_test(not_utf8),
        cmocka_unit_test(long_tokens),  cmocka_unit_test(hashes),
        cmocka_unit_test(allocations_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
