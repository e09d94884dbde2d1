// Who is there: connection, versions, health, databases.
import { assert, ok, refused, step } from './steps.mjs';

export async function connect(client, { MilvusClient }, server) {
  await step('getVersion', async () => {
    const reply = await client.getVersion();
    assert.match(reply.version, /^v?2\.6/);
  });
  await step('checkHealth', async () => assert.equal((await client.checkHealth()).isHealthy, true));
  await step('getMetric', async () => {
    const reply = await ok(client.getMetric({ request: { metric_type: 'system_info' } }));
    const kinds = reply.response.nodes_info.map(node => node.infos.type);
    for (const kind of ['querynode', 'proxy', 'mixcoord']) assert.ok(kinds.includes(kind), kind);
  });
  await step('createDatabase', () => ok(client.createDatabase({ db_name: 'library' })));
  await step('createDatabase twice', () =>
    refused(client.createDatabase({ db_name: 'library' }), /database already exist: library/));
  await step('createDatabase bad name', () =>
    refused(client.createDatabase({ db_name: '1x' }), /first character of a database name/));
  await step('listDatabases', async () => {
    const { db_names } = await ok(client.listDatabases());
    assert.deepEqual([...db_names].sort(), ['default', 'library']);
  });
  await step('alterDatabase', () => ok(client.alterDatabase({
    db_name: 'library', properties: { 'database.replica.number': 1 } })));
  await step('describeDatabase', async () => {
    const reply = await ok(client.describeDatabase({ db_name: 'library' }));
    assert.equal(reply.db_name, 'library');
    assert.ok(reply.properties.some(p => p.key === 'database.replica.number' && p.value === '1'));
  });
  await step('dropDatabaseProperties', async () => {
    await ok(client.dropDatabaseProperties({
      db_name: 'library', properties: ['database.replica.number'] }));
    const reply = await ok(client.describeDatabase({ db_name: 'library' }));
    assert.ok(!reply.properties.some(p => p.key === 'database.replica.number'));
  });
  await step('use another database', async () => {
    const other = new MilvusClient({ address: server.address, database: 'library' });
    await other.connectPromise;
    await ok(other.createCollection({ collection_name: 'books', dimension: 4 }));
    assert.deepEqual((await ok(other.showCollections())).data.map(c => c.name), ['books']);
    assert.deepEqual((await ok(client.showCollections())).data.map(c => c.name), []);
    await refused(client.dropDatabase({ db_name: 'library' }), /not empty/);
    await ok(client.useDatabase({ db_name: 'library' }));
    assert.equal((await client.hasCollection({ collection_name: 'books' })).value, true);
    await ok(client.useDatabase({ db_name: 'default' }));
    await ok(other.dropCollection({ collection_name: 'books' }));
    await other.closeConnection();
  });
  await step('dropDatabase', async () => {
    await ok(client.dropDatabase({ db_name: 'library' }));
    await refused(client.describeDatabase({ db_name: 'library' }), /database not found/);
  });
}
