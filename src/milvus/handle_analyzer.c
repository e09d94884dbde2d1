/*
 * RunAnalyzer: what an analyzer makes of texts. Its parameters come with the request, or are those
 * of a field.
 */
#include <string.h>

#include "milvus/milvus_internal.h"

/* The analyzer's JSON text; NULL with a refusal. */
static const char *field_analyzer(struct milvus_call *call, const WIRE(RunAnalyzerRequest) * in,
                                  MilvusStatus **refusal)
{
    struct milvus_collection *collection =
        milvus_collection_get(call, in->collection_name, false, refusal);
    if (!collection) return NULL;
    const MilvusField *field = milvus_field_find(collection, in->field_name);
    bool analyzed = false;
    const char *text = NULL;
    if (field)
        (void)milvus_pair_bool(field->type_params, field->n_type_params, "enable_analyzer",
                               &analyzed);
    if (!field)
        *refusal = milvus_status(call, MILVUS_FIELD_NOT_FOUND, "field not found[field=%.300s]",
                                 in->field_name);
    else if (!analyzed)
        *refusal = milvus_status(call, MILVUS_INVALID,
                                 "analyzer is not enabled on field %s: invalid parameter",
                                 field->name);
    else {
        const char *params =
            milvus_pair_get(field->type_params, field->n_type_params, "analyzer_params");
        text = milvus_strdup(call, params && *params ? params : "{}");
    }
    milvus_collection_unref(collection);
    return text;
}

static WIRE(AnalyzerToken) * token_of(struct milvus_call *call, const WIRE(RunAnalyzerRequest) * in,
                                      const struct kith_token *from)
{
    WIRE(AnalyzerToken) *token =
        milvus_message(call, &milvus__proto__milvus__analyzer_token__descriptor);
    if (!token) return NULL;
    token->token = arena_strndup(call->arena, from->text.data, from->text.len);
    if (!token->token) return NULL;
    if (in->with_detail) {
        token->start_offset = from->start;
        token->end_offset = from->end;
        token->position = from->position;
        token->position_length = 1;
    }
    if (in->with_hash) token->hash = from->hash;
    return token;
}

static MilvusStatus *run_one(struct milvus_call *call, const WIRE(RunAnalyzerRequest) * in,
                             const char *analyzer, ProtobufCBinaryData text,
                             WIRE(AnalyzerResult) * out)
{
    struct kith_tokens tokens;
    struct kith_error err = {0};
    const struct kith_str content = {(const char *)text.data, text.len};
    const int rc = kith_analyze(analyzer, content, &tokens, &err);
    if (rc) return milvus_error(call, rc, &err);
    out->tokens = arena_alloc_array(call->arena, tokens.count + 1, sizeof *out->tokens);
    bool room = out->tokens != NULL;
    for (size_t i = 0; room && i < tokens.count; i++) {
        WIRE(AnalyzerToken) *token = token_of(call, in, &tokens.tokens[i]);
        if ((room = token != NULL)) out->tokens[out->n_tokens++] = token;
    }
    kith_tokens_free(&tokens);
    return room ? NULL : milvus_error(call, KITH_ENOMEM, NULL);
}

static MilvusStatus *run_all(struct milvus_call *call, const WIRE(RunAnalyzerRequest) * in,
                             WIRE(RunAnalyzerResponse) * out)
{
    MilvusStatus *refusal = NULL;
    const char *analyzer = *in->analyzer_params ? in->analyzer_params : "{}";
    if (*in->collection_name && *in->field_name) analyzer = field_analyzer(call, in, &refusal);
    out->results = arena_alloc_array(call->arena, in->n_placeholder + 1, sizeof *out->results);
    if (!refusal && !out->results) refusal = milvus_error(call, KITH_ENOMEM, NULL);
    for (size_t i = 0; !refusal && i < in->n_placeholder; i++) {
        WIRE(AnalyzerResult) *one =
            milvus_message(call, &milvus__proto__milvus__analyzer_result__descriptor);
        refusal = one ? run_one(call, in, analyzer, in->placeholder[i], one)
                      : milvus_error(call, KITH_ENOMEM, NULL);
        if (!refusal) out->results[out->n_results++] = one;
    }
    return refusal;
}

MILVUS_HANDLER(RunAnalyzer)
{
    WIRE(RunAnalyzerResponse) *out = reply;
    MilvusStatus *refusal = run_all(call, request, out);
    if (refusal) out->n_results = 0;
    out->status = refusal ? refusal : milvus_success(call);
}
