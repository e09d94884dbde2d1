// Rows in and out: insert, upsert, delete, query, get, count, iterators, flush, compaction.
import { assert, ids, ok, range, refused, step } from './steps.mjs';

const collection_name = 'every';

export const everyRow = id => ({
  id, flag: id % 2 === 0, tiny: id % 100, small: id, medium: id * 10, large: id * 1000,
  single: id / 2, double: id / 4, title: `title ${id}`, doc: { n: id, deep: { s: `s${id}` } },
  numbers: [id, id + 1], words: [`w${id}`, 'all'], vector: range(8).map(i => id + i / 8),
  half: [id / 64, 1, 0, 0.5], brain: [id / 64, 1, 0, 0.5], bits: [id & 255, 15],
  sparse: { [id]: 1, 500: 0.5 }, note: `dynamic ${id}`,
});

export async function writes(client) {
  await step('insert', async () => {
    const reply = await ok(client.insert({ collection_name, data: range(100).map(everyRow) }));
    assert.equal(Number(reply.insert_cnt), 100);
    assert.deepEqual(reply.IDs.int_id.data.map(Number), range(100));
    assert.deepEqual(reply.succ_index.map(Number), range(100));
  });
  await step('insert refused', async () => {
    const data = { ...everyRow(1) };
    delete data.title;
    await refused(client.insert({ collection_name, data: [data] }), /title/);
    await refused(client.insert({ collection_name, data: [{ ...everyRow(1), vector: [1] }] }),
      /dim|length/);
    await refused(client.insert({ collection_name: 'nothing', data: [{ id: 1 }] }), /collection/);
  });
  await step('query: every type comes back', async () => {
    const reply = await ok(client.query({ collection_name, filter: 'id == 42', output_fields: ['*'] }));
    assert.equal(reply.data.length, 1);
    const [got] = reply.data;
    const want = everyRow(42);
    for (const name of ['flag', 'tiny', 'small', 'medium', 'single', 'double', 'title'])
      assert.equal(got[name], want[name], name);
    assert.equal(Number(got.large), want.large);
    assert.deepEqual(typeof got.doc === 'string' ? JSON.parse(got.doc) : got.doc, want.doc);
    assert.deepEqual(got.numbers.map(Number), want.numbers);
    assert.deepEqual(got.words, want.words);
    assert.deepEqual(got.vector, want.vector);
    assert.equal(got.maybe, null);
    assert.equal(got.colour, 'red');
    assert.equal(got.added, null);
    assert.equal(Number(got.added2), 7);
    assert.equal((got.$meta ?? got).note, 'dynamic 42');
    assert.equal(Number(got.sparse['500']), 0.5);
    assert.deepEqual([...got.bits], want.bits);
  });
  await step('upsert', async () => {
    const reply = await ok(client.upsert({ collection_name,
      data: [{ ...everyRow(1), title: 'changed', maybe: 5, colour: 'blue' }] }));
    assert.equal(Number(reply.upsert_cnt), 1);
    const { data } = await ok(client.get({ collection_name, ids: [1],
      output_fields: ['title', 'maybe', 'colour'] }));
    assert.equal(data.length, 1);
    assert.deepEqual([data[0].title, data[0].maybe, data[0].colour], ['changed', 5, 'blue']);
  });
  await step('upsert (partial)', async () => {
    await ok(client.upsert({ collection_name, partial_update: true,
      data: [{ id: 2, title: 'partly' }] }));
    const { data } = await ok(client.get({ collection_name, ids: [2], output_fields: ['*'] }));
    assert.equal(data[0].title, 'partly');
    assert.equal(data[0].medium, 20);
  });
  await step('delete by ids', async () => {
    const reply = await ok(client.delete({ collection_name, ids: [90, 91] }));
    assert.equal(Number(reply.delete_cnt), 2);
    assert.equal((await ok(client.get({ collection_name, ids: [90, 91] }))).data.length, 0);
  });
  await step('delete by filter', async () => {
    await ok(client.delete({ collection_name, filter: 'id in [92, 93]' }));
    await ok(client.deleteEntities({ collection_name, expr: 'medium >= 980' }));
    await ok(client.delete({ collection_name, filter: 'id in {gone}', exprValues: { gone: [94] } }));
    assert.equal((await ok(client.count({ collection_name }))).data, 93);
  });
  await step('delete refused', () => refused(
    client.deleteEntities({ collection_name, expr: 'no such (' }), /failed to create delete plan/));
  await step('count', async () => {
    assert.equal((await ok(client.count({ collection_name, expr: 'id < 10' }))).data, 10);
    assert.equal((await ok(client.count({ collection_name, filter: 'flag == true' }))).data,
      range(98).filter(i => i % 2 === 0 && (i < 90 || i > 94)).length);
  });
}

