// Files into a collection, and fields out of one.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { assert, ok, refused, step } from './steps.mjs';

// An array of float32 as numpy.save() writes it.
function npy(rows) {
  const dict = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows.length}, ${rows[0].length}), }`;
  const head = dict.padEnd(117) + '\n';
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
    Buffer.from(Uint16Array.of(head.length).buffer), Buffer.from(head),
    Buffer.from(Float32Array.from(rows.flat()).buffer)]);
}

async function done(client, task) {
  for (;;) {
    const { tasks } = await ok(client.listImportTasks({ collection_name: 'bulk', limit: 9 }));
    const found = tasks.find(t => t.id === task);
    if (['ImportCompleted', 'ImportFailed'].includes(found.state)) return found;
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

export async function imports(client, { DataType, promisify }, server) {
  const at = { collection_name: 'bulk' };
  await step('bulkInsert, listImportTasks', async () => {
    await ok(client.createCollection({ ...at, dimension: 4, auto_id: true }));
    writeFileSync(join(server.imports, 'rows.json'), JSON.stringify({ rows:
      [1, 2, 3].map(i => ({ vector: [i, 0, 0, 0], colour: `c${i}` })) }));
    writeFileSync(join(server.imports, 'vector.npy'), npy([[7, 0, 0, 0], [8, 0, 0, 0]]));
    for (const [files, rows] of [[['rows.json'], 3], [['vector.npy'], 2]]) {
      const { tasks } = await ok(client.bulkInsert({ ...at, files }));
      const task = await done(client, tasks[0]);
      assert.equal(task.state, 'ImportCompleted', JSON.stringify(task.infos));
      assert.equal(Number(task.row_count), rows);
      const state = await ok(promisify(client.channelPool, 'GetImportState', { task: tasks[0] }, 5000));
      assert.equal(state.infos.find(i => i.key === 'progress_percent').value, '100');
    }
    assert.equal((await ok(client.count(at))).data, 5);
    await refused(client.bulkInsert({ ...at, files: ['/etc/hosts.json'] }), /import\.dir/);
    await refused(client.bulkInsert({ ...at, files: ['rows.parquet'] }), /Parquet/);
  });
  await step('dropCollectionField', async () => {
    for (const name of ['price', 'size'])
      await ok(client.addCollectionField({ ...at,
        field: { name, data_type: DataType.Int64, nullable: true } }));
    await ok(client.insert({ ...at, data: [{ vector: [9, 0, 0, 0], price: 5, size: 6 }] }));
    await ok(client.dropCollectionField({ ...at, field_name: 'price' }));
    const { schema } = await ok(client.describeCollection({ ...at, cache: false }));
    assert.deepEqual(schema.fields.map(f => f.name), ['id', 'vector', 'size']);
    const { data } = await ok(client.query({ ...at, filter: 'size == 6', output_fields: ['*'] }));
    assert.equal(data.length, 1);
    assert.ok(!('price' in data[0]));
    const size = schema.fields.find(f => f.name === 'size').fieldID;
    await ok(client.dropCollectionField({ ...at, field_id: size }));
    await refused(client.dropCollectionField({ ...at, field_name: 'vector' }),
      /last vector field/);
    await refused(client.dropCollectionField({ ...at, field_name: 'price' }), /field not found/);
    await ok(client.addCollectionField({ ...at, // the name again, of another type
      field: { name: 'price', data_type: DataType.VarChar, max_length: 9, nullable: true } }));
    await ok(client.insert({ ...at, data: [{ vector: [9, 1, 0, 0], price: 'low' }] }));
    assert.equal((await ok(client.query({ ...at, filter: 'price == "low"' }))).data.length, 1);
    assert.equal((await ok(client.query({ ...at, filter: 'price is null' }))).data.length, 6);
    await ok(client.dropCollection(at));
  });
}
