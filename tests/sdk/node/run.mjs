// End to end through the Node SDK: node run.mjs KITH MODULES
//   KITH     the program
//   MODULES  a directory with node_modules, where the SDK is installed
// Every RPC of the first two priorities is made by the SDK's own functions, and what comes back is
// looked at. Ends with 0 when every step passed. KITH_SDK_ONLY=text runs the steps that have it in
// their name (and what they need must still be there).
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

import { connect } from './connect.mjs';
import { coverage } from './coverage.mjs';
import { durability } from './durability.mjs';
import { imports } from './imports.mjs';
import { kinds } from './kinds.mjs';
import { lesser } from './lesser.mjs';
import { orders } from './orders.mjs';
import { ranks } from './ranks.mjs';
import { rest } from './rest.mjs';
import { reads, upkeep, writes } from './rows.mjs';
import { aliases, collections, partitions } from './schema.mjs';
import { searches } from './search.mjs';
import { Server } from './server.mjs';
import { assert, step, summary } from './steps.mjs';
import { tls } from './tls.mjs';
import { users } from './users.mjs';

const [kith, modules] = process.argv.slice(2);
const sdk = createRequire(resolve(modules, 'package.json'))('@zilliz/milvus2-sdk-node');

// The SDK connects in the background; a step that wants to see a refusal makes a call for it.
process.on('unhandledRejection', () => {});

const server = new Server(kith);
let exitCode = 1;
try {
  const client = new sdk.MilvusClient({ address: await server.start() });
  await client.connectPromise;
  await connect(client, sdk, server);
  await collections(client, sdk);
  await writes(client);
  await reads(client);
  await upkeep(client);
  await searches(client, sdk);
  await kinds(client, sdk);
  await ranks(client, sdk);
  await orders(client, sdk);
  await lesser(client, sdk);
  await imports(client, sdk, server);
  await aliases(client);
  await partitions(client, sdk);
  await server.apart(() => rest(server.address, server.imports));
  await step('the quickstart', async () => {
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, [resolve(modules, 'quickstart.mjs'), server.address]);
    assert.match(stdout, /^dog .*\nwolf .*\nsparrow\nhen\n3 rows are left/);
  });
  await client.closeConnection();
  await durability(server, sdk);
  await tls(server, sdk);
  await users(server, sdk);
  await server.stop();
  await coverage(server);
  exitCode = summary('node SDK');
} finally {
  await server.remove();
}
process.exit(exitCode);
