/* See search_turn.h. */
#include "redis/search_turn.h"

#include <string.h>

#include "base/alloc.h"
#include "cache/heap.h"
#include "redis/cmd_search.h"
#include "redis/search_derived.h"

#define SLICE_NS (1000 * 1000)
#define PAUSE_US 20
#define BRIEF_WORK 65536u   /* looks at a word: below a millisecond */
#define BRIEF_PENDING 512u  /* keys that changed and are to be read anew */
#define SWEEP_ROUND 256u    /* documents that are freed at once */

struct search_pin {
    struct search_pin *next;
    uint64_t since; /* what was buried later is looked at */
};

struct search_pins { /* of one definition of an index; guard: keyspace lock */
    struct search_index *home; /* NULL: dropped, or defined anew */
    struct search_index *dead; /* then: freed with the last pin */
    struct heap *heap;
    size_t field_count;
    struct search_pin *oldest, *newest;
    struct search_doc *buried, *last_buried; /* linked by `after`, in order of `seq` */
    uint64_t clock;                          /* how many were ever buried */
};

struct search_turn {
    struct redis_call call;
    struct resp reply;
    struct buffer out;
    struct words *words; /* owns: the command */
    search_run_fn *run;
    struct search_index view;
    struct search_doc **docs; /* owns: the view's list */
    struct search_pins *pins; /* NULL: nothing is pinned */
    struct search_pin pin;
    int64_t held_ns; /* has the lock since then */
};

/* ---- pins ---- */

static void free_doc(const struct search_pins *pins, struct search_doc *doc)
{
    const struct search_index of = {.heap = pins->heap, .field_count = pins->field_count};
    search_doc_free(&of, doc);
}

void search_bury(struct search_index *index, struct search_doc *doc)
{
    struct search_pins *pins = index->pins;
    if (!doc) return;
    if (!pins || !pins->oldest) {
        search_doc_free(index, doc);
        return;
    }
    doc->gone = true;
    doc->seq = ++pins->clock;
    doc->after = NULL;
    if (pins->last_buried) pins->last_buried->after = doc;
    else pins->buried = doc;
    pins->last_buried = doc;
}

/* Frees some of what nobody can see any more. False: there is no more. */
static bool sweep(struct search_pins *pins, size_t most)
{
    while (pins->buried && (!pins->oldest || pins->buried->seq <= pins->oldest->since)) {
        struct search_doc *doc = pins->buried;
        if (most-- == 0) return true;
        pins->buried = doc->after;
        if (!pins->buried) pins->last_buried = NULL;
        free_doc(pins, doc);
    }
    return false;
}

bool search_pins_orphan(struct search_index *index)
{
    struct search_pins *pins = index->pins;
    if (!pins) return false;
    if (pins->oldest) {
        pins->home = NULL;
        pins->dead = index;
        return true;
    }
    (void)sweep(pins, SIZE_MAX);
    index->pins = NULL;
    mem_free(pins);
    return false;
}

static int pin(struct search_turn *turn, struct search_index *index)
{
    struct search_pins *pins = index->pins;
    if (!pins) {
        pins = index->pins = mem_zalloc(sizeof *pins);
        if (!pins) return KITH_ENOMEM;
        *pins = (struct search_pins){.home = index, .heap = index->heap,
                                     .field_count = index->field_count};
    }
    turn->pin = (struct search_pin){.since = pins->clock};
    if (pins->newest) pins->newest->next = &turn->pin;
    else pins->oldest = &turn->pin;
    pins->newest = &turn->pin;
    turn->pins = pins;
    return 0;
}

static void take_out(struct search_pins *pins, const struct search_pin *pin)
{
    struct search_pin *before = NULL, **at = &pins->oldest;
    for (; *at != pin; at = &(*at)->next) before = *at;
    *at = pin->next;
    if (pins->newest == pin) pins->newest = before;
}

/* No document is looked at any more; what was kept for this turn alone goes, in slices. */
static void loosen(struct search_turn *turn)
{
    struct search_pins *pins = turn->pins;
    if (!pins) return;
    take_out(pins, &turn->pin);
    turn->pin = (struct search_pin){.since = pins->clock};
    if (pins->newest) pins->newest->next = &turn->pin;
    else pins->oldest = &turn->pin;
    pins->newest = &turn->pin;
    while (sweep(pins, SWEEP_ROUND)) search_breathe(&turn->view);
}

static void unpin(struct search_turn *turn)
{
    struct search_pins *pins = turn->pins;
    if (!pins) return;
    turn->pins = NULL;
    take_out(pins, &turn->pin);
    if (pins->oldest || !pins->dead) (void)sweep(pins, pins->oldest ? SWEEP_ROUND : SIZE_MAX);
    else search_index_free(pins->dead); /* with the pins */
}

/* ---- the lock ---- */

static void take(struct search_turn *turn)
{
    cache_lock(turn->call.cache);
    cache_begin(turn->call.cache);
    turn->held_ns = os_now_ns(turn->call.redis->os);
}

static void let_go(struct search_turn *turn)
{
    redis_settle(turn->call.redis); /* keys whose time was over */
    cache_unlock(turn->call.cache);
}

void search_let_go(const struct search_index *index)
{
    if (index->turn) let_go(index->turn);
}

void search_take_back(const struct search_index *index)
{
    if (index->turn) take(index->turn);
}

void search_breathe(const struct search_index *index)
{
    struct search_turn *turn = index->turn;
    if (!turn || os_now_ns(turn->call.redis->os) - turn->held_ns < SLICE_NS) return;
    let_go(turn);
    os_sleep_us(turn->call.redis->os, PAUSE_US); /* who waits for the lock gets it */
    take(turn);
}

