// End to end through ioredis: node ioredis.mjs KITH MODULES
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

import { Server } from './server.mjs';
import { assert, fp32, range, step, summary, until } from './steps.mjs';

const [kith, modules] = process.argv.slice(2);
const { Redis } = createRequire(resolve(modules, 'package.json'))('ioredis');
const server = new Server(kith);

const open = (protocol, more = {}) =>
  new Redis({ host: '127.0.0.1', port: server.port, protocol, retryStrategy: () => 20, ...more });

async function strings(redis, v) {
  await step(`${v} strings`, async () => {
    assert.equal(await redis.ping(), 'PONG');
    assert.equal(await redis.set('s', 'wert ä'), 'OK');
    assert.equal(await redis.get('s'), 'wert ä');
    assert.equal(await redis.get('missing'), null);
    assert.equal(await redis.set('s', 'x', 'NX'), null);
    const bytes = Buffer.from(range(256));
    await redis.set('bytes', bytes);
    assert.deepEqual(await redis.getBuffer('bytes'), bytes);
    assert.equal(await redis.incrby('n', 41), 41);
    assert.equal(await redis.incr('n'), 42);
    assert.equal(await redis.incrbyfloat('f', 0.1), '0.1');
    assert.equal(await redis.incrbyfloat('f', 0.2), '0.3');
    await redis.mset({ m1: '1', m2: '2' });
    assert.deepEqual(await redis.mget('m1', 'none', 'm2'), ['1', null, '2']);
    await assert.rejects(redis.incr('s'), /ERR value is not an integer or out of range/);
    await assert.rejects(redis.lpush('s', 'x'), /WRONGTYPE Operation against a key/);
    await assert.rejects(redis.call('nothing', 'x'),
      /ERR unknown command 'nothing', with args beginning with: 'x'/);
  });
}

async function expiry(redis, v) {
  await step(`${v} expiry`, async () => {
    await redis.set('e', 'x', 'PX', 80000);
    const left = await redis.pttl('e');
    assert.ok(left > 0 && left <= 80000, `${left}`);
    assert.equal(await redis.pexpire('e', 20), 1);
    assert.equal(await redis.ttl('s'), -1);
    assert.equal(await redis.ttl('missing'), -2);
    assert.equal(await redis.expire('m1', 100), 1);
    assert.ok(await redis.ttl('m1') > 90);
    assert.equal(await redis.persist('m1'), 1);
    assert.equal(await redis.ttl('m1'), -1);
    await until('its time is over', async () => await redis.exists('e') === 0);
  });
}

async function pipelines(redis, v) {
  await step(`${v} a pipeline of 1,000`, async () => {
    const pipeline = redis.pipeline();
    for (const i of range(500)) pipeline.set(`p:${i}`, `v${i}`).get(`p:${i}`);
    const replies = await pipeline.exec();
    assert.equal(replies.length, 1000);
    for (const i of range(500)) {
      assert.deepEqual(replies[2 * i], [null, 'OK']);
      assert.deepEqual(replies[2 * i + 1], [null, `v${i}`]);
    }
  });
  await step(`${v} 1,000 at once, one fails`, async () => {
    const replies = await Promise.allSettled(range(1000).map(i =>
      i === 500 ? redis.incr('s') : redis.incr('at-once')));
    assert.equal(replies[500].status, 'rejected');
    assert.equal(replies[999].value, 999);
    assert.equal(await redis.get('at-once'), '999');
  });
}

