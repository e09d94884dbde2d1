// End to end through valkey-glide: node glide.mjs KITH MODULES
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

import { Server } from './server.mjs';
import { assert, fp32, range, step, summary, until } from './steps.mjs';

const [kith, modules] = process.argv.slice(2);
const { Batch, GlideClient, InfoOptions, ListDirection, Logger, ProtocolVersion } =
  createRequire(resolve(modules, 'package.json'))('@valkey/valkey-glide');
Logger.setLoggerConfig('off'); // refusals are looked at, not told
const server = new Server(kith);
const versions = { 2: ProtocolVersion.RESP2, 3: ProtocolVersion.RESP3 };

const open = (protocol, more = {}) => GlideClient.createClient({
  addresses: [{ host: '127.0.0.1', port: server.port }], protocol: versions[protocol],
  requestTimeout: 5000, connectionBackoff: { numberOfRetries: 100, factor: 20, exponentBase: 1 },
  ...more });

async function strings(redis, v) {
  await step(`${v} strings`, async () => {
    assert.equal(await redis.ping(), 'PONG');
    assert.equal(await redis.set('s', 'wert ä'), 'OK');
    assert.equal(await redis.get('s'), 'wert ä');
    assert.equal(await redis.get('missing'), null);
    assert.equal(await redis.set('s', 'x', { conditionalSet: 'onlyIfDoesNotExist' }), null);
    assert.equal(await redis.incrBy('n', 41), 41);
    assert.equal(await redis.incrByFloat('f', 0.25), 0.25);
    assert.equal(await redis.mset({ m1: '1', m2: '2' }), 'OK');
    assert.deepEqual(await redis.mget(['m1', 'none', 'm2']), ['1', null, '2']);
    await assert.rejects(redis.incr('s'), /value is not an integer or out of range/);
    await assert.rejects(redis.lpush('s', ['x']), /WRONGTYPE: Operation against a key/);
  });
  await step(`${v} expiry`, async () => {
    await redis.set('e', 'x', { expiry: { type: 'PX', count: 60000 } });
    const left = await redis.pttl('e');
    assert.ok(left > 0 && left <= 60000, `${left}`);
    assert.equal(await redis.pexpire('e', 20), true);
    assert.equal(await redis.expire('m1', 100), true);
    assert.ok(await redis.ttl('m1') > 90);
    assert.equal(await redis.persist('m1'), true);
    await until('its time is over', async () => await redis.exists(['e', 'm1', 'm1']) === 2);
  });
}

async function batches(redis, v) {
  await step(`${v} a pipeline of 1,000`, async () => {
    const pipeline = new Batch(false);
    for (const i of range(500)) pipeline.set(`p:${i}`, `v${i}`).get(`p:${i}`);
    assert.deepEqual(await redis.exec(pipeline, true), range(500).flatMap(i => ['OK', `v${i}`]));
    const counted = await Promise.all(range(1000).map(() => redis.incr('at-once')));
    assert.deepEqual(counted.sort((a, b) => a - b), range(1000).map(i => i + 1));
  });
  await step(`${v} MULTI`, async () => {
    const batch = new Batch(true).set('t', '1').incr('t').hset('th', { a: '1', b: '2' })
      .hgetall('th').get('t');
    assert.deepEqual(await redis.exec(batch, true), ['OK', 2, 2,
      [{ key: 'a', value: '1' }, { key: 'b', value: '2' }], '2']);
    const failed = await redis.exec(new Batch(true).set('t', 'word').incr('t').get('t'), false);
    assert.equal(failed[0], 'OK');
    assert.match(failed[1].message, /value is not an integer/);
    assert.equal(failed[2], 'word');
  });
  await step(`${v} WATCH`, async () => {
    const other = await open(v === 'RESP3' ? 3 : 2);
    assert.equal(await other.watch(['t']), 'OK');
    await redis.set('t', 'theirs');
    assert.equal(await other.exec(new Batch(true).set('t', 'mine'), true), null);
    assert.equal(await redis.get('t'), 'theirs');
    await other.watch(['t']);
    assert.deepEqual(await other.exec(new Batch(true).set('t', 'mine'), true), ['OK']);
    other.close();
  });
}

