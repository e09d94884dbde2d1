// Types that came later: int8 vectors, geometries, times; nulls and defaults; partial updates.
import { assert, ids, ok, range, refused, step } from './steps.mjs';

const collection_name = 'kinds';

function schema({ DataType }) {
  return {
    collection_name, properties: { timezone: 'Asia/Tokyo' },
    fields: [
      { name: 'id', data_type: DataType.Int64, is_primary_key: true },
      { name: 'eights', data_type: DataType.Int8Vector, dim: 4 },
      { name: 'place', data_type: DataType.Geometry, nullable: true },
      { name: 'time', data_type: DataType.Timestamptz, nullable: true },
      { name: 'count', data_type: DataType.Int32, default_value: 9 },
      { name: 'tags', data_type: DataType.Array, element_type: DataType.VarChar, max_length: 20,
        max_capacity: 4, nullable: true },
    ],
    index_params: [
      { field_name: 'eights', index_type: 'HNSW', metric_type: 'L2',
        params: { M: 8, efConstruction: 64 } },
      { field_name: 'place', index_type: 'RTREE' },
      { field_name: 'time', index_type: 'STL_SORT' },
    ],
  };
}

const row = id => ({ id, eights: [id, -id, 127, -128], place: `POINT (${id} ${id})`,
  time: `2025-01-${String(id + 1).padStart(2, '0')}T12:00:00Z`, count: id, tags: [`t${id}`] });

async function partial(client) {
  const read = async id => (await ok(client.query({ collection_name, filter: `id == ${id}`,
    output_fields: ['*'] }))).data[0];
  await step('partial update: what is named changes, the rest stays', async () => {
    const before = await read(3);
    await ok(client.upsert({ collection_name, partial_update: true,
      data: [{ id: 3, count: 33 }, { id: 4, count: 44 }] }));
    assert.deepEqual(await read(3), { ...before, count: 33 });
    assert.equal((await read(4)).count, 44);
  });
  await step('partial update: null and a vector', async () => {
    await ok(client.upsert({ collection_name, partial_update: true,
      data: [{ id: 5, place: null, eights: [1, 1, 1, 1] }] }));
    const got = await read(5);
    assert.equal(got.place, null);
    assert.deepEqual([...got.eights], [1, 1, 1, 1]);
    assert.equal(got.count, 5);
    await ok(client.upsert({ collection_name, data: [row(5)] }));
  });
  await step('partial update: a new row lacks what is required', () => refused(
    client.upsert({ collection_name, partial_update: true, data: [{ id: 777, count: 1 }] }),
    /eights/));
}

export async function kinds(client, sdk) {
  await step('createCollection: int8 vector, geometry, time', async () => {
    await ok(client.createCollection(schema(sdk)));
    await ok(client.loadCollectionSync({ collection_name }));
    const { schema: { fields } } = await ok(client.describeCollection({ collection_name }));
    assert.deepEqual(fields.map(f => f.data_type),
      ['Int64', 'Int8Vector', 'Geometry', 'Timestamptz', 'Int32', 'Array']);
    await ok(client.insert({ collection_name, data: range(20).map(row) }));
    await ok(client.insert({ collection_name, data: [{ id: 100, eights: [0, 0, 0, 0] }] }));
  });
  await step('they come back', async () => {
    const { data } = await ok(client.query({ collection_name, filter: 'id in [7, 100]',
      output_fields: ['*'] }));
    const [seven, none] = data;
    assert.deepEqual([...seven.eights], row(7).eights);
    assert.equal(seven.place, 'POINT (7 7)');
    assert.equal(Date.parse(seven.time), Date.parse(row(7).time));
    assert.ok(seven.time.endsWith('+09:00'), seven.time); // the collection's time zone
    assert.deepEqual([none.place, none.time, none.count, none.tags], [null, null, 9, null]);
  });
  await step('search: int8 vector', async () => {
    const found = await ok(client.search({ collection_name, anns_field: 'eights', limit: 3,
      data: row(7).eights, filter: 'id < 50' }));
    assert.deepEqual(ids(found.results), [7, 6, 8]);
    assert.deepEqual(found.results.map(r => r.score), [0, 2, 2]);
  });
  await step('filters: geometries and times', async () => {
    const query = async filter => ids((await ok(client.query({ collection_name, filter,
      output_fields: ['id'] }))).data).sort((a, b) => a - b);
    const square = 'POLYGON ((1.5 1.5, 1.5 4.5, 4.5 4.5, 4.5 1.5, 1.5 1.5))';
    assert.deepEqual(await query(`st_within(place, "${square}")`), [2, 3, 4]);
    assert.deepEqual(await query('st_equals(place, "POINT (8 8)")'), [8]);
    assert.deepEqual(await query("time < ISO '2025-01-03T00:00:00Z'"), [0, 1]);
    assert.deepEqual(await query("time + INTERVAL 'P1D' > ISO '2025-01-20T00:00:00Z'"), [18, 19]);
    assert.deepEqual(await query('place is null'), [100]);
    assert.deepEqual(await query('array_contains_any(tags, ["t3", "t4"])'), [3, 4]);
  });
  await step('refused: out of range, no geometry, no time', async () => {
    const insert = more => client.insert({ collection_name, data: [{ ...row(20), ...more }] });
    await refused(insert({ eights: [1, 2, 3] }), /dim|length|size/);
    await refused(insert({ place: 'POINT (1' }), /geometry|wkt/i);
    await refused(insert({ time: 'yesterday' }), /time/i);
  });
  await partial(client);
}
