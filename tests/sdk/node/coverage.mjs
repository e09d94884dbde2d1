// Which RPCs the SDK had answered: all in ../rpcs.txt, or the step fails and names those missing.
import { readFileSync } from 'node:fs';

import { assert, step } from './steps.mjs';

function priorities() {
  const text = readFileSync(new URL('../rpcs.txt', import.meta.url), 'utf8');
  const found = { P0: [], P1: [], P2: [], NO: [] };
  for (const line of text.split('\n')) {
    const [priority, ...names] = line.trim().split(/ +/);
    found[priority]?.push(...names);
  }
  return found;
}

export async function coverage(server) {
  for (const [priority, names] of Object.entries(priorities())) {
    const key = name => (priority === 'NO' ? `NO ${name}` : name);
    const missing = names.filter(name => !(server.answered.get(key(name)) > 0));
    console.log(`${priority}: ${names.length - missing.length} of ${names.length} RPCs answered`);
    await step(`every RPC of ${priority}`, () => assert.deepEqual(missing, []));
  }
}
