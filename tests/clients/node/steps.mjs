// One step is one thing that a user does; a step that fails is told and the next one runs.
// KITH_CLIENTS_ONLY=text runs the steps that have the text in their name.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

const LATE_MS = 60000;
const failures = [];
let passed = 0;
const only = process.env.KITH_CLIENTS_ONLY;

export async function step(name, body) {
  if (only && !name.includes(only)) return;
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end in ${LATE_MS} ms`)), LATE_MS);
  });
  try {
    await Promise.race([body(), late]);
    passed++;
  } catch (error) {
    failures.push(name);
    const text = String(error.stack ?? error).split('\n').slice(0, 24).join(' | ');
    console.log(`FAIL ${name}: ${text}`);
  } finally {
    clearTimeout(timer);
  }
}

export function summary(what) {
  console.log(`${what}: ${passed} steps passed, ${failures.length} failed`);
  return failures.length ? 1 : 0;
}

// Waits until it is so.
export async function until(what, condition) {
  for (let waited = 0; !await condition(); waited += 10) {
    if (waited > 30000) throw new Error(`never: ${what}`);
    await sleep(10);
  }
}

export { assert };
export const range = n => Array.from({ length: n }, (_, i) => i);
// The bytes of a vector, as FP32 takes them.
export const fp32 = values => Buffer.from(new Float32Array(values).buffer);
