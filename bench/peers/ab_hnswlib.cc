// Kith against hnswlib in one process, interleaved: recall at every ef, then queries a second at
// equal recall as the median of ratios of alternating runs on one core.
//
//   ab_hnswlib BASE.fvecs QUERY.fvecs cosine|l2 [--pairs N] [--cache PREFIX] [--threads N]
//              [--m 16] [--efc 200] [--only-kith]
//
// For cosine the vectors are normalised and hnswlib uses its inner-product space (its L2 kernel is
// slow when the dimension is not a multiple of 16). A returned row that ties the k-th distance
// counts as found.
#include <hnswlib/hnswlib.h>

#include <cmath>
#include <functional>
#include <memory>

#include "kith_side.h"
#include "peers.h"

static const size_t K = 10;
static const uint32_t EFS[] = {10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 320, 480, 640, 960, 1280};

struct Options {
    std::string base, query, cache;
    bool inner = false, only_kith = false;
    int pairs = 7;
    unsigned threads = 1;
    uint32_t m = 16, efc = 200;
};

using Search = std::function<size_t(const float *, uint32_t, uint32_t *)>;

struct Bench {
    const Vectors &base, &queries;
    const std::vector<double> &bounds;
    bool inner;

    double recall(const Search &search, uint32_t ef) const
    {
        size_t found = 0;
        for (size_t q = 0; q < queries.count; q++) {
            uint32_t ids[K];
            const size_t n = search(queries.row(q), ef, ids);
            const double bound = bounds[q] + 1e-6 * (1e-3 + std::fabs(bounds[q]));
            for (size_t i = 0; i < n; i++) {
                found += exact_distance(base.row(ids[i]), queries.row(q), base.dim, inner) <= bound;
            }
        }
        return static_cast<double>(found) / static_cast<double>(K * queries.count);
    }

    double seconds(const Search &search, uint32_t ef, size_t count) const
    {
        uint32_t ids[K];
        const double start = kith_side_now_s();
        for (size_t q = 0; q < count; q++) search(queries.row(q % queries.count), ef, ids);
        return kith_side_now_s() - start;
    }

    // The least ef with this recall; 0 when 4,096 does not reach it.
    uint32_t ef_for(const Search &search, double target) const
    {
        uint32_t low = K, high = 4096;
        if (recall(search, high) < target) return 0;
        while (low < high) {
            const uint32_t mid = (low + high) / 2;
            if (recall(search, mid) >= target) high = mid;
            else low = mid + 1;
        }
        return low;
    }
};

static Options parse(int argc, char **argv)
{
    Options o;
    if (argc < 4) {
        std::fprintf(stderr, "usage: ab_hnswlib BASE QUERY cosine|l2 [--pairs N] [--cache PREFIX] "
                             "[--threads N] [--m M] [--efc N] [--only-kith]\n");
        std::exit(2);
    }
    o.base = argv[1];
    o.query = argv[2];
    o.inner = std::strcmp(argv[3], "cosine") == 0;
    for (int i = 4; i < argc; i++) {
        const std::string name = argv[i];
        if (name == "--only-kith") o.only_kith = true;
        else if (i + 1 >= argc) break;
        else if (name == "--pairs") o.pairs = std::atoi(argv[++i]);
        else if (name == "--cache") o.cache = argv[++i];
        else if (name == "--threads") o.threads = static_cast<unsigned>(std::atoi(argv[++i]));
        else if (name == "--m") o.m = static_cast<uint32_t>(std::atoi(argv[++i]));
        else if (name == "--efc") o.efc = static_cast<uint32_t>(std::atoi(argv[++i]));
    }
    return o;
}

static void normalise(Vectors &v)
{
    for (size_t i = 0; i < v.count; i++) {
        float *row = v.data.data() + i * v.dim;
        double sum = 0;
        for (size_t j = 0; j < v.dim; j++) sum += static_cast<double>(row[j]) * row[j];
        for (size_t j = 0; j < v.dim && sum > 0; j++) row[j] = static_cast<float>(row[j] / std::sqrt(sum));
    }
}

using Graph = hnswlib::HierarchicalNSW<float>;

static std::unique_ptr<Graph> peer_build(const Options &o, const Vectors &base,
                                         hnswlib::SpaceInterface<float> *space, double *build_s)
{
    const std::string path = o.cache.empty() ? "" : o.cache + ".hnswlib";
    *build_s = 0;
    if (!path.empty()) {
        if (FILE *file = std::fopen(path.c_str(), "rb")) {
            std::fclose(file);
            return std::unique_ptr<Graph>(new Graph(space, path));
        }
    }
    std::unique_ptr<Graph> graph(new Graph(space, base.count, o.m, o.efc));
    const double start = kith_side_now_s();
    for (size_t i = 0; i < base.count; i++) graph->addPoint(base.row(i), i);
    *build_s = kith_side_now_s() - start;
    if (!path.empty()) graph->saveIndex(path);
    return graph;
}

