// A `kith serve` of our own: on any free port, over a directory that goes when the test ends.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class Server {
  constructor(kith) {
    this.kith = kith;
    this.root = mkdtempSync(join(tmpdir(), 'kith-sdk-'));
    this.data = join(this.root, 'data');
  }

  // Waits for the line that says where it listens.
  async start(...flags) {
    const args = ['serve', '--data', this.data, '--milvus-port', 'auto', '--ops-port', '0', ...flags];
    this.child = spawn(this.kith, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.ended = new Promise(resolve => this.child.once('exit', resolve));
    let said = '';
    this.address = await new Promise((resolve, reject) => {
      this.child.stdout.on('data', bytes => {
        said += bytes;
        const found = /milvus (\S+:\d+)/.exec(said);
        if (found) resolve(found[1]);
      });
      this.child.once('exit', code => reject(new Error(`kith serve ended with ${code}: ${said}`)));
      this.child.once('error', reject);
    });
    return this.address;
  }

  async stop(signal = 'SIGTERM') {
    if (!this.child) return;
    this.child.kill(signal);
    await this.ended;
    this.child = undefined;
  }

  async remove() {
    await this.stop('SIGKILL');
    rmSync(this.root, { recursive: true, force: true });
  }
}
