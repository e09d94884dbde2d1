// A `kith redis-server` of our own: on a free port, over a directory that goes when the test ends.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Free now, and of those that the system gives to no connection by itself, so that it is free for a
// second start, too. Another test may take it first: then a start is tried again.
function freePort() {
  const port = 20000 + Math.floor(Math.random() * 12000);
  return new Promise(resolve => {
    const probe = createServer();
    probe.once('error', () => resolve(freePort()));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(port)));
  });
}

export class Server {
  constructor(kith) {
    this.kith = kith;
    this.root = mkdtempSync(join(tmpdir(), 'kith-clients-'));
  }

  // A cache alone, or with an append log. A second start takes the first one's port.
  async start({ log = false } = {}) {
    for (let attempt = 0; attempt < 3; attempt++) {
      this.port ??= await freePort();
      if (await this.begin(log)) return this.port;
      this.port = undefined;
    }
    throw new Error(`kith redis-server did not start: ${this.said}`);
  }

  begin(log) {
    this.child = spawn(this.kith, ['redis-server', '--port', `${this.port}`, '--save', '',
      '--appendonly', log ? 'yes' : 'no', '--dir', this.root],
    { stdio: ['ignore', 'pipe', 'inherit'] });
    this.said = '';
    return new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.ended = new Promise(gone => this.child.once('exit', code => {
        gone(code);
        resolve(false);
      }));
      this.child.stdout.on('data', bytes => {
        this.said += bytes;
        if (this.said.includes('Ready to accept connections')) resolve(true);
      });
    });
  }

  // The exit status; a signal's is null.
  async stop(signal = 'SIGTERM') {
    if (!this.child) return undefined;
    this.child.kill(signal);
    const code = await this.ended;
    this.child = undefined;
    return code;
  }

  async remove() {
    await this.stop('SIGKILL');
    rmSync(this.root, { recursive: true, force: true });
  }
}
