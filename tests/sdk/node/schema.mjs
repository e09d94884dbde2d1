// Collections of every type of field, their indexes, load state, aliases, partitions, upkeep.
import { assert, ok, refused, step } from './steps.mjs';

export function everyField({ DataType }) {
  const array = (name, element_type, more = {}) =>
    ({ name, data_type: DataType.Array, element_type, max_capacity: 8, ...more });
  return [
    { name: 'id', data_type: DataType.Int64, is_primary_key: true, autoID: false },
    { name: 'flag', data_type: DataType.Bool },
    { name: 'tiny', data_type: DataType.Int8 },
    { name: 'small', data_type: DataType.Int16 },
    { name: 'medium', data_type: DataType.Int32 },
    { name: 'large', data_type: DataType.Int64 },
    { name: 'single', data_type: DataType.Float },
    { name: 'double', data_type: DataType.Double },
    { name: 'title', data_type: DataType.VarChar, max_length: 200 },
    { name: 'doc', data_type: DataType.JSON },
    array('numbers', DataType.Int64),
    array('words', DataType.VarChar, { max_length: 20 }),
    { name: 'maybe', data_type: DataType.Int32, nullable: true },
    { name: 'colour', data_type: DataType.VarChar, max_length: 20, default_value: 'red' },
    { name: 'vector', data_type: DataType.FloatVector, dim: 8 },
    { name: 'half', data_type: DataType.Float16Vector, dim: 4 },
    { name: 'brain', data_type: DataType.BFloat16Vector, dim: 4 },
    { name: 'bits', data_type: DataType.BinaryVector, dim: 16 },
    { name: 'sparse', data_type: DataType.SparseFloatVector },
  ];
}

export const everyIndex = [
  { field_name: 'vector', index_name: 'by_vector', index_type: 'HNSW', metric_type: 'L2',
    params: { M: 16, efConstruction: 100 } },
  { field_name: 'half', index_type: 'FLAT', metric_type: 'COSINE' },
  { field_name: 'brain', index_type: 'AUTOINDEX', metric_type: 'IP' },
  { field_name: 'bits', index_type: 'BIN_FLAT', metric_type: 'HAMMING' },
  { field_name: 'sparse', index_type: 'SPARSE_INVERTED_INDEX', metric_type: 'IP' },
  { field_name: 'title', index_name: 'by_title', index_type: 'INVERTED' },
];