async function transactions(redis, v) {
  await step(`${v} MULTI`, async () => {
    const replies = await redis.multi().set('t', '1').incr('t').lpush('t', 'x').get('t').exec();
    assert.deepEqual([replies[0], replies[1], replies[3]], [[null, 'OK'], [null, 2], [null, '2']]);
    assert.match(replies[2][0].message, /^WRONGTYPE/);
  });
  await step(`${v} WATCH`, async () => {
    const other = redis.duplicate();
    await redis.watch('t');
    await other.set('t', 'theirs');
    assert.equal(await redis.multi().set('t', 'mine').exec(), null);
    assert.equal(await redis.get('t'), 'theirs');
    await redis.watch('t');
    assert.deepEqual(await redis.multi().set('t', 'mine').exec(), [[null, 'OK']]);
    assert.equal(await other.get('t'), 'mine');
    await other.quit();
  });
}

async function publishing(redis, v) {
  await step(`${v} pub/sub`, async () => {
    const hears = redis.duplicate();
    const heard = [];
    hears.on('message', (channel, text) => heard.push([channel, text]));
    hears.on('pmessage', (pattern, channel, text) => heard.push([pattern, channel, text]));
    assert.equal(await hears.subscribe('news', 'other'), 2);
    assert.equal(await hears.psubscribe('n*s'), 3);
    assert.equal(await redis.publish('news', 'one'), 2);
    assert.equal(await redis.publish('nobody', 'x'), 0);
    assert.deepEqual(await redis.pubsub('NUMSUB', 'news', 'nobody'), ['news', 1, 'nobody', 0]);
    assert.equal(await hears.punsubscribe('n*s'), 2);
    for (const i of range(100)) redis.publish('other', `m${i}`);
    await until('all were heard', () => heard.length === 102);
    assert.deepEqual(heard.slice(0, 2), [['news', 'one'], ['n*s', 'news', 'one']]);
    assert.deepEqual(heard.slice(2), range(100).map(i => ['other', `m${i}`]));
    await hears.unsubscribe();
    assert.equal(await hears.get('t'), 'mine');
    await hears.quit();
  });
}

async function blocking(redis, v) {
  await step(`${v} blocking pop`, async () => {
    const waits = redis.duplicate();
    const popped = waits.blpop('jobs', 'jobs2', 5);
    await until('it waits', async () => /cmd=blpop/.test(await redis.client('LIST')));
    await redis.rpush('jobs2', 'a', 'b');
    assert.deepEqual(await popped, ['jobs2', 'a']);
    assert.deepEqual(await redis.lrange('jobs2', 0, -1), ['b']);
    assert.equal(await waits.blpop('empty', 0.05), null);
    assert.equal(await waits.brpoplpush('jobs2', 'done', 1), 'b');
    assert.equal(await redis.exists('jobs2'), 0);
    await redis.zadd('zq', 2, 'two', 1, 'one');
    assert.deepEqual((await waits.bzpopmin('zq', 1)).map(String), ['zq', 'one', '1']);
    await waits.quit();
  });
}

