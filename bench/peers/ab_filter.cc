// Kith against hnswlib under filters, in one process, interleaved: the database, filters and
// queries of `kith bench filter`.
//
//   ab_filter BASE.fvecs QUERY.fvecs cosine|l2 [--pairs N] [--cache PREFIX] [--queries N]
//
// Kith searches as it does when nobody says how: the planner's choice of plan, with the default
// effort and with a recall target of .95; all queries in one call, so that the filter is evaluated
// once (the target is calibrated before the clock starts, as ef is for hnswlib). hnswlib has its
// filter evaluated before the clock starts: rows that are not allowed are marked as deleted, which
// its walk treats just as rows that the functor of later versions turns down (walked over, never a
// result), and costs it one bit to test. Its ef goes up a ladder to the first with a recall of .95;
// when none has it, the last is taken. Ratios are medians of passes that take turns, so other load
// on the machine hits both; above 1, Kith is faster.
//
// Recall of both is judged by the same exact distances, in doubles. For cosine vectors are
// normalised and hnswlib uses its inner-product space.
#include <hnswlib/hnswlib.h>

#include <chrono>
#include <cmath>
#include <memory>

#include "filter_side.h"
#include "peers.h"

static const size_t K = 10;
static const double ENOUGH = 0.95;
static const size_t EFS[] = {10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 320, 640, 1280};
static const int SHARES[] = {1, 10, 100, 500, 900};
static const char *const KINDS[] = {"rand", "near", "far"};

using Graph = hnswlib::HierarchicalNSW<float>;

struct Options {
    std::string base, query, cache;
    bool inner = false;
    int pairs = 5;
    size_t queries = 200;
};

struct Answer {
    std::vector<uint32_t> ids;
    std::vector<size_t> counts;
    double seconds = 0;
    explicit Answer(size_t queries) : ids(queries * K), counts(queries) {}
};

static Options parse(int argc, char **argv)
{
    Options o;
    if (argc < 4) {
        std::fprintf(stderr, "usage: ab_filter BASE QUERY cosine|l2 [--pairs N] [--cache PREFIX] "
                             "[--queries N]\n");
        std::exit(2);
    }
    o.base = argv[1];
    o.query = argv[2];
    o.inner = std::strcmp(argv[3], "cosine") == 0;
    for (int i = 4; i + 1 < argc; i += 2) {
        const std::string name = argv[i];
        if (name == "--pairs") o.pairs = std::max(1, std::atoi(argv[i + 1]));
        else if (name == "--cache") o.cache = argv[i + 1];
        else if (name == "--queries") o.queries = std::strtoul(argv[i + 1], nullptr, 10);
    }
    return o;
}

static void normalise(Vectors &v)
{
    for (size_t i = 0; i < v.count; i++) {
        float *row = v.data.data() + i * v.dim;
        double sum = 0;
        for (size_t j = 0; j < v.dim; j++) sum += static_cast<double>(row[j]) * row[j];
        const double norm = sum > 0 ? std::sqrt(sum) : 1;
        for (size_t j = 0; j < v.dim; j++) row[j] = static_cast<float>(row[j] / norm);
    }
}

static std::unique_ptr<Graph> peer_build(const Options &o, const Vectors &base,
                                         hnswlib::SpaceInterface<float> *space)
{
    const std::string path = o.cache.empty() ? "" : o.cache + ".hnswlib";
    if (FILE *file = path.empty() ? nullptr : std::fopen(path.c_str(), "rb")) {
        std::fclose(file);
        return std::unique_ptr<Graph>(new Graph(space, path));
    }
    std::unique_ptr<Graph> graph(new Graph(space, base.count, 16, 200));
    for (size_t i = 0; i < base.count; i++) graph->addPoint(base.row(i), i);
    if (!path.empty()) graph->saveIndex(path);
    return graph;
}

struct Bench {
    const Vectors &base, &queries;
    bool inner;
    Graph &graph;
    struct filter_side *side;
    std::vector<double> bounds; // of the filter: the k-th exact distance of each query
    std::vector<char> marked;   // rows that hnswlib takes as deleted
    size_t due = 0;

    void set_filter(const uint32_t *rows, size_t count)
    {
        Vectors some;
        some.dim = base.dim;
        some.count = count;
        std::vector<char> allowed(base.count);
        for (size_t i = 0; i < count; i++) {
            some.data.insert(some.data.end(), base.row(rows[i]), base.row(rows[i]) + base.dim);
            allowed[rows[i]] = 1;
        }
        bounds = truth_bounds(some, queries, K, inner);
        due = std::min(K, count);
        for (size_t i = 0; i < base.count; i++) {
            const char mark = !allowed[i];
            if (mark && !marked[i]) graph.markDelete(i);
            else if (!mark && marked[i]) graph.unmarkDelete(i);
            marked[i] = mark;
        }
    }

    double recall(const Answer &answer) const
    {
        size_t found = 0;
        for (size_t q = 0; q < queries.count; q++) {
            const double bound = bounds[q] + 1e-6 * (1e-3 + std::fabs(bounds[q]));
            size_t good = 0;
            for (size_t i = 0; i < answer.counts[q]; i++) {
                const float *row = base.row(answer.ids[q * K + i]);
                good += exact_distance(row, queries.row(q), base.dim, inner) <= bound;
            }
            found += std::min(good, due);
        }
        return static_cast<double>(found) / static_cast<double>(due * queries.count);
    }

