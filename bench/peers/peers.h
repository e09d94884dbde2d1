// What the peer benchmarks share: reading fvecs, exact truth, recall by distance.
#ifndef KITH_BENCH_PEERS_H
#define KITH_BENCH_PEERS_H

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

struct Vectors {
    std::vector<float> data;
    size_t count = 0;
    size_t dim = 0;
    const float *row(size_t i) const { return data.data() + i * dim; }
};

inline Vectors read_fvecs(const std::string &path)
{
    Vectors v;
    FILE *file = std::fopen(path.c_str(), "rb");
    if (!file) {
        std::fprintf(stderr, "cannot read %s\n", path.c_str());
        std::exit(1);
    }
    int32_t dim;
    while (std::fread(&dim, sizeof dim, 1, file) == 1 && dim > 0) {
        v.dim = static_cast<size_t>(dim);
        const size_t at = v.data.size();
        v.data.resize(at + v.dim);
        if (std::fread(&v.data[at], sizeof(float), v.dim, file) != v.dim) break;
        v.count++;
    }
    std::fclose(file);
    return v;
}

// Squared L2, or minus the inner product (of normalised vectors: the order of cosine).
inline double exact_distance(const float *a, const float *b, size_t dim, bool inner)
{
    double sum = 0;
    for (size_t j = 0; j < dim; j++) {
        const double x = a[j], y = b[j];
        sum += inner ? -x * y : (x - y) * (x - y);
    }
    return sum;
}

// The same in float with sixteen partial sums, which vectorize.
inline float quick_distance(const float *a, const float *b, size_t dim, bool inner)
{
    float sum[16] = {0};
    size_t j = 0;
    for (; j + 16 <= dim; j += 16) {
        for (size_t l = 0; l < 16; l++) {
            const float x = a[j + l], y = b[j + l];
            sum[l] += inner ? -x * y : (x - y) * (x - y);
        }
    }
    for (; j < dim; j++) sum[0] += inner ? -a[j] * b[j] : (a[j] - b[j]) * (a[j] - b[j]);
    for (size_t l = 1; l < 16; l++) sum[0] += sum[l];
    return sum[0];
}

// The k-th smallest distance of each query: float brute force for 4 k candidates, then doubles.
inline std::vector<double> truth_bounds(const Vectors &base, const Vectors &queries, size_t k, bool inner)
{
    const size_t keep = 4 * k + 20, block = 2048;
    std::vector<std::vector<std::pair<float, uint32_t>>> best(queries.count);
    for (size_t b = 0; b < base.count; b += block) {
        for (size_t q = 0; q < queries.count; q++) {
            auto &heap = best[q];
            const float *y = queries.row(q);
            for (size_t i = b; i < std::min(base.count, b + block); i++) {
                const float *x = base.row(i);
                const float sum = quick_distance(x, y, base.dim, inner);
                if (heap.size() < keep) {
                    heap.emplace_back(sum, static_cast<uint32_t>(i));
                    std::push_heap(heap.begin(), heap.end());
                } else if (sum < heap.front().first) {
                    std::pop_heap(heap.begin(), heap.end());
                    heap.back() = {sum, static_cast<uint32_t>(i)};
                    std::push_heap(heap.begin(), heap.end());
                }
            }
        }
    }
    std::vector<double> bounds(queries.count);
    for (size_t q = 0; q < queries.count; q++) {
        std::vector<double> exact;
        for (auto &c : best[q]) {
            exact.push_back(exact_distance(base.row(c.second), queries.row(q), base.dim, inner));
        }
        std::sort(exact.begin(), exact.end());
        bounds[q] = exact[std::min(k, exact.size()) - 1];
    }
    return bounds;
}

#endif