async function publishing(redis, v) {
  if (v === 'RESP3') await step(`${v} pub/sub`, async () => {
    const modes = { exact: 0, pattern: 1 };
    const heard = [];
    const hears = await open(3, { pubsubSubscriptions: {
      channelsAndPatterns: { [modes.exact]: new Set(['news', 'other']),
        [modes.pattern]: new Set(['n*s']) },
      callback: ({ channel, message, pattern }) => heard.push([pattern ?? '', channel, message]) } });
    assert.equal(await redis.publish('one', 'news'), 2);
    for (const i of range(100)) redis.publish(`m${i}`, 'other');
    await until('all were heard', () => heard.length === 102);
    assert.deepEqual(heard.slice(0, 2).sort(), [['', 'news', 'one'], ['n*s', 'news', 'one']]);
    assert.deepEqual(heard.slice(2).map(([, , text]) => text).sort(),
      range(100).map(i => `m${i}`).sort());
    assert.deepEqual((await redis.pubsubChannels()).sort(), ['news', 'other']);
    hears.close();
  });
  await step(`${v} blocking pop`, async () => {
    const waits = await open(v === 'RESP3' ? 3 : 2);
    const popped = waits.blpop(['jobs', 'jobs2'], 5);
    await until('it waits', async () =>
      /cmd=blpop/.test(await redis.customCommand(['CLIENT', 'LIST'])));
    await redis.rpush('jobs2', ['a', 'b']);
    assert.deepEqual(await popped, ['jobs2', 'a']);
    assert.equal(await waits.blpop(['empty'], 0.05), null);
    await redis.zadd('zq', { two: 2, one: 1.5 });
    assert.deepEqual(await waits.bzpopmin(['zq'], 1), ['zq', 'one', 1.5]);
    waits.close();
  });
}

async function values(redis, v) {
  await step(`${v} hashes and lists`, async () => {
    assert.equal(await redis.hset('h', { a: '1', b: '2' }), 2);
    assert.deepEqual(await redis.hgetall('h'),
      [{ field: 'a', value: '1' }, { field: 'b', value: '2' }]);
    assert.deepEqual(await redis.hmget('h', ['a', 'x']), ['1', null]);
    assert.equal(await redis.hincrBy('h', 'a', 9), 10);
    assert.equal(await redis.hexists('h', 'x'), false);
    assert.equal(await redis.rpush('l', ['a', 'b', 'c']), 3);
    assert.deepEqual(await redis.lrange('l', 0, -1), ['a', 'b', 'c']);
    assert.equal(await redis.lmove('l', 'l', ListDirection.LEFT, ListDirection.RIGHT), 'a');
    assert.deepEqual(await redis.lpopCount('l', 2), ['b', 'c']);
  });
  await step(`${v} sets and sorted sets`, async () => {
    assert.equal(await redis.sadd('s1', ['a', 'b', 'c', 'a']), 3);
    await redis.sadd('s2', ['b', 'c', 'd']);
    assert.deepEqual(await redis.sinter(['s1', 's2']), new Set(['b', 'c']));
    assert.deepEqual(await redis.sdiff(['s1', 's2']), new Set(['a']));
    assert.equal(await redis.sismember('s1', 'z'), false);
    assert.equal(await redis.zadd('z', { a: 1, b: 2.5, c: -3 }), 3);
    assert.deepEqual(await redis.zrange('z', { start: 0, end: -1 }), ['c', 'a', 'b']);
    assert.deepEqual(await redis.zrangeWithScores('z', { start: 1, end: 2 }),
      [{ element: 'a', score: 1 }, { element: 'b', score: 2.5 }]);
    assert.equal(await redis.zscore('z', 'b'), 2.5);
    assert.equal(await redis.zincrby('z', 10, 'c'), 7);
    assert.deepEqual(await redis.zpopmax('z'), [{ element: 'c', score: 7 }]);
  });
  await step(`${v} SCAN`, async () => {
    const seen = new Set();
    let cursor = '0';
    do {
      const [next, keys] = await redis.scan(cursor, { match: 'p:*', count: 50 });
      keys.forEach(key => seen.add(key));
      cursor = next;
    } while (cursor !== '0');
    assert.deepEqual([...seen].sort(), range(500).map(i => `p:${i}`).sort());
  });
  await step(`${v} vector sets`, async () => {
    const command = words => redis.customCommand(words);
    for (const i of range(20))
      assert.equal(Number(await command(['VADD', 'v', 'VALUES', '3', `${Math.cos(i)}`,
        `${Math.sin(i)}`, '0.1', `e${i}`, 'SETATTR', `{"n":${i}}`])), 1);
    assert.equal(Number(await command(['VADD', 'v', 'FP32', fp32([1, 0, 0]), 'axis', 'CAS'])), 1);
    assert.deepEqual(await command(['VSIM', 'v', 'FP32', fp32([1, 0, 0]), 'COUNT', '2']),
      ['axis', 'e0']);
    assert.deepEqual(await command(['VSIM', 'v', 'ELE', 'e3', 'COUNT', '2', 'FILTER',
      '.n == 3 or .n == 9']), ['e3', 'e9']);
    assert.equal(await command(['VCARD', 'v']), 21);
  });
}

