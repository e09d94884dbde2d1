// RESTful v2, as any HTTP client speaks it: happy paths of the groups, and the usual errors.
import { assert, step } from './steps.mjs';

export async function rest(address) {
  const raw = async (path, body, headers = {}) => {
    const reply = await fetch(`http://${address}/v2/vectordb/${path}`,
      { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers });
    return { http: reply.status, json: reply.status === 404 ? undefined : await reply.json() };
  };
  const post = async (path, body = {}, headers) => {
    const { json } = await raw(path, body, headers);
    assert.equal(json.code, 0, `${path}: ${JSON.stringify(json)}`);
    return json.data;
  };
  const fails = async (path, body, code, text) => {
    const { http, json } = await raw(path, body);
    assert.equal(http, 200);
    assert.equal(json.code, code, JSON.stringify(json));
    assert.match(json.message, text);
  };
  const collectionName = 'web';
  const at = more => ({ collectionName, ...more });

  await step('REST: collections', async () => {
    await post('collections/create', at({ dimension: 4, metricType: 'L2' }));
    assert.ok((await post('collections/list')).includes(collectionName));
    assert.equal((await post('collections/has', at())).has, true);
    const about = await post('collections/describe', at());
    assert.deepEqual(about.fields.map(f => f.name), ['id', 'vector']);
    assert.equal((await post('collections/get_load_state', at())).loadState, 'LoadStateLoaded');
  });
  await step('REST: entities', async () => {
    const data = [1, 2, 3].map(id => ({ id, vector: [id, 0, 0, 0], colour: `c${id}` }));
    const inserted = await post('entities/insert', at({ data }));
    assert.equal(inserted.insertCount, 3);
    assert.deepEqual(inserted.insertIds, [1, 2, 3]);
    await post('entities/upsert', at({ data: { id: 3, vector: [9, 0, 0, 0], colour: 'new' } }));
    const rows = await post('entities/query', at({ filter: 'id > 1', outputFields: ['colour'] }));
    assert.deepEqual(rows.map(r => r.colour).sort(), ['c2', 'new']);
    assert.equal((await post('entities/get', at({ id: [1] })))[0].colour, 'c1');
    const hits = await post('entities/search', at({ data: [[2, 0, 0, 0]], limit: 2,
      annsField: 'vector', outputFields: ['colour'] }));
    assert.equal(hits[0].id, 2);
    assert.equal(hits[0].distance, 0);
    assert.equal(hits[0].colour, 'c2');
    const mixed = await post('entities/hybrid_search', at({ limit: 2, rerank: { strategy: 'rrf',
      params: { k: 60 } }, search: [{ data: [[1, 0, 0, 0]], annsField: 'vector', limit: 2 },
      { data: [[9, 0, 0, 0]], annsField: 'vector', limit: 2 }] }));
    assert.equal(mixed.length, 2);
    await post('entities/delete', at({ filter: 'id in [1]' }));
    assert.equal((await post('entities/query', at({ filter: '', outputFields: ['count(*)'] })))[0]['count(*)'], 2);
    const text = await post('entities/get', at({ id: [2] }), { 'Accept-Type-Allow-Int64': 'false' });
    assert.equal(text[0].id, '2');
  });
  await step('REST: indexes, partitions, aliases', async () => {
    const [indexName] = await post('indexes/list', at());
    assert.equal((await post('indexes/describe', at({ indexName })))[0].metricType, 'L2');
    await post('partitions/create', at({ partitionName: 'p' }));
    assert.equal((await post('partitions/has', at({ partitionName: 'p' }))).has, true);
    assert.deepEqual((await post('partitions/list', at())).sort(), ['_default', 'p']);
    await post('aliases/create', at({ aliasName: 'webbed' }));
    assert.deepEqual(await post('aliases/list', at()), ['webbed']);
    assert.equal((await post('aliases/describe', { aliasName: 'webbed' })).collectionName, collectionName);
    await post('aliases/drop', { aliasName: 'webbed' });
  });
  await step('REST: databases, users, roles', async () => {
    await post('databases/create', { dbName: 'webdb' });
    assert.ok((await post('databases/list')).includes('webdb'));
    await post('databases/drop', { dbName: 'webdb' });
    assert.deepEqual(await post('users/list'), ['root']);
    assert.ok((await post('roles/list')).includes('admin'));
  });
  await step('REST: upkeep and drop', async () => {
    await post('collections/flush', at());
    await post('collections/compact', at());
    await post('collections/release', at());
    await post('collections/load', at());
    await post('collections/get_stats', at());
    await post('collections/drop', at());
  });
  await step('REST: errors', async () => {
    await fails('collections/describe', at(), 100, /can't find collection/);
    await fails('collections/create', {}, 1802, /required/);
    await fails('collections/list', '{', 1801, /can only accept json format request/);
    await fails('entities/delete', at({ filter: '' }), 1802, /required/);
    assert.equal((await raw('nothing/here', {})).http, 404);
  });
}