async function values(redis, v) {
  await step(`${v} hashes`, async () => {
    assert.equal(await redis.hset('h', { a: '1', b: '2', c: 'three' }), 3);
    assert.deepEqual(await redis.hgetall('h'), { a: '1', b: '2', c: 'three' });
    assert.deepEqual(await redis.hmget('h', 'a', 'x'), ['1', null]);
    assert.equal(await redis.hincrby('h', 'a', 9), 10);
    assert.equal(await redis.hdel('h', 'b', 'x'), 1);
    assert.deepEqual(await redis.hkeys('h'), ['a', 'c']);
    assert.deepEqual(await redis.call('HPEXPIRE', 'h', 60, 'FIELDS', 1, 'a'), [1]);
    await until('its time is over', async () => await redis.hexists('h', 'a') === 0);
  });
  await step(`${v} lists`, async () => {
    assert.equal(await redis.rpush('l', 'b', 'c', 'd'), 3);
    assert.equal(await redis.lpush('l', 'a'), 4);
    assert.deepEqual(await redis.lrange('l', 1, -2), ['b', 'c']);
    assert.equal(await redis.linsert('l', 'BEFORE', 'c', 'bb'), 5);
    assert.equal(await redis.lindex('l', 2), 'bb');
    assert.equal(await redis.lrem('l', 0, 'bb'), 1);
    assert.deepEqual(await redis.lpop('l', 2), ['a', 'b']);
    assert.equal(await redis.rpop('l'), 'd');
  });
  await step(`${v} sets`, async () => {
    assert.equal(await redis.sadd('s1', 'a', 'b', 'c', 'a'), 3);
    await redis.sadd('s2', 'b', 'c', 'd');
    assert.deepEqual((await redis.sinter('s1', 's2')).sort(), ['b', 'c']);
    assert.deepEqual((await redis.sunion('s1', 's2')).sort(), ['a', 'b', 'c', 'd']);
    assert.deepEqual(await redis.sdiff('s1', 's2'), ['a']);
    assert.deepEqual(await redis.smismember('s1', 'a', 'z'), [1, 0]);
    assert.equal(await redis.scard('s1'), 3);
  });
  await step(`${v} sorted sets`, async () => {
    assert.equal(await redis.zadd('z', 1, 'a', 2.5, 'b', -3, 'c'), 3);
    assert.deepEqual(await redis.zrange('z', 0, -1), ['c', 'a', 'b']);
    assert.equal(Number(await redis.zscore('z', 'b')), 2.5);
    assert.equal(Number(await redis.zincrby('z', 10, 'c')), 7);
    assert.equal(await redis.zrank('z', 'c'), 2);
    assert.deepEqual((await redis.zrange('z', 1, 3, 'BYSCORE', 'WITHSCORES')).flat().map(String),
      ['a', '1', 'b', '2.5']);
    assert.deepEqual((await redis.zpopmax('z')).flat().map(String), ['c', '7']);
    assert.equal(await redis.zcard('z'), 2);
  });
}

async function scanning(redis, v) {
  await step(`${v} SCAN`, async () => {
    const seen = new Set();
    for await (const keys of redis.scanStream({ match: 'p:*', count: 50 }))
      keys.forEach(key => seen.add(key));
    assert.deepEqual([...seen].sort(), range(500).map(i => `p:${i}`).sort());
    await redis.hset('big', Object.fromEntries(range(700).map(i => [`f${i}`, `${i}`])));
    const fields = {};
    for await (const pairs of redis.hscanStream('big'))
      for (let i = 0; i < pairs.length; i += 2) fields[pairs[i]] = pairs[i + 1];
    assert.deepEqual(fields, await redis.hgetall('big'));
    assert.equal(Object.keys(fields).length, 700);
  });
}

async function vectors(redis, v) {
  await step(`${v} vector sets`, async () => {
    const add = async (...words) => Number(await redis.call('VADD', 'v', ...words));
    for (const i of range(20))
      assert.equal(await add('VALUES', 3, Math.cos(i), Math.sin(i), 0.1, `e${i}`, 'SETATTR',
        `{"n":${i}}`), 1);
    assert.equal(await add('FP32', fp32([1, 0, 0]), 'axis'), 1);
    assert.equal(await add('FP32', fp32([1, 0, 0]), 'axis'), 0);
    assert.equal(await redis.call('VCARD', 'v'), 21);
    assert.equal(await redis.call('VDIM', 'v'), 3);
    const near = await redis.call('VSIM', 'v', 'FP32', fp32([1, 0, 0]), 'COUNT', 2);
    assert.deepEqual(near, ['axis', 'e0']);
    assert.deepEqual(await redis.call('VSIM', 'v', 'ELE', 'e3', 'COUNT', 2, 'FILTER',
      '.n == 3 or .n == 9'), ['e3', 'e9']);
    assert.equal(await redis.call('VGETATTR', 'v', 'e7'), '{"n":7}');
    assert.equal(Number(await redis.call('VREM', 'v', 'axis')), 1);
    assert.equal(await redis.type('v'), 'vectorset');
  });
}

