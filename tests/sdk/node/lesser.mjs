// What few call: functions of a collection, truncation, resource groups, and the RPCs that the SDK
// knows and has no function for, made by the SDK's own stub.
import { assert, ok, refused, step } from './steps.mjs';

async function functions(client, { DataType, FunctionType }) {
  const collection_name = 'texts';
  const bm25 = { name: 'bm25', type: FunctionType.BM25, input_field_names: ['text'],
    output_field_names: ['sparse'], params: {} };
  await step('addCollectionFunction, alterCollectionFunction: refused', async () => {
    await refused(client.addCollectionFunction({ collection_name, function: bm25 }),
      /does not support adding BM25/);
    await refused(client.alterCollectionFunction({ collection_name, function_name: 'bm25',
      function: bm25 }), /does not support altering BM25/);
    await refused(client.alterCollectionFunction({ collection_name, function_name: 'absent',
      function: { ...bm25, name: 'absent' } }), /not exists/);
  });
  await step('dropCollectionFunction', async () => {
    await refused(client.dropCollectionFunction({ collection_name, function_name: 'bm25' }),
      /BM25/);
    await ok(client.dropCollectionFunction({ collection_name, function_name: 'absent' }));
  });
  await step('truncateCollection', async () => {
    const at = { collection_name: 'brief' };
    await ok(client.createCollection({ ...at, dimension: 4 }));
    await ok(client.insert({ ...at, data: [{ id: 1, vector: [1, 2, 3, 4] }] }));
    await ok(client.truncateCollection(at));
    assert.equal((await ok(client.count(at))).data, 0);
    await ok(client.insert({ ...at, data: [{ id: 2, vector: [1, 2, 3, 4] }] }));
    assert.equal((await ok(client.count(at))).data, 1);
    await ok(client.dropCollection(at));
  });
}

async function groups(client) {
  const resource_group = 'spare';
  await step('resource groups', async () => {
    await ok(client.createResourceGroup({ resource_group, config: {
      requests: { node_num: 0 }, limits: { node_num: 0 } } }));
    const { resource_groups } = await ok(client.listResourceGroups());
    assert.deepEqual([...resource_groups].sort(), ['__default_resource_group', resource_group]);
    await ok(client.updateResourceGroups({ resource_groups: { [resource_group]: {
      requests: { node_num: 0 }, limits: { node_num: 1 } } } }));
    const reply = await ok(client.describeResourceGroup({ resource_group }));
    assert.equal(reply.resource_group.name, resource_group);
    assert.equal(Number(reply.resource_group.config.limits.node_num), 1);
    await ok(client.transferNode({ source_resource_group: '__default_resource_group',
      target_resource_group: resource_group, num_node: 1 }));
    await ok(client.transferReplica({ source_resource_group: '__default_resource_group',
      target_resource_group: resource_group, collection_name: 'every', num_replica: 1 }));
    await ok(client.updateResourceGroups({ resource_groups: { [resource_group]: {
      requests: { node_num: 0 }, limits: { node_num: 0 } } } }));
    await ok(client.dropResourceGroup({ resource_group }));
    await refused(client.describeResourceGroup({ resource_group }), /not found/);
    await ok(client.loadBalance({ src_nodeID: 1, collectionName: 'every' }));
  });
}

async function stubs(client, { DataType, promisify }) {
  const call = (rpc, request) => ok(promisify(client.channelPool, rpc, request, 5000));
  await step('HasCollection', async () => {
    assert.equal((await call('HasCollection', { collection_name: 'every' })).value, true);
    assert.equal((await call('HasCollection', { collection_name: 'nothing' })).value, false);
  });
  await step('AllocTimestamp', async () => {
    const first = BigInt((await call('AllocTimestamp', {})).timestamp);
    const second = BigInt((await call('AllocTimestamp', {})).timestamp);
    assert.ok(second > first && (first >> 18n) > 1.6e12);
  });
  await step('GetComponentStates', async () => {
    const { state } = await call('GetComponentStates', {});
    assert.equal(state.state_code, 'Healthy');
  });
  // The SDK of today adds fields by AlterCollectionSchema; those of yesterday by this.
  await step('AddCollectionField', async () => {
    const { schemaProto } = client;
    const type = schemaProto.lookupType(client.protoInternalPath.fieldSchema);
    const schema = type.encode(type.create({ name: 'late', dataType: DataType.Int32,
      nullable: true })).finish();
    await call('AddCollectionField', { collection_name: 'texts', schema });
    const about = await ok(client.describeCollection({ collection_name: 'texts', cache: false }));
    assert.ok(about.schema.fields.some(f => f.name === 'late' && f.nullable));
  });
}

export async function lesser(client, sdk) {
  await functions(client, sdk);
  await groups(client);
  await stubs(client, sdk);
}