    void search_peer(size_t ef, Answer &answer)
    {
        graph.setEf(ef);
        const auto start = std::chrono::steady_clock::now();
        for (size_t q = 0; q < queries.count; q++) {
            auto top = graph.searchKnn(queries.row(q), K);
            answer.counts[q] = top.size();
            for (size_t i = top.size(); i > 0; i--, top.pop())
                answer.ids[q * K + i - 1] = static_cast<uint32_t>(top.top().second);
        }
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
        answer.seconds = spent.count();
    }

    void search_kith(Answer &answer, float target)
    {
        answer.seconds = filter_side_search(side, target, answer.ids.data(), answer.counts.data());
        if (answer.seconds < 0) std::exit(1);
        if (answer.seconds < 1e-6) answer.seconds = 1e-6;
    }

    // The least ef that is enough; its recall.
    size_t peer_ef(Answer &answer, double &got)
    {
        size_t ef = 0;
        for (size_t next : EFS) {
            search_peer(ef = next, answer);
            got = recall(answer);
            if (got >= ENOUGH) break;
        }
        return ef;
    }
};

static double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

// Kith's part of a line: recall, speed, and how often hnswlib's time its own goes into.
struct Side {
    float target;
    double recall = 0, qps = 0, ratio = 0;
};

static void in_turns(Bench &bench, Side &side, size_t ef, int pairs, double &peer_qps)
{
    const size_t n = bench.queries.count;
    Answer ours(n), theirs(n);
    // Pages in, caches warm, target calibrated: hnswlib has had its passes.
    for (int i = 0; i < 2; i++) bench.search_kith(ours, side.target);
    side.recall = bench.recall(ours);
    std::vector<double> ratios, qps, peer;
    for (int p = 0; p < pairs; p++) {
        bench.search_kith(ours, side.target);
        bench.search_peer(ef, theirs);
        ratios.push_back(theirs.seconds / ours.seconds);
        qps.push_back(static_cast<double>(n) / ours.seconds);
        peer.push_back(static_cast<double>(n) / theirs.seconds);
    }
    side.ratio = median(ratios);
    side.qps = median(qps);
    peer_qps = median(peer);
}

static void measure(Bench &bench, const char *kind, int share, int pairs, double least[2])
{
    size_t count = 0;
    const uint32_t *rows = filter_side_filter(bench.side, kind, share, &count);
    if (!rows) std::exit(1);
    bench.set_filter(rows, count);
    Answer theirs(bench.queries.count);
    double peer_recall = 0, peer_qps = 0;
    const size_t ef = bench.peer_ef(theirs, peer_recall);
    Side sides[2] = {{0.0f}, {0.95f}};
    for (int i = 0; i < 2; i++) {
        in_turns(bench, sides[i], ef, pairs, peer_qps);
        least[i] = std::min(least[i], sides[i].ratio);
    }
    std::printf("%-5s %5.3f %8zu  %-10s %6.4f %8.0f %8.2f  %6.4f %8.0f %8.2f  %6zu %6.4f %8.0f%s\n",
                kind, share / 1000.0, count, filter_side_plan(bench.side), sides[0].recall,
                sides[0].qps, sides[0].ratio, sides[1].recall, sides[1].qps, sides[1].ratio, ef,
                peer_recall, peer_qps,
                sides[0].recall < std::min(peer_recall, ENOUGH) ? "  LESS FOUND" : "");
    std::fflush(stdout);
}

int main(int argc, char **argv)
{
    const Options o = parse(argc, argv);
    Vectors base = read_fvecs(o.base), queries = read_fvecs(o.query);
    struct filter_side *side =
        filter_side_new(o.base.c_str(), o.query.c_str(), o.inner, K, o.queries);
    if (!side) return 1;
    queries.count = std::min(queries.count, filter_side_queries(side));
    if (o.inner) {
        normalise(base);
        normalise(queries);
    }
    std::unique_ptr<hnswlib::SpaceInterface<float>> space;
    if (o.inner) space.reset(new hnswlib::InnerProductSpace(base.dim));
    else space.reset(new hnswlib::L2Space(base.dim));
    std::unique_ptr<Graph> graph = peer_build(o, base, space.get());
    Bench bench{base, queries, o.inner, *graph, side, {}, std::vector<char>(base.count), 0};
    std::printf("%s: %zu x %zu, %zu queries, k %zu, one thread, %d pairs\n\n", o.base.c_str(),
                base.count, base.dim, queries.count, K, o.pairs);
    std::printf("%-5s %5s %8s  %-10s %6s %8s %8s  %6s %8s %8s  %6s %6s %8s\n", "", "", "", "kith:",
                "", "default", "", "", "recall", ".95", "", "", "hnswlib");
    std::printf("%-5s %5s %8s  %-10s %6s %8s %8s  %6s %8s %8s  %6s %6s %8s\n", "rows", "share",
                "matching", "plan", "recall", "qps", "ratio", "recall", "qps", "ratio", "ef",
                "recall", "qps");
    double least[2] = {INFINITY, INFINITY};
    for (const char *kind : KINDS)
        for (int share : SHARES) measure(bench, kind, share, o.pairs, least);
    std::printf("\nleast ratio: default %.2f, recall .95 %.2f\n", least[0], least[1]);
    filter_side_free(side);
    return 0;
}
