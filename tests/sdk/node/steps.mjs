// One step is one thing that a user does; a step that fails is told and the next one runs.
import assert from 'node:assert/strict';

const failures = [];
let passed = 0;
const only = process.env.KITH_SDK_ONLY;

export async function step(name, body) {
  if (only && !name.includes(only)) return;
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in 60 s')), 60000);
  });
  try {
    await Promise.race([body(), late]);
    passed++;
  } catch (error) {
    failures.push(name);
    console.log(`FAIL ${name}: ${(error.message ?? JSON.stringify(error)).split('\n').slice(0, 12).join(' | ')}`);
  } finally {
    clearTimeout(timer);
  }
}

export function summary(what) {
  console.log(`${what}: ${passed} steps passed, ${failures.length} failed`);
  return failures.length ? 1 : 0;
}

// The reply, when it says success.
export async function ok(promise) {
  const reply = await promise;
  const status = reply?.status ?? reply;
  assert.equal(status.error_code, 'Success', `${status.error_code} ${status.code}: ${status.reason}`);
  assert.equal(Number(status.code ?? 0), 0);
  return reply;
}

// The reason, when the reply is a refusal (as a status or as an exception of the SDK).
export async function refused(promise, pattern) {
  let reply;
  try {
    reply = await promise;
  } catch (error) {
    assert.match(String(error.message ?? error.reason ?? JSON.stringify(error)), pattern);
    return undefined;
  }
  const status = reply?.status ?? reply;
  assert.notEqual(status.error_code, 'Success', 'was not refused');
  assert.match(String(status.reason), pattern);
  return status;
}

export { assert };
export const range = n => Array.from({ length: n }, (_, i) => i);
export const ids = rows => rows.map(row => Number(row.id));
