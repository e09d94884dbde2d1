// Rankers: of several searches and of one; highlights, orders, iterators with filters.
import { assert, ids, ok, range, refused, step } from './steps.mjs';
import { everyRow } from './rows.mjs';

const collection_name = 'ranks';

async function setup(client, { DataType, FunctionType }) {
  await ok(client.createCollection({ collection_name, fields: [
    { name: 'id', data_type: DataType.Int64, is_primary_key: true },
    { name: 'age', data_type: DataType.Int64 },
    { name: 'kind', data_type: DataType.VarChar, max_length: 10 },
    { name: 'text', data_type: DataType.VarChar, max_length: 100, enable_analyzer: true },
    { name: 'near', data_type: DataType.FloatVector, dim: 2 },
    { name: 'far', data_type: DataType.FloatVector, dim: 2 },
    { name: 'words', data_type: DataType.SparseFloatVector },
  ], functions: [{ name: 'bm25', type: FunctionType.BM25, input_field_names: ['text'],
    output_field_names: ['words'], params: {} }], index_params: [
    { field_name: 'near', index_type: 'FLAT', metric_type: 'IP' },
    { field_name: 'far', index_type: 'FLAT', metric_type: 'L2' },
    { field_name: 'words', index_type: 'SPARSE_INVERTED_INDEX', metric_type: 'BM25' },
  ] }));
  await ok(client.loadCollectionSync({ collection_name }));
  await ok(client.insert({ collection_name, data: range(10).map(id => ({ id, age: id * 10,
    kind: id % 2 ? 'odd' : 'even', text: `word${id} common`, near: [1, 0], far: [id, 0] })) }));
}

// Two searches: the same score for all rows, and the distance from row 4.
const both = more => ({ collection_name, limit: 3, data: [
  { anns_field: 'near', data: [1, 0], limit: 10 }, { anns_field: 'far', data: [4, 0], limit: 10 },
], ...more });

async function hybrid(client, { FunctionType, RRFRanker, WeightedRanker }) {
  const run = async more => ids((await ok(client.hybridSearch(both(more)))).results);
  const rerank = (params, more) =>
    ({ name: 'r', type: FunctionType.RERANK, input_field_names: [], params, ...more });
  await step('hybridSearch: RRFRanker, WeightedRanker', async () => {
    assert.equal((await run({ rerank: RRFRanker(10) })).length, 3);
    assert.equal((await run({ rerank: WeightedRanker([0.1, 0.9]) }))[0], 4);
  });
  await step('hybridSearch: rerank functions rrf and weighted', async () => {
    assert.equal((await run({ rerank: rerank({ reranker: 'rrf', k: 60 }) })).length, 3);
    assert.equal((await run({ rerank: rerank({ reranker: 'weighted', weights: [0, 1],
      norm_score: true }) }))[0], 4);
  });
  await step('hybridSearch: decay', async () => {
    const decay = { input_field_names: ['age'] };
    assert.equal((await run({ rerank: rerank({ reranker: 'decay', function: 'gauss', origin: 70,
      scale: 1 }, decay) }))[0], 7);
    await refused(client.hybridSearch(both({ rerank: rerank({ reranker: 'decay',
      function: 'gauss', scale: 1 }, decay) })), /lost param: origin/);
  });
  await step('hybridSearch: filters, text and vector, groups', async () => {
    const reply = await ok(client.hybridSearch({ collection_name, limit: 2, rerank: RRFRanker(),
      data: [{ anns_field: 'words', data: 'word5', limit: 5, expr: 'kind == "odd"' },
        { anns_field: 'far', data: [5, 0], limit: 5, expr: 'kind == "odd"' }] }));
    assert.equal(ids(reply.results)[0], 5);
    const grouped = await ok(client.hybridSearch(both({ limit: 2, group_by_field: 'kind',
      rerank: WeightedRanker([0.1, 0.9]), output_fields: ['kind'] })));
    assert.deepEqual(grouped.results.map(r => r.kind).sort(), ['even', 'odd']);
  });
}

async function one(client, { FunctionType }) {
  // Ranks what the search found, so that has to be every row.
  const search = async (params, more = {}) => (await ok(client.search({ collection_name,
    anns_field: 'near', data: [1, 0], limit: 10, ...more, rerank: { name: 'r', params,
      type: FunctionType.RERANK, input_field_names: more.inputs ?? [] } }))).results;
  await step('search: decay gauss, exp, linear', async () => {
    for (const shape of ['gauss', 'exp', 'linear']) {
      const results = await search({ reranker: 'decay', function: shape, origin: 50, scale: 20,
        decay: 0.5 }, { inputs: ['age'] });
      assert.equal(ids(results)[0], 5, shape);
      assert.ok(Math.abs(results[0].score - 1) < 1e-6, shape);
      assert.deepEqual(ids(results).slice(0, 3), [5, 4, 6], shape);
    }
    const [, next] = await search({ reranker: 'decay', function: 'exp', origin: 50, scale: 10 },
      { inputs: ['age'] });
    assert.ok(Math.abs(next.score - 0.5) < 1e-6);
  });
  await step('search: boost', async () => {
    const results = await search({ reranker: 'boost', filter: 'age >= 80', weight: 3 });
    assert.deepEqual(ids(results).slice(0, 2), [8, 9]);
    assert.ok(Math.abs(results[0].score - 3) < 1e-6);
  });
  await step('search: several boosts in a function score', async () => {
    const boost = (name, filter, weight) => ({ name, type: FunctionType.RERANK,
      input_field_names: [], params: { reranker: 'boost', filter, weight } });
    const { results } = await ok(client.search({ collection_name, anns_field: 'near', data: [1, 0],
      limit: 10, rerank: { functions: [boost('a', 'kind == "odd"', 2), boost('b', 'age > 60', 5)],
        params: { boost_mode: 'multiply', function_mode: 'sum' } } }));
    assert.deepEqual(ids(results).slice(0, 2), [7, 9]);
    assert.ok(Math.abs(results[0].score - 7) < 1e-6);
  });
}

async function others(client) {
  await step('search: text, with words in the filter', async () => {
    const { results } = await ok(client.search({ collection_name, anns_field: 'words',
      data: 'common word8', limit: 2, filter: 'kind == "even"' }));
    assert.equal(ids(results)[0], 8);
  });
  await step('searchIterator with a filter', async () => {
    const iterator = await client.searchIterator({ collection_name: 'every', anns_field: 'vector',
      data: everyRow(50).vector, batchSize: 7, limit: 100, expr: 'flag == true',
      output_fields: ['id'] });
    const seen = [];
    for await (const batch of iterator) seen.push(...ids(batch));
    assert.equal(new Set(seen).size, seen.length);
    assert.ok(seen.length > 40 && seen.every(id => id % 2 === 0));
  });
}

export async function ranks(client, sdk) {
  await step('ranks: a collection', () => setup(client, sdk));
  await hybrid(client, sdk);
  await one(client, sdk);
  await others(client);
}