static void recall_table(const Bench &bench, const Search *kith, const Search *peer,
                         struct kith_side *side)
{
    std::printf("%6s %12s %12s %12s %12s %8s %8s %8s\n", "ef", "recall kith", "hnswlib", "qps kith",
                "hnswlib", "hops", "dists", "exact");
    for (uint32_t ef : EFS) {
        struct kith_side_stats stats;
        kith_side_stats(side, &stats);
        const double a = bench.recall(*kith, ef);
        kith_side_stats(side, &stats);
        const double n = static_cast<double>(bench.queries.count);
        const double qps = n / bench.seconds(*kith, ef, bench.queries.count);
        const double b = peer ? bench.recall(*peer, ef) : 0;
        const double peer_qps = peer ? n / bench.seconds(*peer, ef, bench.queries.count) : 0;
        std::printf("%6u %12.4f %12.4f %12.0f %12.0f %8.0f %8.0f %8.1f%s\n", ef, a, b, qps, peer_qps,
                    static_cast<double>(stats.hops) / n, static_cast<double>(stats.distances) / n,
                    static_cast<double>(stats.exact) / n, a < b ? "  BELOW" : "");
        std::fflush(stdout);
    }
}

static void matched(const Bench &bench, const Search &kith, const Search &peer, double target,
                    int pairs)
{
    const uint32_t a = bench.ef_for(kith, target), b = bench.ef_for(peer, target);
    if (!a || !b) {
        std::printf("recall %.3f: not reached\n", target);
        return;
    }
    std::vector<double> ratios, qps_a, qps_b;
    for (int p = 0; p < pairs; p++) {
        const double count = static_cast<double>(bench.queries.count);
        const double sa = bench.seconds(kith, a, bench.queries.count);
        const double sb = bench.seconds(peer, b, bench.queries.count);
        ratios.push_back(sb / sa);
        qps_a.push_back(count / sa);
        qps_b.push_back(count / sb);
    }
    std::sort(ratios.begin(), ratios.end());
    std::sort(qps_a.begin(), qps_a.end());
    std::sort(qps_b.begin(), qps_b.end());
    const size_t mid = ratios.size() / 2;
    std::printf("recall %.3f: kith ef %u %.0f/s, hnswlib ef %u %.0f/s, ratio median %.2f "
                "(%.2f to %.2f, %d pairs)\n", target, a, qps_a[mid], b, qps_b[mid], ratios[mid],
                ratios.front(), ratios.back(), pairs);
    std::fflush(stdout);
}

int main(int argc, char **argv)
{
    const Options o = parse(argc, argv);
    Vectors base = read_fvecs(o.base), queries = read_fvecs(o.query);
    if (o.inner) {
        normalise(base);
        normalise(queries);
    }
    const std::vector<double> bounds = truth_bounds(base, queries, K, o.inner);
    const Bench bench{base, queries, bounds, o.inner};

    const std::string cache = o.cache.empty() ? "" : o.cache + ".kith";
    const struct kith_side_spec spec = {base.data.data(), base.count, static_cast<uint32_t>(base.dim),
                                        o.inner, o.m, o.efc, o.threads,
                                        cache.empty() ? nullptr : cache.c_str()};
    double kith_s, peer_s = 0;
    struct kith_side *side = kith_side_new(&spec, &kith_s);
    if (!side) return 1;
    const Search kith = [&](const float *q, uint32_t ef, uint32_t *ids) {
        return kith_side_search(side, q, K, ef, ids);
    };
    std::printf("%s: %zu x %zu, M %u, ef_construction %u\n", o.base.c_str(), base.count, base.dim,
                o.m, o.efc);
    std::printf("kith: build %.1f s on %u thread(s), %.0f bytes a row beside the vectors\n", kith_s,
                o.threads, static_cast<double>(kith_side_bytes(side)) / static_cast<double>(base.count));
    std::fflush(stdout);

    std::unique_ptr<hnswlib::SpaceInterface<float>> space;
    if (o.inner) space.reset(new hnswlib::InnerProductSpace(base.dim));
    else space.reset(new hnswlib::L2Space(base.dim));
    std::unique_ptr<Graph> graph;
    Search peer;
    if (!o.only_kith) {
        graph = peer_build(o, base, space.get(), &peer_s);
        std::printf("hnswlib: build %.1f s on 1 thread\n", peer_s);
        peer = [&](const float *q, uint32_t ef, uint32_t *ids) {
            graph->setEf(ef);
            auto top = graph->searchKnn(q, K);
            const size_t n = top.size();
            for (size_t i = n; i > 0; i--, top.pop()) ids[i - 1] = static_cast<uint32_t>(top.top().second);
            return n;
        };
    }
    recall_table(bench, &kith, o.only_kith ? nullptr : &peer, side);
    for (double target : {0.90, 0.95, 0.99}) {
        if (!o.only_kith) matched(bench, kith, peer, target, o.pairs);
    }
    kith_side_free(side);
    return 0;
}
