// What reads can do beyond rows: aggregates, groups, orders, highlights, given keys, zones of time.
import { assert, ids, ok, range, refused, step } from './steps.mjs';

const collection_name = 'goods';

async function setup(client, { DataType, FunctionType }) {
  await ok(client.createCollection({ collection_name, enable_dynamic_field: true,
    properties: { timezone: 'Europe/Berlin' }, fields: [
      { name: 'id', data_type: DataType.Int64, is_primary_key: true },
      { name: 'brand', data_type: DataType.VarChar, max_length: 10, nullable: true },
      { name: 'price', data_type: DataType.Double },
      { name: 'made', data_type: DataType.Timestamptz },
      { name: 'text', data_type: DataType.VarChar, max_length: 100, enable_analyzer: true },
      { name: 'vector', data_type: DataType.FloatVector, dim: 2 },
      { name: 'words', data_type: DataType.SparseFloatVector },
    ], functions: [{ name: 'bm25', type: FunctionType.BM25, input_field_names: ['text'],
      output_field_names: ['words'], params: {} }],
    index_params: [
      { field_name: 'vector', index_type: 'FLAT', metric_type: 'L2' },
      { field_name: 'words', index_type: 'SPARSE_INVERTED_INDEX', metric_type: 'BM25' },
    ] }));
  await ok(client.loadCollectionSync({ collection_name }));
  await ok(client.insert({ collection_name, data: range(12).map(i => ({
    id: i, brand: i % 4 ? `brand ${i % 4}` : null, price: i / 4,
    made: `2030-${i < 6 ? '01' : '07'}-01T12:00:00`, text: i % 2 ? 'a red fox' : 'a grey wolf',
    vector: [i, 0], rank: (i * 5) % 12,
  })) }));
}

async function queries(client) {
  const query = async more => (await ok(client.query({ collection_name, ...more }))).data;
  await step('query: aggregates', async () => {
    const [row] = await query({ filter: '', output_fields:
      ['count(*)', 'count(brand)', 'sum(id)', 'avg(price)', 'min(brand)', 'max(id)'] });
    assert.equal(Number(row['count(*)']), 12);
    assert.equal(Number(row['count(brand)']), 9);
    assert.equal(Number(row['sum(id)']), 66);
    assert.equal(row['avg(price)'], 1.375);
    assert.equal(row['min(brand)'], 'brand 1');
    assert.equal(Number(row['max(id)']), 11);
  });
  await step('query: groups', async () => {
    const rows = await query({ filter: 'id > 0', output_fields: ['brand', 'count(*)', 'max(id)'],
      group_by_fields: ['brand'], limit: 3,
      order_by_fields: [{ field: 'max(id)', order: 'desc' }] });
    assert.deepEqual(rows.map(r => [r.brand, Number(r['count(*)']), Number(r['max(id)'])]),
      [['brand 3', 3, 11], ['brand 2', 3, 10], ['brand 1', 3, 9]]);
  });
  await step('query: order', async () => {
    const rows = await query({ filter: '', limit: 3, offset: 1, output_fields: ['id'],
      order_by_fields: [{ field: 'rank', order: 'desc' }] });
    assert.deepEqual(ids(rows), [2, 9, 4]);
  });
  await step('query: times in the zone of the collection', async () => {
    const rows = await query({ filter: 'id in [0, 11]', output_fields: ['made'] });
    assert.deepEqual(rows.map(r => r.made),
      ['2030-01-01T12:00:00+01:00', '2030-07-01T12:00:00+02:00']);
  });
  await step('query: what no aggregate takes', () => refused(
    client.query({ collection_name, filter: '', output_fields: ['sum(brand)'] }),
    /aggregation operator sum does not support data type VarChar/));
}

async function searches(client) {
  await step('search: order', async () => {
    const found = await ok(client.search({ collection_name, anns_field: 'vector', data: [0, 0],
      limit: 4, output_fields: ['id'], order_by_fields: [{ field: 'price', order: 'desc' }] }));
    assert.deepEqual(ids(found.results), [3, 2, 1, 0]);
  });
  await step('search: highlights', async () => {
    const found = await ok(client.search({ collection_name, anns_field: 'words', data: 'red',
      limit: 2, highlighter: { type: 0, highlight_search_text: true,
        pre_tags: ['['], post_tags: [']'], fragment_offset: 2 } }));
    assert.equal(found.results.length, 2);
    for (const row of found.results)
      assert.deepEqual(row.highlight.text.fragments, ['a [red] fox']);
  });
}

async function keys(client, { DataType }) {
  const at = { collection_name: 'given' };
  await step('insert: keys beside automatic ones', async () => {
    await ok(client.createCollection({ ...at, fields: [
      { name: 'id', data_type: DataType.Int64, is_primary_key: true, autoID: true },
      { name: 'vector', data_type: DataType.FloatVector, dim: 2 },
    ], index_params: [{ field_name: 'vector', index_type: 'FLAT', metric_type: 'L2' }] }));
    await ok(client.loadCollectionSync(at));
    await ok(client.alterCollectionProperties({ ...at,
      properties: { allow_insert_auto_id: true } }));
    const done = await ok(client.insert({ ...at, data: [{ id: 5, vector: [1, 2] }] }));
    assert.deepEqual(done.IDs.int_id.data.map(Number), [5]);
    await ok(client.dropCollection(at));
  });
}

export async function orders(client, sdk) {
  await step('a collection to order and to count', () => setup(client, sdk));
  await queries(client);
  await searches(client);
  await keys(client, sdk);
  await ok(client.dropCollection({ collection_name }));
}
