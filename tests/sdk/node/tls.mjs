// The same calls over TLS, gRPC and REST on the one port: with a certificate of the server, with
// users, and with certificates of the clients. Without openssl there is no certificate.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';

import { assert, ok, refused, step } from './steps.mjs';

const post = (options, body) => new Promise((resolve, reject) => {
  const call = request({ method: 'POST', ...options }, reply => {
    let text = '';
    reply.on('data', bytes => { text += bytes; });
    reply.on('end', () => resolve(JSON.parse(text)));
  });
  call.on('error', reject);
  call.end(JSON.stringify(body));
});

// Clients show certificates; here the server's own, which it also trusts.
async function mutual(server, { MilvusClient }, key, certificate) {
  await server.stop();
  const address = await server.start('--tls', 'mutual', '--tls-cert', certificate, '--tls-key', key,
    '--tls-client-ca', certificate);
  await step('TLS, mutual: a client with a certificate', async () => {
    const client = new MilvusClient({ address, ssl: true, tls: { rootCertPath: certificate,
      privateKeyPath: key, certChainPath: certificate } });
    await client.connectPromise;
    assert.equal((await client.hasCollection({ collection_name: 'sealed' })).value, true);
    await client.closeConnection();
  });
  await step('TLS, mutual: a client without one', async () => {
    const client = new MilvusClient({ address, ssl: true, maxRetries: 0, timeout: 1000,
      tls: { rootCertPath: certificate } });
    await refused(client.listCollections(), /./);
    await client.closeConnection().catch(() => {});
  });
}

// A password, sent under TLS.
async function secretly(server, { MilvusClient }, key, certificate) {
  await server.stop();
  const address = await server.start('--auth', '--tls', 'server', '--tls-cert', certificate,
    '--tls-key', key);
  const open = password => new MilvusClient({ address, ssl: true, username: 'root', password,
    maxRetries: 0, tls: { rootCertPath: certificate } });
  await step('TLS with users', async () => {
    const client = open('Milvus');
    await client.connectPromise;
    assert.ok((await ok(client.showCollections())).data.some(c => c.name === 'sealed'));
    const wrong = open('wrong!');
    await refused(wrong.showCollections(), /auth check failure/);
    await client.closeConnection();
    await wrong.closeConnection().catch(() => {});
    const [host, port] = address.split(':');
    const reply = await post({ host, port, path: '/v2/vectordb/collections/list',
      headers: { authorization: 'Bearer root:Milvus' }, ca: readFileSync(certificate) }, {});
    assert.equal(reply.code, 0);
  });
}

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
  await step('TLS: a client that does not speak it', async () => {
    const client = new MilvusClient({ address, maxRetries: 0, timeout: 1000 });
    await refused(client.showCollections(), /./);
    await client.closeConnection().catch(() => {});
  });
  await mutual(server, { MilvusClient }, key, certificate);
  await secretly(server, { MilvusClient }, key, certificate);
}
