// hnswlib alone over a data set, as JSON: one object a line, first the build, then a point an ef.
//
//   hnswlib_ann BASE.fvecs QUERY.fvecs cosine|l2 [M [EF_CONSTRUCTION]]
//
// Cosine: normalised vectors in the inner-product space. One thread. Figures of two programs that
// ran one after the other are not comparable on a shared machine: ab_hnswlib interleaves.
#include <hnswlib/hnswlib.h>

#include <cmath>
#include <memory>

#include "kith_side.h"
#include "peers.h"

static const size_t K = 10;
static const size_t EFS[] = {10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 320, 480, 640, 960, 1280};

static void normalise(Vectors &v)
{
    for (size_t i = 0; i < v.count; i++) {
        float *row = v.data.data() + i * v.dim;
        double sum = 0;
        for (size_t j = 0; j < v.dim; j++) sum += static_cast<double>(row[j]) * row[j];
        for (size_t j = 0; j < v.dim && sum > 0; j++) row[j] = static_cast<float>(row[j] / std::sqrt(sum));
    }
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        std::fprintf(stderr, "usage: hnswlib_ann BASE QUERY cosine|l2 [M [EF_CONSTRUCTION]]\n");
        return 2;
    }
    const bool inner = std::strcmp(argv[3], "cosine") == 0;
    const size_t m = argc > 4 ? std::strtoul(argv[4], nullptr, 10) : 16;
    const size_t efc = argc > 5 ? std::strtoul(argv[5], nullptr, 10) : 200;
    Vectors base = read_fvecs(argv[1]), queries = read_fvecs(argv[2]);
    if (inner) {
        normalise(base);
        normalise(queries);
    }
    const std::vector<double> bounds = truth_bounds(base, queries, K, inner);

    std::unique_ptr<hnswlib::SpaceInterface<float>> space;
    if (inner) space.reset(new hnswlib::InnerProductSpace(base.dim));
    else space.reset(new hnswlib::L2Space(base.dim));
    hnswlib::HierarchicalNSW<float> graph(space.get(), base.count, m, efc);
    double start = kith_side_now_s();
    for (size_t i = 0; i < base.count; i++) graph.addPoint(base.row(i), i);
    std::printf("{\"peer\":\"hnswlib\",\"rows\":%zu,\"dim\":%zu,\"m\":%zu,\"ef_construction\":%zu,"
                "\"build_s\":%.2f}\n", base.count, base.dim, m, efc, kith_side_now_s() - start);
    for (size_t ef : EFS) {
        graph.setEf(ef);
        std::vector<std::vector<size_t>> ids(queries.count);
        start = kith_side_now_s();
        for (size_t q = 0; q < queries.count; q++) {
            for (auto top = graph.searchKnn(queries.row(q), K); !top.empty(); top.pop()) {
                ids[q].push_back(top.top().second);
            }
        }
        const double seconds = kith_side_now_s() - start;
        size_t found = 0;
        for (size_t q = 0; q < queries.count; q++) {
            const double bound = bounds[q] + 1e-6 * (1e-3 + std::fabs(bounds[q]));
            for (size_t id : ids[q]) {
                found += exact_distance(base.row(id), queries.row(q), base.dim, inner) <= bound;
            }
        }
        const double n = static_cast<double>(queries.count);
        std::printf("{\"peer\":\"hnswlib\",\"ef\":%zu,\"k\":%zu,\"recall\":%.5f,\"qps\":%.1f}\n", ef, K,
                    static_cast<double>(found) / (n * K), n / seconds);
        std::fflush(stdout);
    }
    return 0;
}
