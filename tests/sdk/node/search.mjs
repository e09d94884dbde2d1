// Searches: every type of vector, filters, ranges, groups, pages, iterators, full text, hybrid.
import { assert, ids, ok, range, refused, step } from './steps.mjs';
import { everyRow } from './rows.mjs';

const collection_name = 'every';

async function vectors(client) {
  const search = more => ok(client.search({ collection_name, limit: 3, output_fields: ['id'], ...more }));
  const query = everyRow(50);
  await step('search: float vector, L2', async () => {
    const reply = await search({ anns_field: 'vector', data: query.vector });
    assert.equal(Number(reply.results[0].id), 50);
    assert.equal(reply.results[0].score, 0);
    assert.deepEqual(ids(reply.results).sort(), [49, 50, 51]);
    assert.equal(reply.results[1].score, 8);
  });
  await step('search: all output fields', async () => {
    const reply = await search({ anns_field: 'vector', data: query.vector, output_fields: ['*'] });
    const [first] = reply.results;
    assert.equal(first.title, 'title 50');
    assert.equal((first.$meta ?? first).note, 'dynamic 50');
    assert.deepEqual(first.vector, query.vector);
    assert.equal(Number(first.added2), 7);
  });
  await step('search: several queries at once', async () => {
    const reply = await search({ anns_field: 'vector', data: [10, 20].map(i => everyRow(i).vector) });
    assert.deepEqual(reply.results.map(rows => Number(rows[0].id)), [10, 20]);
  });
  await step('search: float16 and bfloat16', async () => {
    assert.equal((await search({ anns_field: 'half', data: query.half })).results.length, 3);
    const found = await search({ anns_field: 'brain', data: [1, 0, 0, 0] });
    assert.ok(found.results[0].score >= found.results[2].score);
  });
  await step('search: binary', async () => {
    const found = await search({ anns_field: 'bits', data: query.bits });
    assert.equal(Number(found.results[0].id), 50);
    assert.equal(found.results[0].score, 0);
  });
  await step('search: sparse', async () => {
    const found = await search({ anns_field: 'sparse', data: { 50: 2 } });
    assert.deepEqual(ids(found.results), [50]);
    assert.equal(found.results[0].score, 2);
  });
  await step('search: filter', async () => {
    const found = await search({ anns_field: 'vector', data: query.vector, filter: 'id % 7 == 0' });
    assert.deepEqual(ids(found.results).sort((a, b) => a - b), [42, 49, 56]);
  });
  await step('search: templates', async () => {
    const found = await search({ anns_field: 'vector', data: query.vector,
      filter: 'id in {list}', exprValues: { list: [3, 4] } });
    assert.deepEqual(ids(found.results), [4, 3]);
  });
  await step('search: radius and range_filter', async () => {
    const found = await search({ anns_field: 'vector', data: query.vector, limit: 10,
      params: { radius: 33, range_filter: 8 } });
    assert.deepEqual(ids(found.results).sort(), [48, 49, 51, 52]);
  });
  await step('search: offset', async () => {
    const page = offset => search({ anns_field: 'vector', data: query.vector, limit: 4, offset });
    const all = await search({ anns_field: 'vector', data: query.vector, limit: 8 });
    assert.deepEqual([...ids((await page(0)).results), ...ids((await page(4)).results)],
      ids(all.results));
  });
  await step('search: group_by_field', async () => {
    const found = await search({ anns_field: 'vector', data: query.vector, limit: 2,
      group_by_field: 'flag', output_fields: ['flag'] });
    assert.deepEqual(found.results.map(r => r.flag).sort(), [false, true]);
    const sized = await search({ anns_field: 'vector', data: query.vector, limit: 2,
      group_by_field: 'flag', group_size: 3, strict_group_size: true });
    assert.equal(sized.results.length, 6);
  });
  await step('search: round_decimal, nothing found', async () => {
    const found = await search({ anns_field: 'half', data: query.half, params: { round_decimal: 2 } });
    assert.ok(found.results.every(r => Math.abs(r.score * 100 - Math.round(r.score * 100)) < 1e-3));
    assert.deepEqual((await search({ anns_field: 'vector', data: query.vector,
      filter: 'id > 5000' })).results, []);
  });
  await step('search: by ids', async () => {
    const found = await search({ anns_field: 'vector', ids: [20], limit: 1 });
    assert.ok(found.results.flat().length === 1);
  });
  await step('search: refused', async () => {
    const bad = (more, text) => refused(client.search({ collection_name, anns_field: 'vector',
      data: query.vector, limit: 3, ...more }), text);
    await bad({ metric_type: 'IP' }, /metric type not match/);
    await bad({ filter: 'nope(' }, /cannot parse expression/);
    await bad({ partition_names: ['absent'] }, /partition name absent not found/);
    await bad({ data: [1, 2, 3] }, /dimension|size|dim/);
    await bad({ limit: 16385 }, /invalid|16384/);
  });
  await step('searchIterator', async () => {
    const iterator = await client.searchIterator({ collection_name, anns_field: 'vector',
      data: query.vector, batchSize: 10, limit: 35, output_fields: ['id'] });
    const seen = [];
    for await (const batch of iterator) seen.push(...ids(batch));
    assert.equal(seen.length, 35);
    assert.equal(new Set(seen).size, 35);
    assert.ok(seen.includes(50) && seen.includes(49) && seen.includes(51));
  });
  await step('hybridSearch: rrf and weighted', async () => {
    const requests = [{ anns_field: 'vector', data: query.vector }, { anns_field: 'sparse', data: { 7: 1 } }];
    const rrf = await ok(client.hybridSearch({ collection_name, data: requests, limit: 5,
      rerank: { strategy: 'rrf', params: { k: 60 } }, output_fields: ['id', 'title'] }));
    assert.deepEqual(ids(rrf.results).slice(0, 2).sort(), [50, 7]);
    assert.ok(Math.abs(rrf.results[0].score - 1 / 61) < 1e-6);
    assert.ok(rrf.results[0].title.startsWith('title'));
    const weighted = await ok(client.hybridSearch({ collection_name, data: requests, limit: 5,
      rerank: { strategy: 'weighted', params: { weights: [0.1, 0.9] } },
      output_fields: ['id'] }));
    assert.equal(Number(weighted.results[0].id), 7);
    await refused(client.hybridSearch({ collection_name, data: requests, limit: 5,
      rerank: { strategy: 'weighted', params: { weights: [0.1] } } }), /weights param mismatch/);
  });
}

