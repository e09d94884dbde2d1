// End to end through node-redis: node node_redis.mjs KITH MODULES
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

import { Server } from './server.mjs';
import { assert, fp32, range, step, summary, until } from './steps.mjs';

const [kith, modules] = process.argv.slice(2);
const { createClient, WatchError } = createRequire(resolve(modules, 'package.json'))('redis');
const server = new Server(kith);

async function open(RESP, more = {}) {
  const client = createClient({ url: `redis://127.0.0.1:${server.port}`, RESP, ...more,
    socket: { reconnectStrategy: () => 20 } });
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function strings(redis, v) {
  await step(`${v} strings`, async () => {
    assert.equal(await redis.ping(), 'PONG');
    assert.equal(await redis.set('s', 'wert ä'), 'OK');
    assert.equal(await redis.get('s'), 'wert ä');
    assert.equal(await redis.get('missing'), null);
    assert.equal(await redis.set('s', 'y', { condition: 'NX' }), null);
    assert.equal(await redis.set('s', 'y', { GET: true }), 'wert ä');
    assert.equal(await redis.incrBy('n', 41), 41);
    assert.equal(await redis.decr('n'), 40);
    assert.equal(await redis.incrByFloat('f', 0.5), '0.5');
    await redis.mSet({ m1: '1', m2: '2' });
    assert.deepEqual(await redis.mGet(['m1', 'none', 'm2']), ['1', null, '2']);
    assert.equal(await redis.append('m1', '23'), 3);
    assert.equal(await redis.getRange('m1', 1, -1), '23');
    await assert.rejects(redis.incr('s'), /ERR value is not an integer or out of range/);
    await assert.rejects(redis.lPush('s', 'x'), /WRONGTYPE Operation against a key/);
  });
  await step(`${v} expiry`, async () => {
    await redis.set('e', 'x', { expiration: { type: 'PX', value: 60000 } });
    const left = await redis.pTTL('e');
    assert.ok(left > 0 && left <= 60000, `${left}`);
    assert.equal(await redis.pExpire('e', 20), 1);
    assert.equal(await redis.expire('m1', 100, 'NX'), 1);
    assert.equal(await redis.expire('m1', 100, 'NX'), 0);
    assert.ok(await redis.ttl('m1') > 90);
    await until('its time is over', async () => await redis.get('e') === null);
  });
}

async function batches(redis, v) {
  await step(`${v} a pipeline of 1,000`, async () => {
    const multi = redis.multi();
    for (const i of range(500)) multi.set(`p:${i}`, `v${i}`).get(`p:${i}`);
    const replies = await multi.execAsPipeline();
    assert.deepEqual(replies, range(500).flatMap(i => ['OK', `v${i}`]));
    const counted = await Promise.all(range(1000).map(() => redis.incr('at-once')));
    assert.deepEqual(counted, range(1000).map(i => i + 1));
  });
  await step(`${v} MULTI`, async () => {
    const replies = await redis.multi().set('t', '1').incr('t').hSet('th', { a: '1', b: '2' })
      .hGetAll('th').get('t').exec();
    replies[3] = { ...replies[3] };
    assert.deepEqual(replies, ['OK', 2, 2, { a: '1', b: '2' }, '2']);
    const failed = await redis.multi().set('t', 'word').incr('t').exec().catch(error => error);
    assert.match(failed.replies[1].message, /ERR value is not an integer/);
    assert.equal(await redis.get('t'), 'word');
  });
  await step(`${v} WATCH`, async () => {
    const other = await open(v === 'RESP3' ? 3 : 2);
    await other.watch('t');
    await redis.set('t', 'theirs');
    await assert.rejects(other.multi().set('t', 'mine').exec(), WatchError);
    assert.equal(await redis.get('t'), 'theirs');
    await other.watch('t');
    assert.deepEqual(await other.multi().set('t', 'mine').exec(), ['OK']);
    assert.equal(await redis.get('t'), 'mine');
    other.destroy();
  });
}

async function publishing(redis, v) {
  await step(`${v} pub/sub`, async () => {
    const hears = await open(v === 'RESP3' ? 3 : 2);
    const heard = [];
    await hears.subscribe(['news', 'other'], (text, channel) => heard.push([channel, text]));
    await hears.pSubscribe('n*s', (text, channel) => heard.push(['n*s', channel, text]));
    await hears.sSubscribe('shard', (text, channel) => heard.push([channel, text]));
    assert.equal(await redis.publish('news', 'one'), 2);
    assert.equal(await redis.sPublish('shard', 'two'), 1);
    await hears.pUnsubscribe('n*s');
    for (const i of range(100)) redis.publish('other', `m${i}`);
    await until('all were heard', () => heard.length === 103);
    assert.deepEqual(heard.slice(0, 3),
      [['news', 'one'], ['n*s', 'news', 'one'], ['shard', 'two']]);
    assert.deepEqual(heard.slice(3), range(100).map(i => ['other', `m${i}`]));
    await hears.unsubscribe();
    await hears.sUnsubscribe();
    // In RESP2 the client goes on reading bytes, whatever the server.
    assert.equal(String(await hears.get('t')), 'mine');
    await hears.close();
  });
  await step(`${v} blocking pop`, async () => {
    const waits = await open(v === 'RESP3' ? 3 : 2);
    const popped = waits.blPop(['jobs', 'jobs2'], 5);
    await until('it waits', async () => (await redis.sendCommand(['CLIENT', 'LIST'])).toString()
      .includes('cmd=blpop'));
    await redis.rPush('jobs2', ['a', 'b']);
    assert.deepEqual({ ...await popped }, { key: 'jobs2', element: 'a' });
    assert.equal(await waits.blPop('empty', 0.05), null);
    assert.equal(await waits.blMove('jobs2', 'done', 'LEFT', 'RIGHT', 1), 'b');
    await redis.zAdd('zq', [{ value: 'two', score: 2 }, { value: 'one', score: 1.5 }]);
    assert.deepEqual({ ...await waits.bzPopMin('zq', 1) }, { key: 'zq', value: 'one', score: 1.5 });
    await waits.close();
  });
}

async function values(redis, v) {
  await step(`${v} hashes and lists`, async () => {
    assert.equal(await redis.hSet('h', { a: '1', b: '2', c: 'three' }), 3);
    assert.deepEqual({ ...await redis.hGetAll('h') }, { a: '1', b: '2', c: 'three' });
    assert.deepEqual(await redis.hmGet('h', ['a', 'x']), ['1', null]);
    assert.deepEqual(await redis.hpExpire('h', ['a', 'x'], 50), [1, -2]);
    await until('its time is over', async () => await redis.hExists('h', 'a') === 0);
    assert.equal(await redis.rPush('l', ['a', 'b', 'c']), 3);
    assert.deepEqual(await redis.lRange('l', 0, -1), ['a', 'b', 'c']);
    assert.equal(await redis.lPos('l', 'c'), 2);
    assert.deepEqual(await redis.lPopCount('l', 2), ['a', 'b']);
    assert.equal(await redis.lLen('l'), 1);
  });
  await step(`${v} sets and sorted sets`, async () => {
    assert.equal(await redis.sAdd('s1', ['a', 'b', 'c', 'a']), 3);
    await redis.sAdd('s2', ['b', 'c', 'd']);
    assert.deepEqual((await redis.sInter(['s1', 's2'])).sort(), ['b', 'c']);
    assert.equal(await redis.sDiffStore('s3', ['s1', 's2']), 1);
    assert.deepEqual(await redis.sMembers('s3'), ['a']);
    assert.equal(await redis.sIsMember('s1', 'z'), 0);
    await redis.zAdd('z', [{ value: 'a', score: 1 }, { value: 'b', score: 2.5 },
      { value: 'c', score: -Infinity }]);
    assert.deepEqual((await redis.zRangeWithScores('z', 0, -1)).map(item => ({ ...item })),
      [{ value: 'c', score: -Infinity }, { value: 'a', score: 1 }, { value: 'b', score: 2.5 }]);
    assert.equal(await redis.zScore('z', 'b'), 2.5);
    assert.equal(await redis.zIncrBy('z', 10, 'a'), 11);
    assert.deepEqual({ ...await redis.zPopMax('z') }, { value: 'a', score: 11 });
    assert.deepEqual(await redis.zRange('z', '(1', '+inf', { BY: 'SCORE' }), ['b']);
  });
  await step(`${v} SCAN`, async () => {
    const seen = new Set();
    for await (const keys of redis.scanIterator({ MATCH: 'p:*', COUNT: 50, TYPE: 'string' }))
      keys.forEach(key => seen.add(key));
    assert.deepEqual([...seen].sort(), range(500).map(i => `p:${i}`).sort());
    await redis.zAdd('zbig', range(600).map(i => ({ value: `m${i}`, score: i })));
    const scores = new Map();
    for await (const items of redis.zScanIterator('zbig'))
      items.forEach(({ value, score }) => scores.set(value, score));
    assert.equal(scores.size, 600);
    for (const i of range(600)) assert.equal(scores.get(`m${i}`), i);
  });
}

async function vectors(redis, v) {
  await step(`${v} vector sets`, async () => {
    for (const i of range(20))
      assert.equal(await redis.vAdd('v', [Math.cos(i), Math.sin(i), 0.1], `e${i}`,
        { SETATTR: { n: i } }), true);
    assert.equal(await redis.vAdd('v', [1, 0, 0], 'axis', { CAS: true }), true);
    assert.equal(await redis.vAdd('v', [1, 0, 0], 'axis'), false);
    assert.equal(await redis.vCard('v'), 21);
    assert.equal(await redis.vDim('v'), 3);
    assert.deepEqual(await redis.vSim('v', [1, 0, 0], { COUNT: 2 }), ['axis', 'e0']);
    assert.deepEqual(await redis.vSim('v', 'e3', { COUNT: 2, FILTER: '.n == 3 or .n == 9' }),
      ['e3', 'e9']);
    const scores = await redis.vSimWithScores('v', 'e3', { COUNT: 3 });
    assert.equal(Object.keys(scores)[0], 'e3');
    assert.ok(Math.abs(scores.e3 - 1) < 0.001, `${scores.e3}`);
    assert.deepEqual(await redis.vGetAttr('v', 'e7'), { n: 7 });
    const vector = await redis.vEmb('v', 'axis');
    assert.deepEqual(vector.map(x => Math.round(x * 100) / 100), [1, 0, 0]);
    const info = await redis.vInfo('v');
    assert.equal(info['quant-type'], 'int8');
    assert.equal(info.size, 21);
    assert.equal(await redis.vRem('v', 'axis'), true);
    assert.deepEqual(await redis.sendCommand(['VSIM', 'v', 'FP32', fp32([1, 0, 0]), 'COUNT', '1']),
      ['e0']);
  });
}

async function users(redis, v) {
  await step(`${v} a user with few rights`, async () => {
    assert.equal(await redis.aclSetUser('writer', ['reset', 'on', '>secret', '~w:*', '+set', '+get',
      '+client', '+hello']), 'OK');
    const writer = await open(v === 'RESP3' ? 3 : 2, { username: 'writer', password: 'secret' });
    assert.equal(await writer.set('w:1', 'x'), 'OK');
    assert.equal(await writer.get('w:1'), 'x');
    await assert.rejects(writer.set('x', 'x'), /NOPERM No permissions to access a key/);
    await assert.rejects(writer.del('w:1'),
      /NOPERM User writer has no permissions to run the 'del' command/);
    writer.destroy();
    const user = await redis.aclGetUser('writer');
    assert.ok(user.flags.includes('on'));
    assert.equal(user.keys, '~w:*');
    assert.equal(await redis.aclDelUser('writer'), 1);
  });
  await step(`${v} a rate limit by INCREX`, async () => {
    const hit = () => redis.increx('limit', { upperBound: 2,
      expiration: { type: 'PX', value: 5000, ENX: true } });
    assert.deepEqual(await Promise.all(range(3).map(hit)), [[1, 1], [2, 1], [2, 0]]);
  });
  await step(`${v} reconnect`, async () => {
    const killed = await open(v === 'RESP3' ? 3 : 2, { database: 3, name: 'victim' });
    let again = 0;
    killed.on('reconnecting', () => again++);
    await killed.set('here', '3');
    const id = await killed.clientId();
    assert.equal(await redis.clientKill({ filter: 'ID', id }), 1);
    await until('it reconnects', () => again > 0 && killed.isReady);
    assert.equal(await killed.get('here'), '3');
    const info = await killed.clientInfo();
    assert.ok(info.id > id && info.db === 3 && info.name === 'victim', JSON.stringify(info));
    await killed.close();
  });
}

// The client keeps what it read, and the server tells it what has changed (RESP3 alone).
async function caching(redis) {
  await step('RESP3 client-side caching', async () => {
    const caches = await open(3,
      { clientSideCache: { ttl: 0, maxEntries: 100, evictPolicy: 'LRU' } });
    await redis.set('cached', '1');
    const reads = async () => Number(/cmdstat_get:calls=(\d+)/.exec(
      (await redis.info('commandstats')))[1]);
    assert.equal(await caches.get('cached'), '1');
    const before = await reads();
    for (const _ of range(5)) assert.equal(await caches.get('cached'), '1');
    assert.equal(await reads(), before, 'read from the server again');
    await redis.set('cached', '2');
    await until('the change is seen', async () => await caches.get('cached') === '2');
    assert.equal(await reads(), before + 1);
    await caches.close();
  });
}

async function everything(RESP) {
  const v = `RESP${RESP}`;
  const redis = await open(RESP);
  await redis.flushAll();
  for (const part of [strings, batches, publishing, values, vectors, users]) await part(redis, v);
  if (RESP === 3) await caching(redis);
  await step(`${v} the client is known by its name`, async () => {
    const info = await redis.clientInfo();
    assert.equal(info.resp, RESP);
    assert.equal(info.libName, 'node-redis');
    assert.match(info.libVer, /^\d+\.\d+/);
  });
  await redis.close();
}

async function restart() {
  await step('a restart with the log', async () => {
    await server.start({ log: true });
    const redis = await open(3);
    await redis.set('kept', 'yes', { expiration: { type: 'EX', value: 1000 } });
    await redis.hSet('kept:h', { a: '1' });
    await redis.vAdd('kept:v', [1, 2], 'e', { SETATTR: { a: 1 } });
    await redis.multi().rPush('kept:l', ['a', 'b']).zAdd('kept:z', { value: 'm', score: 1 }).exec();
    assert.equal(await server.stop(), 0);
    const late = redis.get('kept');
    await server.start({ log: true });
    assert.equal(await late, 'yes');
    const left = await redis.ttl('kept');
    assert.ok(left > 900 && left <= 1000, `${left}`);
    assert.deepEqual({ ...await redis.hGetAll('kept:h') }, { a: '1' });
    assert.deepEqual(await redis.vGetAttr('kept:v', 'e'), { a: 1 });
    assert.deepEqual(await redis.lRange('kept:l', 0, -1), ['a', 'b']);
    assert.deepEqual(await redis.zRange('kept:z', 0, -1), ['m']);
    assert.equal(await redis.dbSize(), 5);
    await redis.close();
  });
}

let exitCode = 1;
try {
  await server.start();
  await everything(2);
  await everything(3);
  assert.equal(await server.stop(), 0);
  await restart();
  exitCode = summary('node-redis');
} finally {
  await server.remove();
}
process.exit(exitCode);
