// RESTful v2, as any HTTP client speaks it: every route of the table in docs/rest.md has to be
// answered with code 0, and the usual errors are looked at.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { assert, step } from './steps.mjs';

// | `collections` | `list` `has` ... |
function routes() {
  const page = readFileSync(new URL('../../../docs/rest.md', import.meta.url), 'utf8');
  const table = page.split('## Routes')[1].split('\n\n`quotacenter')[0];
  const found = [];
  for (const [, group, actions] of table.matchAll(/^\| (.+?) \| (.+) \|$/gm)) {
    const prefix = /^`([\w/]+)`$/.exec(group)?.[1];
    for (const [, action] of actions.matchAll(/`([\w/]+)`/g))
      found.push(prefix ? `${prefix}/${action}` : action);
  }
  return found;
}

export async function rest(address, imports) {
  const answered = new Set();
  const raw = async (path, body, headers = {}) => {
    const reply = await fetch(`http://${address}/v2/vectordb/${path}`,
      { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers });
    return { http: reply.status, json: reply.status === 404 ? undefined : await reply.json() };
  };
  const post = async (path, body = {}, headers) => {
    const { json } = await raw(path, body, headers);
    assert.equal(json.code, 0, `${path}: ${JSON.stringify(json)}`);
    answered.add(path);
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
  await step('REST: partitions', async () => {
    const parted = more => at({ partitionNames: ['p'], ...more });
    await post('partitions/load', parted());
    await post('entities/insert', at({ partitionName: 'p',
      data: { id: 50, vector: [5, 5, 5, 5] } }));
    assert.equal((await post('partitions/get_stats', at({ partitionName: 'p' }))).rowCount, 1);
    const there = await post('entities/query', parted({ filter: 'id > 0' }));
    assert.deepEqual(there.map(r => r.id), [50]);
    await post('partitions/release', parted());
    await post('partitions/drop', at({ partitionName: 'p' }));
    await post('collections/load', at());
  });
  await step('REST: the schema changes', async () => {
    await post('collections/alter_properties', at({
      properties: { 'collection.ttl.seconds': 3600 } }));
    await post('collections/drop_properties', at({ propertyKeys: ['collection.ttl.seconds'] }));
    await post('collections/fields/add', at({ schema: { fieldName: 'note', dataType: 'VarChar',
      nullable: true, elementTypeParams: { max_length: 20 } } }));
    await post('collections/fields/add', at({ schema: { fieldName: 'brief', dataType: 'Int64',
      nullable: true } }));
    await post('collections/fields/drop', at({ fieldName: 'brief' }));
    await post('collections/fields/alter_properties', at({ fieldName: 'note',
      fieldParams: { max_length: 40 } }));
    const { fields } = await post('collections/describe', at());
    const { params } = fields.find(f => f.name === 'note');
    assert.equal(params.find(p => p.key === 'max_length').value, '40');
    await post('collections/drop_function', at({ functionName: 'absent' }));
    const func = { name: 'f', type: 'BM25', inputFieldNames: ['note'],
      outputFieldNames: ['vector'] };
    await fails('collections/add_function', at({ function: func }), 1100,
      /not support adding BM25/);
    await fails('collections/alter_function', at({ functionName: 'f', function: func }), 1100,
      /not exists/);
  });
  await step('REST: indexes change', async () => {
    const name = { indexName: 'vector' };
    await post('collections/release', at());
    await post('indexes/alter_properties', at({ ...name, properties: { 'mmap.enabled': true } }));
    await post('indexes/drop_properties', at({ ...name, propertyKeys: ['mmap.enabled'] }));
    await post('indexes/drop', at(name));
    await post('indexes/create', at({ indexParams: [{ fieldName: 'vector', indexName: 'vector',
      metricType: 'L2', indexType: 'HNSW', params: { M: 8, efConstruction: 64 } }] }));
    await post('collections/load', at());
    await post('collections/refresh_load', at());
  });
  await step('REST: aliases and names change', async () => {
    await post('collections/create', { collectionName: 'web2', dimension: 4 });
    await post('aliases/create', at({ aliasName: 'either' }));
    await post('aliases/alter', { collectionName: 'web2', aliasName: 'either' });
    assert.equal((await post('aliases/describe', { aliasName: 'either' })).collectionName, 'web2');
    await post('aliases/drop', { aliasName: 'either' });
    await post('collections/rename', { collectionName: 'web2', newCollectionName: 'web3' });
    await post('collections/truncate', { collectionName: 'web3' });
    await post('collections/drop', { collectionName: 'web3' });
  });
  await step('REST: databases change', async () => {
    const dbName = 'webdb';
    await post('databases/create', { dbName });
    await post('databases/alter', { dbName, properties: { 'database.replica.number': 1 } });
    await post('databases/alter_properties', { dbName,
      properties: { 'database.max.collections': 9 } });
    await post('databases/drop_properties', { dbName, propertyKeys: ['database.replica.number'] });
    const { properties } = await post('databases/describe', { dbName });
    assert.deepEqual(properties.map(p => p.key), ['database.max.collections']);
    await post('databases/drop', { dbName });
  });
  await step('REST: users, roles, groups of privileges', async () => {
    const userName = 'webber', roleName = 'weaver', privilegeGroupName = 'webs';
    await post('users/create', { userName, password: 'secret1' });
    await post('users/update_password', { userName, password: 'secret1', newPassword: 'secret2' });
    await post('roles/create', { roleName });
    await post('users/grant_role', { userName, roleName });
    assert.deepEqual((await post('users/describe', { userName })).filter(r => r !== 'public'),
      [roleName]);
    const grant = { roleName, objectType: 'Collection', objectName: collectionName,
      privilege: 'Search' };
    await post('roles/grant_privilege', grant);
    assert.equal((await post('roles/describe', { roleName }))[0].privilege, 'Search');
    await post('roles/revoke_privilege', grant);
    await post('privilege_groups/create', { privilegeGroupName });
    const privileges = ['Search', 'Query'];
    await post('privilege_groups/add_privileges_to_group', { privilegeGroupName, privileges });
    await post('privilege_groups/remove_privileges_from_group', { privilegeGroupName,
      privileges: ['Query'] });
    await post('privilege_groups/list');
    const second = { roleName, privilege: privilegeGroupName, dbName: 'default', collectionName };
    await post('roles/grant_privilege_v2', second);
    await post('roles/revoke_privilege_v2', second);
    await post('privilege_groups/drop', { privilegeGroupName });
    await post('users/revoke_role', { userName, roleName });
    await post('roles/drop', { roleName });
    await post('users/drop', { userName });
  });
  await step('REST: resource groups, segments, analyzers', async () => {
    const name = 'web_spare', config = { requests: { node_num: 0 }, limits: { node_num: 0 } };
    await post('resource_groups/create', { name, config });
    await post('resource_groups/alter', { resource_groups: { [name]: config } });
    await post('resource_groups/describe', { name });
    await post('resource_groups/transfer_replica', at({ sourceRgName: '__default_resource_group',
      targetRgName: name, replicaNum: 1 }));
    assert.ok(JSON.stringify(await post('resource_groups/list')).includes(name));
    await post('resource_groups/drop', { name });
    await post('segments/describe', at({ segmentIDs: [1] }));
    const { results } = await post('common/run_analyzer', { text: ['The Foxes'],
      analyzerParams: { type: 'english' } });
    assert.equal(results[0].tokens[0].token, 'fox');
  });
  await step('REST: import jobs', async () => {
    writeFileSync(join(imports, 'web.csv'), 'id,vector,colour\n77,"[1,2,3,4]",grey\n');
    writeFileSync(join(imports, 'bad.csv'), 'id,vector\n78,"[1,2,3]"\n');
    const run = async files => {
      const { jobId } = await post('jobs/import/create', at({ files }));
      for (;;) {
        const job = await post('jobs/import/get_progress', { jobId });
        if (!['Pending', 'Importing'].includes(job.state))
          return await post('jobs/import/describe', { jobId });
        await new Promise(resolve => setTimeout(resolve, 20));
      }
    };
    const job = await run([['web.csv']]);
    assert.equal(job.state, 'Completed');
    assert.equal(job.importedRows, 1);
    assert.equal((await post('entities/get', at({ id: [77] })))[0].colour, 'grey');
    const bad = await run([['bad.csv']]);
    assert.equal(bad.state, 'Failed');
    assert.match(bad.reason, /^bad\.csv: row 1: /);
    const { records } = await post('jobs/import/list', at());
    assert.deepEqual(records.map(r => r.state), ['Failed', 'Completed']);
    await fails('jobs/import/create', at({ files: [['../data/KITH.json']] }), 2100, /import\.dir/);
    await post('entities/delete', at({ filter: 'id == 77' }));
  });
  await step('REST: upkeep and drop', async () => {
    await post('entities/advanced_search', at({ limit: 1,
      rerank: { strategy: 'rrf', params: { k: 60 } }, search: [{ data: [[1, 0, 0, 0]], annsField: 'vector', limit: 1 }] }));
    await post('collections/flush', at());
    const { compactionID } = await post('collections/compact', at());
    assert.ok('state' in await post('collections/get_compaction_state', { jobID: compactionID }));
    await post('collections/release', at());
    await post('collections/load', at());
    await post('collections/get_stats', at());
    await post('collections/drop', at());
  });
  await step('REST: every route of docs/rest.md', () => {
    const never = ['collections/add_function', 'collections/alter_function']; // refused above
    const all = routes();
    assert.ok(all.length > 70);
    console.log(`REST: ${answered.size} of ${all.length} routes answered, 2 refuse`);
    assert.deepEqual(all.filter(path => !answered.has(path) && !never.includes(path)), []);
  });
  await step('REST: errors', async () => {
    await fails('collections/describe', at(), 100, /can't find collection/);
    await fails('collections/create', {}, 1802, /required/);
    await fails('collections/list', '{', 1801, /can only accept json format request/);
    await fails('entities/delete', at({ filter: '' }), 1802, /required/);
    assert.equal((await raw('nothing/here', {})).http, 404);
  });
}