export async function reads(client) {
  const query = (filter, more = {}) =>
    ok(client.query({ collection_name, filter, output_fields: ['id'], ...more }));
  await step('get', async () => {
    const { data } = await ok(client.get({ collection_name, ids: [3, 5, 7777],
      output_fields: ['id', 'title'] }));
    assert.deepEqual(ids(data).sort(), [3, 5]);
  });
  await step('query: filters', async () => {
    const cases = [
      ['id >= 5 and id < 8', [5, 6, 7]], ['title like "title 1_"', range(10).map(i => 10 + i)],
      ['doc["n"] == 12', [12]], ['doc["deep"]["s"] == "s13"', [13]],
      ['array_contains(numbers, 20)', [19, 20]], ['numbers[0] == 21', [21]],
      ['array_length(words) == 2 and id < 2', [0, 1]], ['maybe is not null', [1]],
      ['note == "dynamic 33"', [33]], ['id in [1, 2, 3] and not (id == 2)', [1, 3]],
      ['single > 44 and single <= 44.5', [89]], ['medium % 100 == 50 and id < 20', [5, 15]],
      ['json_contains(doc["n"], 1)', []], ['exists doc["deep"] and id == 4', [4]],
      ['10 < id <= 12', [11, 12]],
    ];
    for (const [filter, want] of cases) {
      const { data } = await query(filter);
      assert.deepEqual(ids(data).sort((a, b) => a - b), want, filter);
    }
  });
  await step('query: templates', async () => {
    const { data } = await query('id in {list} and title == {name}',
      { exprValues: { list: [7, 8], name: 'title 8' } });
    assert.deepEqual(ids(data), [8]);
  });
  await step('query: limit and offset', async () => {
    assert.deepEqual(ids((await query('id >= 0', { limit: 5, offset: 3 })).data), [3, 4, 5, 6, 7]);
  });
  await step('query: refused', async () => {
    await refused(client.query({ collection_name, filter: 'absent_field ==' }),
      /failed to create query plan: cannot parse expression/);
    await refused(client.query({ collection_name: 'nothing', filter: 'id > 1' }), /collection/);
  });
  await step('query: no row', async () => assert.deepEqual((await query('id == 123456')).data, []));
  await step('queryIterator', async () => {
    const iterator = await client.queryIterator({ collection_name, batchSize: 10, expr: 'id < 35',
      output_fields: ['id', 'title'] });
    const seen = [];
    for await (const batch of iterator) seen.push(...ids(batch));
    assert.deepEqual(seen, range(35));
  });
}

export async function upkeep(client) {
  await step('flush, getFlushState', async () => {
    const reply = await ok(client.flush({ collection_names: [collection_name] }));
    assert.ok(reply.coll_segIDs[collection_name]);
    await ok(client.getFlushState({
      segmentIDs: reply.coll_segIDs[collection_name].data, collection_name,
      flush_ts: reply.coll_flush_ts?.[collection_name] }));
  });
  await step('flushSync', async () => {
    const reply = await ok(client.flushSync({ collection_names: [collection_name] }));
    assert.equal(reply.flushed, true);
  });
  await step('flushAll, getFlushAllState, flushAllSync', async () => {
    const reply = await ok(client.flushAll());
    assert.ok(reply.flush_all_ts !== '0');
    assert.equal((await ok(client.getFlushAllState({ flush_all_ts: reply.flush_all_ts }))).flushed, true);
    await ok(client.flushAllSync());
  });
  await step('getCollectionStatistics', async () => {
    const { data } = await ok(client.getCollectionStatistics({ collection_name }));
    assert.ok(Number(data.row_count) >= 93);
  });
  await step('getPersistentSegmentInfo, getQuerySegmentInfo', async () => {
    const at = { collectionName: collection_name };
    assert.ok((await ok(client.getPersistentSegmentInfo(at))).infos.length > 0);
    assert.ok((await ok(client.getQuerySegmentInfo(at))).infos.length > 0);
  });
  await step('compact, getCompactionState, getCompactionStateWithPlans', async () => {
    const { compactionID } = await ok(client.compact({ collection_name }));
    assert.ok(Number(compactionID) > 0);
    let state;
    for (let i = 0; i < 50 && state !== 'Completed'; i++) {
      ({ state } = await ok(client.getCompactionState({ compactionID })));
      if (state !== 'Completed') await new Promise(r => setTimeout(r, 100));
    }
    assert.equal(state, 'Completed');
    await ok(client.getCompactionStateWithPlans({ compactionID }));
    assert.equal((await ok(client.count({ collection_name }))).data, 93);
  });
  await step('releaseCollection', async () => {
    await ok(client.releaseCollection({ collection_name }));
    await refused(client.query({ collection_name, filter: 'id > 1' }), /not loaded/);
    await ok(client.loadCollectionSync({ collection_name }));
  });
}
