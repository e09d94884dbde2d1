// The same calls over TLS, gRPC and REST on the one port; without openssl there is no certificate.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';

import { assert, ok, step } from './steps.mjs';

const post = (options, body) => new Promise((resolve, reject) => {
  const call = request({ method: 'POST', ...options }, reply => {
    let text = '';
    reply.on('data', bytes => { text += bytes; });
    reply.on('end', () => resolve(JSON.parse(text)));
  });
  call.on('error', reject);
  call.end(JSON.stringify(body));
});

export async function tls(server, { MilvusClient }) {
  const key = join(server.root, 'key.pem');
  const certificate = join(server.root, 'cert.pem');
  try {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj',
      '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key,
      '-out', certificate], { stdio: 'ignore' });
  } catch {
    console.log('no openssl: TLS is left out');
    return;
  }
  await server.stop();
  const address = await server.start('--tls', 'server', '--tls-cert', certificate, '--tls-key', key);
  await step('TLS: gRPC', async () => {
    const client = new MilvusClient({ address, ssl: true, tls: { rootCertPath: certificate } });
    await client.connectPromise;
    await ok(client.createCollection({ collection_name: 'sealed', dimension: 4 }));
    await ok(client.insert({ collection_name: 'sealed', data: [{ id: 1, vector: [1, 2, 3, 4] }] }));
    const found = await ok(client.search({ collection_name: 'sealed', data: [1, 2, 3, 4], limit: 1 }));
    assert.equal(found.results.length, 1);
    await client.closeConnection();
  });
  await step('TLS: REST', async () => {
    const [host, port] = address.split(':');
    const reply = await post({ host, port, path: '/v2/vectordb/collections/list',
      ca: readFileSync(certificate) }, {});
    assert.equal(reply.code, 0);
    assert.ok(reply.data.includes('sealed'));
  });
}
