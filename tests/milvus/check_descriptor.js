// Compares our .proto files with the descriptor that the SDK for Node ships: numbers, types, repeated,
// maps, members of oneofs, values of enums, requests and replies of the service.
// Usage: node check_descriptor.js <folder with node_modules> <folder with the .proto files> <milvus_rpc.c>
// The table in milvus_rpc.c is our list of methods. What differs fails; what one side has and the
// other lacks is counted (VERBOSE=1 prints it), and so are messages that we keep as bytes unread.
'use strict';
const fs = require('fs');
const path = require('path');

const [, , modules, protos, table] = process.argv;
const load = name => require(require.resolve(name, { paths: [modules] }));
const pb = load('protobufjs');
const theirs = pb.Root.fromJSON(
  load('@zilliz/milvus2-sdk-node/dist/milvus/proto-json/milvus.base.js').default);
const ours = new pb.Root();
ours.resolvePath = (origin, target) => path.join(protos, path.basename(target));
ours.loadSync(['milvus.proto', 'common.proto', 'schema.proto', 'rg.proto'], { keepCase: true });
ours.resolveAll();
theirs.resolveAll();

let compared = 0;
let wrong = 0;
const notes = new Set();
const plain = name => name.replace(/_/g, '').toLowerCase();
const typeOf = field => (field.resolvedType ? field.resolvedType.name : field.type);
// An optional field is a oneof of one member with us (protobuf-c), and marked by its name there.
const shapeOf = field => {
  const group = field.partOf && field.partOf.oneof.length > 1 ? plain(field.partOf.name) : '';
  return [typeOf(field), field.repeated, field.map ? field.keyType : '', group].join(' ');
};

function find(root, kind, name) {
  try {
    return root[kind](name.slice(1));
  } catch (e) {
    return null;
  }
}

function differ(what, mine, other) {
  wrong++;
  console.log(`differs: ${what}: ours ${mine}, theirs ${other}`);
}

function checkType(type) {
  const other = find(theirs, 'lookupType', type.fullName);
  if (!other) return void notes.add(`only ours: ${type.fullName}`);
  for (const field of type.fieldsArray) {
    compared++;
    const twin = other.fieldsArray.find(one => one.id === field.id);
    const unread = twin && field.type === 'bytes' && twin.resolvedType instanceof pb.Type;
    if (!twin) notes.add(`only ours: ${type.fullName}.${field.name}`);
    else if (unread && field.repeated === twin.repeated)
      notes.add(`kept as bytes: ${type.fullName}.${field.name}`);
    else if (shapeOf(field) !== shapeOf(twin) || plain(field.name) !== plain(twin.name))
      differ(`${type.fullName} ${field.id}`, `${field.name} ${shapeOf(field)}`,
        `${twin.name} ${shapeOf(twin)}`);
  }
  for (const field of other.fieldsArray)
    if (!type.fieldsArray.some(one => one.id === field.id))
      notes.add(`only theirs: ${type.fullName}.${field.name}`);
}

function checkEnum(type) {
  const other = find(theirs, 'lookupEnum', type.fullName);
  if (!other) return void notes.add(`only ours: ${type.fullName}`);
  for (const key of Object.keys(type.values)) {
    compared++;
    if (!(key in other.values)) notes.add(`only ours: ${type.fullName}.${key}`);
    else if (other.values[key] !== type.values[key])
      differ(`${type.fullName}.${key}`, type.values[key], other.values[key]);
  }
}

// RPC(Name, request, reply, …) and, where the reply is a bare status, CHANGE(Name, request, …).
function checkTable(text) {
  const methods = theirs.lookupService('milvus.proto.milvus.MilvusService').methods;
  for (const [, kind, name, request, reply] of
    text.matchAll(/^ {4}([A-Z]+)\((\w+),\s*(\w+),\s*("?\w+"?)/gm)) {
    compared++;
    const twin = methods[name];
    if (!twin) differ(name, 'a method', 'nothing');
    else {
      const types = [twin.requestType, twin.responseType].map(type => plain(type.split('.').pop()));
      const mine = [plain(request), kind === 'CHANGE' ? 'status' : plain(reply)];
      if (types.join() !== mine.join()) differ(name, mine, types);
    }
  }
}

function walk(space) {
  for (const one of space.nestedArray || []) {
    if (one instanceof pb.Type) checkType(one);
    if (one instanceof pb.Enum) checkEnum(one);
    if (one.nestedArray) walk(one);
  }
}

walk(ours);
checkTable(fs.readFileSync(table, 'utf8'));
if (process.env.VERBOSE) for (const note of notes) console.log(note);
console.log(`${compared} compared, ${wrong} differ, ${notes.size} on one side only`);
process.exit(wrong || compared < 500 ? 1 : 0);
