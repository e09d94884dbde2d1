/* APPLY and FILTER of an aggregation: see search_table.h, search_expr.h. */
#include <string.h>

#include "redis/cmd_search.h"
#include "redis/search_expr.h"
#include "redis/search_table.h"
#include "redis/search_turn.h"

struct search_formula {
    struct expr expr;
    size_t columns[EXPR_NAMES_MAX];
    struct expr_value names[EXPR_NAMES_MAX];
};

static int answered(struct redis_call *call, const char *error)
{
    if (!call->failed) call_errorf(call, "%s", error);
    return KITH_EINVAL;
}

/* Parses, and loads the columns that the expression names. */
static int prepare(struct search_table *table, struct redis_call *call, struct kith_str text,
                   struct search_formula *formula)
{
    char error[256];
    int rc = expr_parse(&table->arena, text, &formula->expr, error, sizeof error);
    if (rc == KITH_EINVAL) return answered(call, error);
    for (size_t i = 0; rc == 0 && i < formula->expr.name_count; i++)
        rc = search_table_column(table, call, formula->expr.names[i], &formula->columns[i]);
    return rc;
}

static struct expr_value value_of(const struct search_cell *cell)
{
    double number;
    if (cell->list)
        return (struct expr_value){.kind = EXPR_LIST, .list = cell->list,
                                   .list_count = cell->list_count};
    if (!cell->text.data) return (struct expr_value){0};
    if (cell->number && text_double(cell->text, &number)) return expr_of_number(number);
    return expr_of_text(cell->text);
}

static int eval_row(struct search_table *table, struct redis_call *call,
                    struct search_formula *formula, size_t row, struct expr_value *out)
{
    struct expr_run run = {.arena = &table->arena, .names = formula->names};
    if (search_query_is_late(table->query, row)) return KITH_ETIMEDOUT;
    for (size_t i = 0; i < formula->expr.name_count; i++)
        formula->names[i] = value_of(&table->rows[row]->cells[formula->columns[i]]);
    const int rc = expr_eval(&formula->expr, &run, out);
    if (rc == KITH_EINVAL) return answered(call, run.error);
    if (rc == KITH_ELIMIT) return answered(call, "The results of an expression are too large");
    return rc;
}

static int put_value(struct search_table *table, const struct expr_value *value,
                     struct search_cell *cell)
{
    if (value->kind == EXPR_NUMBER) return search_cell_put_number(table, value->number, cell);
    *cell = (struct search_cell){0};
    if (value->kind == EXPR_TEXT) {
        cell->text = value->text;
        if (!cell->text.data) cell->text.data = "";
    } else if (value->kind == EXPR_LIST) {
        cell->list = value->list;
        cell->list_count = value->list_count;
    }
    return 0;
}

int search_table_apply(struct search_table *table, struct redis_call *call, struct kith_str text,
                       struct kith_str name)
{
    struct search_formula formula;
    size_t column;
    int rc = prepare(table, call, text, &formula);
    if (rc == 0) rc = search_table_make_column(table, name, &column);
    search_let_go(table->query->index);
    for (size_t i = 0; rc == 0 && i < table->count; i++) {
        struct expr_value value;
        rc = eval_row(table, call, &formula, i, &value);
        if (rc == 0) rc = put_value(table, &value, &table->rows[i]->cells[column]);
    }
    search_take_back(table->query->index);
    return rc;
}

int search_table_filter(struct search_table *table, struct redis_call *call, struct kith_str text)
{
    struct search_formula formula;
    size_t kept = 0;
    int rc = prepare(table, call, text, &formula);
    search_let_go(table->query->index);
    for (size_t i = 0; rc == 0 && i < table->count; i++) {
        struct expr_value value;
        rc = eval_row(table, call, &formula, i, &value);
        if (rc == 0 && expr_is_true(&value)) table->rows[kept++] = table->rows[i];
    }
    search_take_back(table->query->index);
    if (rc == 0) table->count = kept;
    return rc;
}
