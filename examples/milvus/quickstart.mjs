// Quickstart with the Node SDK, as against any Milvus: node quickstart.mjs [ADDRESS]
//   npm install @zilliz/milvus2-sdk-node
//   kith serve --data data
import { MilvusClient } from '@zilliz/milvus2-sdk-node';

const client = new MilvusClient({ address: process.argv[2] ?? 'localhost:19530' });
await client.connectPromise;

const collection_name = 'animals';
await client.dropCollection({ collection_name });
await client.createCollection({ collection_name, dimension: 4, metric_type: 'COSINE' });

await client.insert({ collection_name, data: [
  { id: 1, vector: [0.9, 0.1, 0.0, 0.2], name: 'wolf', legs: 4 },
  { id: 2, vector: [0.8, 0.2, 0.1, 0.1], name: 'dog', legs: 4 },
  { id: 3, vector: [0.1, 0.9, 0.3, 0.0], name: 'sparrow', legs: 2 },
  { id: 4, vector: [0.0, 0.8, 0.5, 0.1], name: 'hen', legs: 2 },
] });

const near = await client.search({ collection_name, data: [0.85, 0.15, 0.05, 0.1], limit: 2,
  output_fields: ['name'] });
for (const { name, score } of near.results) console.log(name, score.toFixed(4));

const birds = await client.query({ collection_name, filter: 'legs == 2', output_fields: ['name'] });
for (const row of birds.data) console.log(row.$meta.name); // what the schema does not name

await client.delete({ collection_name, ids: [1] });
console.log((await client.count({ collection_name })).data, 'rows are left');
await client.dropCollection({ collection_name });
await client.closeConnection();