bool search_must_end(const struct search_index *index)
{
    return index->turn && atomic_load_explicit(&index->turn->call.redis->stopping,
                                               memory_order_relaxed);
}

/* ---- the view ---- */

/* In slices; who writes faster than that has the rest done at once, after SEARCH_PATIENCE_MS. */
static void catch_up(struct search_turn *turn, const struct search_index *index)
{
    struct redis *redis = turn->call.redis;
    const int64_t end_ns = os_now_ns(redis->os) + INT64_C(1000000) * SEARCH_PATIENCE_MS;
    const struct search *search = search_of(redis);
    while ((index->rebuild || search->pending.count > BRIEF_PENDING) &&
           search_catch_up_some(redis) && os_now_ns(redis->os) < end_ns) {
        search_breathe(&turn->view);
        index = turn->pins ? turn->pins->home : search_find(redis, turn->call.argv[1]);
        if (!index) return;
    }
}

struct search_index *search_home(const struct search_index *index)
{
    if (!index->turn) return (struct search_index *)(uintptr_t)index; /* it was not const */
    return index->turn->pins->home;
}

int search_keep(const struct search_index *index)
{
    struct search_turn *turn = index->turn;
    if (!turn || turn->docs) return 0;
    if (turn->pins->home) catch_up(turn, turn->pins->home);
    struct search_index *home = turn->pins->home;
    if (!home) return KITH_ENOTFOUND;
    const int rc = search_catch_up(turn->call.redis, home);
    if (rc) return rc;
    turn->docs = mem_alloc_array(home->count + 1, sizeof(struct search_doc *));
    if (!turn->docs) return KITH_ENOMEM;
    if (home->count) memcpy(turn->docs, home->docs, home->count * sizeof(struct search_doc *));
    turn->view.docs = turn->docs;
    turn->view.count = home->count;
    return 0;
}

bool search_has_changed(const struct search_index *index)
{
    struct search_turn *turn = index->turn;
    if (!turn) return false;
    if (turn->pins->home) catch_up(turn, turn->pins->home);
    if (turn->pins->home && search_catch_up(turn->call.redis, turn->pins->home) != 0)
        return true; /* without memory: what is known is better than nothing */
    return turn->pins->clock != turn->pin.since;
}

/* ---- a turn ---- */

static void free_turn(struct search_turn *turn)
{
    unpin(turn);
    mem_free(turn->docs);
    words_free(turn->words);
    buffer_release(&turn->out);
    mem_free(turn);
}

/* Looks at the index, on a worker; it may be another one than when the command came. */
static bool look(struct search_turn *turn)
{
    struct redis_call *call = &turn->call;
    struct search_index *index = search_find(call->redis, call->argv[1]);
    if (index) catch_up(turn, index);
    index = search_ready(call, call->argv[1]);
    if (!index) return false;
    if (pin(turn, index) != 0) {
        call_no_memory(call);
        return false;
    }
    turn->view = *index;
    turn->view.turn = turn;
    return true;
}

static void work(void *ctx)
{
    struct search_turn *turn = ctx;
    take(turn);
    if (look(turn)) turn->run(&turn->call, &turn->view);
    loosen(turn);
    let_go(turn);
}

/* Under the lock. What the user may do can be another matter by now. */
static void finish(struct redis_call *call, void *ctx)
{
    struct search_turn *turn = ctx;
    if (!turn->pins || search_allowed(call, &turn->view, false)) {
        buffer_put(call->reply->out, turn->out.data, turn->out.len);
        call->failed = turn->call.failed;
        if (buffer_failed(&turn->out)) call_no_memory(call);
    }
    free_turn(turn);
}

static void start(struct redis_call *call, search_run_fn *run)
{
    struct search_turn *turn = mem_zalloc(sizeof *turn);
    if (turn) turn->words = words_copy(call->argv, call->argc);
    if (!turn || !turn->words) {
        mem_free(turn);
        call_no_memory(call);
        return;
    }
    buffer_init(&turn->out);
    turn->run = run;
    turn->reply = (struct resp){&turn->out, call->reply->version};
    turn->view.turn = turn;
    turn->call = (struct redis_call){.redis = call->redis, .cache = call->cache,
                                     .command = call->command, .db = call->db,
                                     .argv = turn->words->argv, .argc = turn->words->argc,
                                     .reply = &turn->reply};
    if (!call_offload(call, work, finish, turn)) free_turn(turn);
}

/* A guess: each word of the query is compared with each of the documents. */
static bool is_brief(const struct redis_call *call, const struct search_index *index)
{
    const struct search_sizes *sizes = &index->sizes;
    const uint64_t all = index->count + sizes->words + sizes->tags / 16 + sizes->vectors / 64;
    uint64_t bytes = 0;
    if (index->rebuild || search_of(call->redis)->pending.count > BRIEF_PENDING) return false;
    for (size_t i = 2; i < call->argc; i++) bytes += call->argv[i].len;
    return index->count < SEARCH_WALK_FROM && all * (1 + bytes / 32) <= BRIEF_WORK;
}

void search_begin(struct redis_call *call, search_run_fn *run)
{
    struct search_index *index = search_find(call->redis, call->argv[1]);
    if (index && call_may_offload(call) && !is_brief(call, index)) {
        if (search_allowed(call, index, false)) start(call, run);
        return;
    }
    index = search_ready(call, call->argv[1]);
    if (index) run(call, index);
}
