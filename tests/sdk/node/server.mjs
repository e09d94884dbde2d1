// A `kith serve` of our own: on any free port, over a directory that goes when the test ends. What
// it answered is read from its metrics before it is stopped, and summed over its starts.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class Server {
  constructor(kith) {
    this.kith = kith;
    this.root = mkdtempSync(join(tmpdir(), 'kith-sdk-'));
    this.data = join(this.root, 'data');
    this.imports = join(this.root, 'imports'); // files that clients may import
    mkdirSync(this.imports);
    this.answered = new Map(); // RPC: how often with success
  }

  // Waits for the line that says where it listens.
  async start(...flags) {
    const args = ['serve', '--data', this.data, '--milvus-port', 'auto', '--redis-port', '0',
      '--ops-port', 'auto', '--import-dir', this.imports, ...flags];
    this.child = spawn(this.kith, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.ended = new Promise(resolve => this.child.once('exit', resolve));
    let said = '';
    this.address = await new Promise((resolve, reject) => {
      this.child.stdout.on('data', bytes => {
        said += bytes;
        const found = /milvus (\S+:\d+), ops (\S+:\d+)/.exec(said);
        if (!found) return;
        this.ops = found[2];
        resolve(found[1]);
      });
      this.child.once('exit', code => reject(new Error(`kith serve ended with ${code}: ${said}`)));
      this.child.once('error', reject);
    });
    return this.address;
  }

  // RPC: how often it was answered with success since this start; refusals are counted as "NO ...".
  async counters() {
    const text = await (await fetch(`http://${this.ops}/metrics`)).text();
    const line = /^milvus_proxy_req_count\{function_name="(\w+)",status="(\w+)"\} (\d+)/gm;
    return new Map([...text.matchAll(line)].map(([, rpc, status, times]) =>
      [status === 'success' ? rpc : `NO ${rpc}`, Number(times)]));
  }

  add(counters, sign) {
    for (const [rpc, times] of counters)
      this.answered.set(rpc, (this.answered.get(rpc) ?? 0) + sign * times);
  }

  // What is not the SDK's doing does not count.
  async apart(body) {
    this.add(await this.counters(), 1);
    await body();
    this.add(await this.counters(), -1);
  }

  async stop(signal = 'SIGTERM') {
    if (!this.child) return;
    this.add(await this.counters().catch(() => new Map()), 1);
    this.child.kill(signal);
    await this.ended;
    this.child = undefined;
  }

  async remove() {
    await this.stop('SIGKILL');
    rmSync(this.root, { recursive: true, force: true });
  }
}