async function users(redis, v) {
  await step(`${v} a user with few rights`, async () => {
    assert.equal(await redis.acl('SETUSER', 'reader', 'reset', 'on', '>secret', '~p:*', '+@read',
      '+info', '+client', '+hello', '+ping'), 'OK');
    const reader = open(v === 'RESP3' ? 3 : 2, { username: 'reader', password: 'secret' });
    assert.equal(await reader.acl('WHOAMI').catch(error => error.message),
      "NOPERM User reader has no permissions to run the 'acl|whoami' command");
    assert.equal(await reader.get('p:1'), 'v1');
    await assert.rejects(reader.get('s'), /^ReplyError: NOPERM No permissions to access a key/);
    await assert.rejects(reader.set('p:1', 'x'),
      /NOPERM User reader has no permissions to run the 'set' command/);
    reader.disconnect();
    const wrong = open(v === 'RESP3' ? 3 : 2, { username: 'reader', password: 'guess',
      lazyConnect: true, retryStrategy: null });
    let said = '';
    wrong.on('error', error => { said += error.message; });
    await wrong.connect().catch(() => {});
    await until('it is refused', () => said.includes('WRONGPASS'));
    wrong.disconnect();
    assert.equal(await redis.acl('DELUSER', 'reader'), 1);
  });
}

async function limits(redis, v) {
  await step(`${v} a rate limit by INCREX`, async () => {
    const hit = () => redis.call('INCREX', 'limit', 'UBOUND', 3, 'PX', 60000, 'ENX');
    const first = await Promise.all(range(5).map(hit));
    assert.deepEqual(first, [[1, 1], [2, 1], [3, 1], [3, 0], [3, 0]]);
    const left = await redis.pttl('limit');
    assert.ok(left > 0 && left <= 60000, `${left}`);
    assert.equal(await redis.pexpire('limit', 20), 1);
    await until('its time is over', async () => await redis.exists('limit') === 0);
    assert.deepEqual(await hit(), [1, 1]);
  });
}

async function reconnecting(redis, v) {
  await step(`${v} reconnect`, async () => {
    const killed = open(v === 'RESP3' ? 3 : 2, { db: 3, connectionName: 'victim' });
    let closed = 0;
    killed.on('close', () => closed++);
    await killed.set('here', '3');
    const id = await killed.client('ID');
    assert.match(await redis.client('LIST', 'ID', id), /name=victim .*db=3 /);
    assert.equal(await redis.client('KILL', 'ID', id), 1);
    await until('it is closed', () => closed === 1);
    assert.equal(await killed.get('here'), '3');
    assert.notEqual(await killed.client('ID'), id);
    await killed.quit();
  });
}

// Events of keys, and sharded channels, which are a space of their own.
async function listening(redis, v) {
  const protocol = v === 'RESP3' ? 3 : 2;
  await step(`${v} keyspace notifications`, async () => {
    const ears = open(protocol);
    const heard = [];
    ears.on('pmessage', (_, channel, message) => heard.push(`${channel} ${message}`));
    await redis.config('SET', 'notify-keyspace-events', 'KExg$');
    await ears.psubscribe('__key*@0__:*');
    await redis.set('event', '1', 'PX', 30);
    await until('it expired', () => heard.length === 6);
    assert.deepEqual(heard, ['set', 'expire', 'expired'].flatMap(event =>
      [`__keyspace@0__:event ${event}`, `__keyevent@0__:${event} event`]));
    await redis.config('SET', 'notify-keyspace-events', '');
    await ears.quit();
  });
  await step(`${v} sharded channels`, async () => {
    const ears = open(protocol);
    const heard = [];
    ears.on('smessage', (channel, message) => heard.push([channel, message]));
    ears.on('message', () => heard.push('no'));
    assert.equal(await ears.ssubscribe('news'), 1);
    assert.equal(await redis.publish('news', 'to others'), 0);
    assert.equal(await redis.spublish('news', 'to these'), 1);
    await until('it came', () => heard.length === 1);
    assert.deepEqual(heard, [['news', 'to these']]);
    assert.deepEqual(await redis.pubsub('SHARDNUMSUB', 'news'), ['news', 1]);
    await ears.quit();
  });
}