async function users(redis, v) {
  await step(`${v} a user with few rights`, async () => {
    assert.equal(await redis.customCommand(['ACL', 'SETUSER', 'reader', 'reset', 'on', '>secret',
      '~p:*', '+get', '+hello', '+client', '+info', '+ping']), 'OK');
    const reader = await open(v === 'RESP3' ? 3 : 2,
      { credentials: { username: 'reader', password: 'secret' } });
    assert.equal(await reader.get('p:1'), 'v1');
    await assert.rejects(reader.get('s'), /No permissions to access a key/);
    await assert.rejects(reader.set('p:1', 'x'), /no permissions to run the 'set' command/);
    reader.close();
  });
  await step(`${v} reconnect`, async () => {
    const killed = await open(v === 'RESP3' ? 3 : 2, { databaseId: 3, clientName: 'victim' });
    await killed.set('here', '3');
    const id = await killed.clientId();
    assert.equal(await redis.customCommand(['CLIENT', 'KILL', 'ID', `${id}`]), 1);
    let value;
    await until('it is back', async () => {
      value = await killed.get('here').catch(() => undefined);
      return value !== undefined;
    });
    assert.equal(value, '3');
    assert.ok(await killed.clientId() > id);
    assert.equal(await killed.clientGetName(), 'victim');
    killed.close();
  });
  await step(`${v} the client is known by its name`, async () => {
    const info = await redis.customCommand(['CLIENT', 'INFO']);
    assert.match(info, /lib-name=Glide\S* lib-ver=\S/);
    assert.match(info, new RegExp(`resp=${v.slice(4)}`));
    assert.match(await redis.info([InfoOptions.Replication]), /role:master/);
  });
}

// Last: after a refused connection glide 2.5.2 may never answer again, whatever the server.
async function refusal() {
  await step('a wrong password', async () => {
    const redis = await open(3);
    await redis.customCommand(['ACL', 'SETUSER', 'reader', 'on', '>secret']);
    redis.close();
    await assert.rejects(open(3, { credentials: { username: 'reader', password: 'guess' },
      connectionBackoff: { numberOfRetries: 0, factor: 1, exponentBase: 1 } }),
    /WRONGPASS|AuthenticationFailed/);
  });
}

async function restart() {
  await step('a restart with the log', async () => {
    await server.start({ log: true });
    const redis = await open(3);
    await redis.set('kept', 'yes', { expiry: { type: 'EX', count: 1000 } });
    await redis.exec(new Batch(true).rpush('kept:l', ['a', 'b']).zadd('kept:z', { m: 1.5 }), true);
    await redis.customCommand(['VADD', 'kept:v', 'VALUES', '2', '1', '2', 'e']);
    await server.stop('SIGKILL');
    await server.start({ log: true });
    let value;
    await until('it is back', async () => {
      value = await redis.get('kept').catch(() => undefined);
      return value !== undefined;
    });
    assert.equal(value, 'yes');
    assert.deepEqual(await redis.lrange('kept:l', 0, -1), ['a', 'b']);
    assert.equal(await redis.zscore('kept:z', 'm'), 1.5);
    assert.deepEqual(await redis.customCommand(['VSIM', 'kept:v', 'ELE', 'e']), ['e']);
    assert.equal(await redis.dbsize(), 4);
    redis.close();
  });
}

let exitCode = 1;
try {
  await server.start();
  for (const protocol of [2, 3]) {
    const redis = await open(protocol);
    assert.equal(await redis.flushall(), 'OK');
    for (const part of [strings, batches, publishing, values, users])
      await part(redis, `RESP${protocol}`);
    redis.close();
  }
  assert.equal(await server.stop(), 0);
  await restart();
  await refusal();
  exitCode = summary('valkey-glide');
} finally {
  await server.remove();
}
process.exit(exitCode);