async function text(client, { DataType, FunctionType }) {
  const name = 'texts';
  const documents = ['the quick brown fox', 'a lazy dog sleeps', 'the fox and the dog play',
    'vector databases search quickly', 'full text search ranks documents'];
  await step('BM25: createCollection with a function', async () => {
    await ok(client.createCollection({ collection_name: name, fields: [
      { name: 'id', data_type: DataType.Int64, is_primary_key: true, autoID: true },
      { name: 'text', data_type: DataType.VarChar, max_length: 500, enable_analyzer: true,
        enable_match: true, analyzer_params: { type: 'english' } },
      { name: 'sparse', data_type: DataType.SparseFloatVector },
    ], functions: [{ name: 'bm25', type: FunctionType.BM25, input_field_names: ['text'],
      output_field_names: ['sparse'], params: {} }],
    index_params: [{ field_name: 'sparse', index_type: 'SPARSE_INVERTED_INDEX',
      metric_type: 'BM25', params: { bm25_k1: 1.2, bm25_b: 0.75 } }] }));
    await ok(client.loadCollectionSync({ collection_name: name }));
    const reply = await ok(client.describeCollection({ collection_name: name }));
    assert.equal(reply.schema.functions[0].name, 'bm25');
  });
  await step('BM25: insert and search by text', async () => {
    const reply = await ok(client.insert({ collection_name: name, data: documents.map(text => ({ text })) }));
    assert.equal(reply.IDs.int_id.data.length, documents.length);
    const found = await ok(client.search({ collection_name: name, anns_field: 'sparse',
      data: 'foxes playing', limit: 3, output_fields: ['text'] }));
    assert.equal(found.results[0].text, documents[2]);
    assert.ok(found.results[0].score > found.results[1].score);
  });
  await step('text_match, phrase_match', async () => {
    const count = async expr => (await ok(client.count({ collection_name: name, expr }))).data;
    assert.equal(await count('text_match(text, "dog fox")'), 3);
    assert.equal(await count('phrase_match(text, "quick brown")'), 1);
  });
  await step('autoID: upsert gives a new key', async () => {
    const [row] = (await ok(client.query({ collection_name: name, filter: 'text_match(text, "lazy")' }))).data;
    await ok(client.upsert({ collection_name: name, data: [{ id: row.id, text: 'an idle cat' }] }));
    assert.equal((await ok(client.count({ collection_name: name }))).data, documents.length);
  });
  await step('runAnalyzer', async () => {
    const reply = await ok(client.runAnalyzer({ text: ['The Quick Foxes'], with_detail: true,
      analyzer_params: { type: 'english' } }));
    assert.deepEqual(reply.results[0].tokens.map(t => t.token), ['quick', 'fox']);
    const plain = await ok(client.runAnalyzer({ text: 'The Quick', analyzer_params: { tokenizer: 'standard' } }));
    assert.equal(plain.results[0].tokens.length, 2);
  });
}

async function strings(client, { DataType }) {
  const name = 'keys';
  await step('VarChar keys', async () => {
    await ok(client.createCollection({ collection_name: name, enable_dynamic_field: true, fields: [
      { name: 'key', data_type: DataType.VarChar, max_length: 40, is_primary_key: true },
      { name: 'v', data_type: DataType.FloatVector, dim: 4 },
    ], index_params: [{ field_name: 'v', index_type: 'IVF_FLAT', metric_type: 'IP', params: { nlist: 8 } }] }));
    await ok(client.insert({ collection_name: name,
      data: range(5).map(i => ({ key: `k${i}`, v: [i, 0, 0, 0], extra: i })) }));
    const found = await ok(client.search({ collection_name: name, data: [1, 0, 0, 0], limit: 2,
      output_fields: ['key', 'extra'] }));
    assert.equal(found.results[0].key, 'k4');
    assert.equal(Number(found.results[0].extra), 4);
    const { data } = await ok(client.get({ collection_name: name, ids: ['k2'] }));
    assert.equal(data[0].key, 'k2');
    await ok(client.delete({ collection_name: name, ids: ['k2'] }));
    assert.equal((await ok(client.count({ collection_name: name }))).data, 4);
  });
  await step('every row is found at once', async () => {
    const at = 'fresh';
    await ok(client.createCollection({ collection_name: at, dimension: 4, metric_type: 'L2' }));
    for (const start of range(20)) {
      const rows = range(10).map(i => ({ id: start * 10 + i, vector: [start * 10 + i, 1, 2, 3] }));
      await ok(client.insert({ collection_name: at, data: rows }));
      const reply = await ok(client.search({ collection_name: at, data: rows.map(r => r.vector), limit: 1 }));
      assert.deepEqual(reply.results.map(r => Number(r[0].id)), rows.map(r => r.id));
    }
  });
}

export async function searches(client, sdk) {
  await vectors(client);
  await text(client, sdk);
  await strings(client, sdk);
}