// What tools ask for: a cluster that is not there, commands, help.
async function asking(redis, v) {
  await step(`${v} no cluster`, async () => {
    await assert.rejects(redis.cluster('INFO'), /cluster support disabled/);
    const cluster = new Redis.Cluster([{ host: '127.0.0.1', port: server.port }],
      { clusterRetryStrategy: () => null, lazyConnect: true });
    cluster.on('error', () => {});
    await assert.rejects(cluster.connect());
    cluster.disconnect();
  });
  await step(`${v} commands`, async () => {
    const [[name, arity, flags, first, last, step]] = await redis.command('INFO', 'set');
    assert.deepEqual([name, arity, first, last, step], ['set', -3, 1, 1, 1]);
    assert.ok([...flags].includes('write'));
    assert.deepEqual(await redis.command('GETKEYS', 'ZUNIONSTORE', 'd', '2', 'a', 'b'),
      ['d', 'a', 'b']);
    assert.match((await redis.config('HELP')).join(' '), /RESETSTAT/);
  });
  await step(`${v} an error inside MULTI`, async () => {
    await redis.set('text', 'x');
    const replies = await redis.multi().incr('text').set('text', 'y').exec();
    assert.match(replies[0][0].message, /not an integer/);
    assert.deepEqual(replies[1], [null, 'OK']);
    await assert.rejects(redis.multi().call('nothing').set('text', 'z').exec(), /EXECABORT/);
    assert.equal(await redis.get('text'), 'y');
  });
}

async function everything(protocol) {
  const v = `RESP${protocol}`;
  const redis = open(protocol);
  await redis.flushall();
  for (const part of [strings, expiry, pipelines, transactions, publishing, blocking, values,
    scanning, vectors, users, limits, reconnecting, listening, asking]) await part(redis, v);
  await step(`${v} the client is known by its name`, async () => {
    assert.match(await redis.client('INFO'),
      /lib-name=ioredis\S* lib-ver=\d/);
    assert.match(await redis.client('INFO'), new RegExp(`resp=${protocol}`));
  });
  await redis.quit();
}

// A log on disk: what was there is there after a restart, and the client finds its way back.
async function restart() {
  await step('a restart with the log', async () => {
    await server.start({ log: true });
    const redis = open(3);
    redis.on('error', () => {});
    await redis.flushall();
    await redis.set('kept', 'yes', 'EX', 1000);
    await redis.rpush('kept:l', 'a', 'b');
    await redis.call('VADD', 'kept:v', 'VALUES', 2, 1, 2, 'e');
    await redis.multi().sadd('kept:s', 'm').zadd('kept:z', 1.5, 'm').exec();
    await server.stop('SIGKILL');
    const late = redis.get('kept');
    await server.start({ log: true });
    assert.equal(await late, 'yes');
    const left = await redis.ttl('kept');
    assert.ok(left > 900 && left <= 1000, `${left}`);
    assert.deepEqual(await redis.lrange('kept:l', 0, -1), ['a', 'b']);
    assert.deepEqual(await redis.call('VSIM', 'kept:v', 'ELE', 'e'), ['e']);
    assert.deepEqual(await redis.smembers('kept:s'), ['m']);
    assert.equal(Number(await redis.zscore('kept:z', 'm')), 1.5);
    assert.equal(await redis.dbsize(), 5);
    await redis.quit();
  });
}

let exitCode = 1;
try {
  await server.start();
  await everything(2);
  await everything(3);
  assert.equal(await server.stop(), 0);
  await restart();
  exitCode = summary('ioredis');
} finally {
  await server.remove();
}
process.exit(exitCode);