export async function collections(client, sdk) {
  const collection_name = 'every';
  const { DataType } = sdk;
  await step('createCollection (every type)', () => ok(client.createCollection({
    collection_name, fields: everyField(sdk), enable_dynamic_field: true,
    consistency_level: 'Strong', description: 'one field of each type' })));
  await step('createCollection the same again', () => ok(client.createCollection({
    collection_name, fields: everyField(sdk), enable_dynamic_field: true,
    consistency_level: 'Strong', description: 'one field of each type' })));
  await step('createCollection refused', async () => {
    await refused(client.createCollection({ collection_name, fields: everyField(sdk).slice(0, -1) }),
      /create duplicate collection with different parameters/);
    await refused(client.createCollection({ collection_name: '1bad', dimension: 4 }),
      /Invalid collection name/);
  });
  await step('hasCollection', async () => {
    assert.equal((await ok(client.hasCollection({ collection_name }))).value, true);
    assert.equal((await client.hasCollection({ collection_name: 'nothing' })).value, false);
  });
  await step('describeCollection', async () => {
    const reply = await ok(client.describeCollection({ collection_name }));
    assert.equal(reply.schema.fields.length, everyField(sdk).length);
    const field = name => reply.schema.fields.find(f => f.name === name);
    assert.equal(field('id').is_primary_key, true);
    assert.equal(field('vector').data_type, 'FloatVector');
    assert.equal(field('words').element_type, 'VarChar');
    assert.equal(field('maybe').nullable, true);
    assert.equal(field('colour').default_value, 'red');
    assert.equal(reply.schema.enable_dynamic_field, true);
    assert.equal(reply.consistency_level, 'Strong');
    assert.ok(Number(reply.created_timestamp) > 0);
    await refused(client.describeCollection({ collection_name: 'nothing' }), /can't find collection/);
  });
  await step('batchDescribeCollections', async () => {
    const reply = await ok(client.batchDescribeCollections({ collection_names: [collection_name] }));
    assert.equal(reply.responses[0].collection_name, collection_name);
  });
  await step('getPkField, getPkFieldName, getPkFieldType', async () => {
    assert.equal(await client.getPkFieldName({ collection_name }), 'id');
    assert.equal(await client.getPkFieldType({ collection_name }), 'Int64');
    assert.equal((await client.getPkField({ collection_name })).name, 'id');
  });
  await step('loadCollection without index', () =>
    refused(client.loadCollection({ collection_name }), /index not found/));
  await step('createIndex (several)', async () => {
    await ok(client.createIndex(everyIndex.map(index => ({ collection_name, ...index }))));
  });
  await step('createIndex refused', async () => {
    await refused(client.createIndex({ collection_name, field_name: 'absent', index_type: 'FLAT',
      metric_type: 'L2' }), /non-exist field/);
    await refused(client.createIndex({ collection_name, field_name: 'vector', index_name: 'other',
      index_type: 'FLAT', metric_type: 'IP' }), /at most one distinct index/);
  });
  await step('describeIndex, listIndexes', async () => {
    const reply = await ok(client.describeIndex({ collection_name, index_name: 'by_vector' }));
    const [index] = reply.index_descriptions;
    assert.equal(index.field_name, 'vector');
    assert.equal(index.state, 'Finished');
    const params = Object.fromEntries(index.params.map(({ key, value }) => [key, value]));
    assert.equal(params.index_type, 'HNSW');
    assert.equal(params.metric_type, 'L2');
    assert.equal((await ok(client.listIndexes({ collection_name }))).indexes.length, everyIndex.length);
    const none = await client.describeIndex({ collection_name, field_name: 'medium' });
    assert.equal(none.status.error_code, 'IndexNotExist');
  });
  await step('getIndexState, getIndexBuildProgress, getIndexStatistics', async () => {
    const at = { collection_name, field_name: 'vector', index_name: 'by_vector' };
    assert.equal((await ok(client.getIndexState(at))).state, 'Finished');
    const progress = await ok(client.getIndexBuildProgress(at));
    assert.equal(progress.indexed_rows, progress.total_rows);
    assert.equal((await ok(client.getIndexStatistics(at))).index_descriptions.length, 1);
  });
  await step('alterIndexProperties, dropIndexProperties', async () => {
    await ok(client.alterIndexProperties({ collection_name, index_name: 'by_title',
      params: { 'mmap.enabled': true } }));
    await ok(client.dropIndexProperties({ collection_name, index_name: 'by_title',
      properties: ['mmap.enabled'] }));
  });
  await step('dropIndex', async () => {
    await ok(client.dropIndex({ collection_name, field_name: 'title', index_name: 'by_title' }));
    assert.equal((await ok(client.listIndexes({ collection_name }))).indexes.length,
      everyIndex.length - 1);
    await ok(client.dropIndex({ collection_name, index_name: 'by_title' }));
  });
  await step('getLoadState (not loaded)', async () =>
    assert.equal((await ok(client.getLoadState({ collection_name }))).state, 'LoadStateNotLoad'));
  await step('search before load', () => refused(
    client.search({ collection_name, data: Array(8).fill(0), anns_field: 'vector', limit: 1 }),
    /collection not loaded/));
  await step('loadCollection, getLoadingProgress, getLoadState', async () => {
    await ok(client.loadCollection({ collection_name }));
    await ok(client.loadCollectionAsync({ collection_name }));
    assert.equal(Number((await ok(client.getLoadingProgress({ collection_name }))).progress), 100);
    assert.equal((await ok(client.getLoadState({ collection_name }))).state, 'LoadStateLoaded');
    await ok(client.refreshLoad({ collection_name }));
    const loaded = await ok(client.showCollections({ type: sdk.ShowCollectionsType.Loaded }));
    assert.deepEqual(loaded.data.map(c => c.name), [collection_name]);
  });
  await step('getReplicas', async () => {
    const { collectionID } = await ok(client.describeCollection({ collection_name }));
    const reply = await ok(client.getReplicas({ collectionID }));
    assert.equal(reply.replicas.length, 1);
    await ok(client.describeReplicas({ collection_name, collectionID }));
  });
  await step('alterCollectionProperties, dropCollectionProperties', async () => {
    const ttl = async () => (await ok(client.describeCollection({ collection_name, cache: false })))
      .properties.find(p => p.key === 'collection.ttl.seconds')?.value;
    await ok(client.alterCollectionProperties({ collection_name,
      properties: { 'collection.ttl.seconds': 18000 } }));
    assert.equal(await ttl(), '18000');
    await ok(client.dropCollectionProperties({ collection_name,
      properties: ['collection.ttl.seconds'] }));
    assert.equal(await ttl(), undefined);
  });
  await step('alterCollectionFieldProperties', async () => {
    await ok(client.alterCollectionFieldProperties({ collection_name, field_name: 'title',
      properties: { max_length: 300 } }));
    const reply = await ok(client.describeCollection({ collection_name, cache: false }));
    const title = reply.schema.fields.find(f => f.name === 'title');
    assert.equal(String(title.max_length
      ?? title.type_params.find(p => p.key === 'max_length').value), '300');
  });
  await step('addCollectionField', async () => {
    await ok(client.addCollectionField({ collection_name,
      field: { name: 'added', data_type: DataType.VarChar, max_length: 50, nullable: true } }));
    await refused(client.addCollectionField({ collection_name,
      field: { name: 'bad', data_type: DataType.Int64 } }), /must be nullable/);
  });
  await step('addCollectionFields', () => ok(client.addCollectionFields({ collection_name,
    fields: [{ name: 'added2', data_type: DataType.Int64, nullable: true, default_value: 7 }] })));
}

export async function aliases(client) {
  const collection_name = 'every';
  await step('createAlias', () => ok(client.createAlias({ collection_name, alias: 'all' })));
  await step('createAlias refused', () =>
    refused(client.createAlias({ collection_name: 'nothing', alias: 'none' }), /not found/));
  await step('describeAlias, listAliases', async () => {
    assert.equal((await ok(client.describeAlias({ collection_name, alias: 'all' }))).collection, collection_name);
    assert.deepEqual((await ok(client.listAliases({ collection_name }))).aliases, ['all']);
  });
  await step('an alias instead of the name', async () => {
    const reply = await ok(client.describeCollection({ collection_name: 'all' }));
    assert.equal(reply.schema.name, collection_name);
    assert.equal((await ok(client.count({ collection_name: 'all' }))).data >= 0, true);
  });
  await step('alterAlias', async () => {
    await ok(client.createCollection({ collection_name: 'second', dimension: 4 }));
    await ok(client.alterAlias({ collection_name: 'second', alias: 'all' }));
    assert.equal((await ok(client.describeAlias({ collection_name, alias: 'all' }))).collection, 'second');
  });
  await step('dropAlias', async () => {
    await ok(client.dropAlias({ collection_name, alias: 'all' }));
    await refused(client.describeAlias({ collection_name, alias: 'all' }), /alias not found/);
  });
  await step('renameCollection', async () => {
    await ok(client.renameCollection({ collection_name: 'second', new_collection_name: 'renamed' }));
    assert.equal((await client.hasCollection({ collection_name: 'second' })).value, false);
    assert.equal((await ok(client.hasCollection({ collection_name: 'renamed' }))).value, true);
  });
  await step('dropCollection', async () => {
    await ok(client.dropCollection({ collection_name: 'renamed' }));
    await ok(client.dropCollection({ collection_name: 'renamed' }));
    assert.equal((await client.hasCollection({ collection_name: 'renamed' })).value, false);
  });
}

export async function partitions(client, { DataType }) {
  const collection_name = 'parted';
  const at = name => ({ collection_name, partition_name: name });
  await ok(client.createCollection({ collection_name, dimension: 4 }));
  await step('createPartition', async () => {
    await ok(client.createPartition(at('one')));
    await ok(client.createPartition(at('one')));
    await refused(client.createPartition(at('a b')), /Invalid partition name/);
  });
  await step('hasPartition, showPartitions', async () => {
    assert.equal((await ok(client.hasPartition(at('one')))).value, true);
    assert.equal((await ok(client.hasPartition(at('two')))).value, false);
    const reply = await ok(client.showPartitions({ collection_name }));
    assert.deepEqual([...reply.partition_names].sort(), ['_default', 'one']);
  });
  await step('loadPartitions, releasePartitions', async () => {
    await ok(client.loadPartitions({ collection_name, partition_names: ['one'] }));
    await ok(client.loadPartitionsSync({ collection_name, partition_names: ['one', '_default'] }));
  });
  await step('rows in a partition', async () => {
    const row = (id, x) => ({ id, vector: [x, 1, 0, 0] });
    await ok(client.insert({ ...at('one'), data: [row(1, 0), row(2, 1)] }));
    await ok(client.insert({ collection_name, data: [row(3, 2)] }));
    const query = more => ok(client.query({ collection_name, filter: 'id > 0', ...more }));
    assert.equal((await query({})).data.length, 3);
    assert.equal((await query({ partition_names: ['one'] })).data.length, 2);
    const found = await ok(client.search({ collection_name, data: [2, 1, 0, 0], limit: 5,
      partition_names: ['one'] }));
    assert.deepEqual(found.results.map(r => Number(r.id)).sort(), [1, 2]);
    await refused(client.insert({ ...at('absent'), data: [row(4, 2)] }), /partition/);
  });
  await step('getPartitionStatistics', async () => {
    assert.equal(Number((await ok(client.getPartitionStatistics(at('one')))).data.row_count), 2);
  });
  await step('dropPartition', async () => {
    await refused(client.dropPartition(at('one')), /partition is loaded/);
    await ok(client.releasePartitions({ collection_name, partition_names: ['one'] }));
    await ok(client.releaseCollection({ collection_name }));
    await ok(client.dropPartition(at('one')));
    assert.equal((await ok(client.hasPartition(at('one')))).value, false);
  });
  await step('a partition key', async () => {
    const name = 'tenants';
    await ok(client.createCollection({ collection_name: name, num_partitions: 8, fields: [
      { name: 'id', data_type: DataType.Int64, is_primary_key: true },
      { name: 'tenant', data_type: DataType.VarChar, max_length: 20, is_partition_key: true },
      { name: 'vector', data_type: DataType.FloatVector, dim: 4 },
    ], index_params: [{ field_name: 'vector', index_type: 'AUTOINDEX', metric_type: 'L2' }] }));
    await ok(client.loadCollection({ collection_name: name }));
    await ok(client.insert({ collection_name: name, data: [1, 2, 3, 4].map(id =>
      ({ id, tenant: id % 2 ? 'odd' : 'even', vector: [id, 0, 0, 0] })) }));
    const found = await ok(client.search({ collection_name: name, data: [0, 0, 0, 0], limit: 9,
      filter: 'tenant == "odd"' }));
    assert.deepEqual(found.results.map(r => Number(r.id)), [1, 3]);
    await refused(client.createPartition({ collection_name: name, partition_name: 'x' }),
      /partition key mode/);
  });
}
