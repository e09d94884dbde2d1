// What was answered is there after the server was killed.
import { assert, ok, range, step } from './steps.mjs';

export async function durability(server, { MilvusClient }) {
  const collection_name = 'kept';
  await step('kill -9 loses nothing that was acknowledged', async () => {
    const before = new MilvusClient({ address: server.address, maxRetries: 0 });
    await ok(before.createCollection({ collection_name, dimension: 4, metric_type: 'L2' }));
    const acknowledged = new Set();
    let going = true;
    const writer = (async () => {
      for (let batch = 0; going && batch < 800; batch++) { // one query reads them all again
        const data = range(20).map(i => ({ id: batch * 20 + i, vector: [batch, i, 0, 0], batch }));
        try {
          await ok(before.insert({ collection_name, data, timeout: 20000 }));
        } catch { return; }
        for (const row of data) acknowledged.add(row.id);
      }
    })();
    for (let waited = 0; waited < 500 || (!acknowledged.size && waited < 40000); waited += 50)
      await new Promise(r => setTimeout(r, 50));
    await server.stop('SIGKILL');
    going = false;
    await writer;
    await before.closeConnection();
    assert.ok(acknowledged.size > 0);

    const after = new MilvusClient({ address: await server.start() });
    assert.equal((await ok(after.getLoadState({ collection_name }))).state, 'LoadStateLoaded');
    const { data } = await ok(after.query({ collection_name, filter: 'id >= 0', limit: 16384,
      output_fields: ['id', 'batch'] }));
    const there = new Set(data.map(row => Number(row.id)));
    assert.deepEqual([...acknowledged].filter(id => !there.has(id)), []);
    const found = await ok(after.search({ collection_name, data: [0, 7, 0, 0], limit: 1 }));
    assert.equal(Number(found.results[0].id), 7);
    assert.equal((await ok(after.count({ collection_name: 'texts' }))).data, 5);
    await after.closeConnection();
  });
}
