#include "redis/cmd_search.h"
void run_ft_aggregate(struct redis_call *call) { call_error(call, "ERR not supported"); }
void run_ft_cursor_read(struct redis_call *call) { call_error(call, "Cursor not found"); }
void run_ft_cursor_del(struct redis_call *call) { call_error(call, "Cursor not found"); }
