// Users, roles and privileges, with authorization on.
import { assert, ok, refused, step } from './steps.mjs';

// The same over HTTP: who is asked in each request.
async function restUsers(address) {
  const ask = async (path, body, authorization) => {
    const reply = await fetch(`http://${address}/v2/vectordb/${path}`, { method: 'POST',
      body: JSON.stringify(body), headers: authorization ? { authorization } : {} });
    return [reply.status, (await reply.json()).code];
  };
  const root = 'Bearer root:Milvus', ben = 'Bearer ben:benspass';
  const basic = `Basic ${Buffer.from('root:Milvus').toString('base64')}`;
  const find = { collectionName: 'secret', data: [[1, 2, 3, 4]], limit: 1 };
  await step('REST, auth: nobody, wrong password, root', async () => {
    assert.deepEqual(await ask('collections/list', {}), [401, 1800]);
    assert.deepEqual(await ask('collections/list', {}, 'Bearer root:wrong!'), [401, 1800]);
    await new Promise(r => setTimeout(r, 300)); // what follows a wrong password waits
    assert.deepEqual(await ask('collections/list', {}, root), [200, 0]);
    assert.deepEqual(await ask('collections/list', {}, basic), [200, 0]);
  });
  await step('REST, auth: a right is granted and taken', async () => {
    const right = { roleName: 'finder', privilege: 'Search', dbName: 'default',
      collectionName: 'secret' };
    for (const [path, body] of [['users/create', { userName: 'ben', password: 'benspass' }],
      ['roles/create', { roleName: 'finder' }],
      ['users/grant_role', { userName: 'ben', roleName: 'finder' }]])
      assert.deepEqual(await ask(path, body, root), [200, 0], path);
    assert.deepEqual(await ask('entities/search', find, ben), [403, 1401]);
    assert.deepEqual(await ask('roles/grant_privilege_v2', right, root), [200, 0]);
    assert.deepEqual(await ask('entities/search', find, ben), [200, 0]);
    assert.deepEqual(await ask('collections/drop', { collectionName: 'secret' }, ben), [403, 1401]);
    assert.deepEqual(await ask('roles/revoke_privilege_v2', right, root), [200, 0]);
    assert.deepEqual(await ask('entities/search', find, ben), [403, 1401]);
    assert.deepEqual(await ask('users/drop', { userName: 'ben' }, root), [200, 0]);
    assert.deepEqual(await ask('collections/list', {}, ben), [401, 1800]);
    assert.deepEqual(await ask('roles/drop', { roleName: 'finder' }, root), [200, 0]);
  });
}

export async function users(server, { MilvusClient }) {
  await server.stop();
  const address = await server.start('--auth');
  const client = new MilvusClient({ address, username: 'root', password: 'Milvus' });
  await client.connectPromise;
  const role = 'reader';
  await step('auth: root', async () => {
    await ok(client.showCollections());
    await ok(client.createCollection({ collection_name: 'secret', dimension: 4 }));
  });
  await step('auth: nobody and wrong passwords', async () => {
    for (const [who, text] of [[{}, /missing authorization/],
      [{ username: 'root', password: 'wrong!' }, /auth check failure/]]) {
      const bad = new MilvusClient({ address, maxRetries: 0, ...who });
      await refused(bad.showCollections(), text);
      await bad.closeConnection().catch(() => {});
    }
  });
  await step('createUser, listUsers', async () => {
    await ok(client.createUser({ username: 'ann', password: 'annspass' }));
    await refused(client.createUser({ username: 'ann', password: 'annspass' }), /user already exists/);
    assert.deepEqual([...(await ok(client.listUsers())).usernames].sort(), ['ann', 'root']);
  });
  await step('updateUser', async () => {
    await refused(client.updateUser({ username: 'ann', oldPassword: 'nottrue', newPassword: 'newpass1' }),
      /old password not correct/);
    await ok(client.updateUser({ username: 'ann', oldPassword: 'annspass', newPassword: 'newpass1' }));
  });
  await step('createRole, listRoles, hasRole, alterRole', async () => {
    await ok(client.createRole({ roleName: role }));
    const names = (await ok(client.listRoles())).results.map(r => r.role.name);
    for (const name of ['admin', 'public', role]) assert.ok(names.includes(name), name);
    assert.equal((await client.hasRole({ roleName: role })).hasRole, true);
    await ok(client.alterRole({ roleName: role, description: 'reads' }));
  });
  await step('addUserToRole, describeRole, describeUser', async () => {
    await ok(client.addUserToRole({ username: 'ann', roleName: role }));
    const [found] = (await ok(client.describeRole({ roleName: role }))).results;
    assert.deepEqual(found.users.map(u => u.name), ['ann']);
    const [user] = (await ok(client.describeUser({ username: 'ann' }))).results;
    assert.ok(user.roles.some(r => r.name === role));
  });
  const ann = new MilvusClient({ address, username: 'ann', password: 'newpass1', maxRetries: 0 });
  await ann.connectPromise;
  const search = () => ann.search({ collection_name: 'secret', data: [1, 2, 3, 4], limit: 1 });
  await step('no right', () => refused(search(), /permission deny/));
  await step('grantPrivilege, selectGrant, listGrants', async () => {
    for (const privilegeName of ['Search', 'Query'])
      await ok(client.grantPrivilege({ roleName: role, object: 'Collection', objectName: 'secret', privilegeName }));
    await ok(client.grantPrivilege({ roleName: role, object: 'Global', objectName: '*',
      privilegeName: 'DescribeCollection' }));
    const { entities } = await ok(client.listGrants({ roleName: role }));
    assert.ok(entities.some(e => e.object_name === 'secret' && e.grantor.privilege.name === 'Search'));
    await ok(client.selectGrant({ roleName: role, object: 'Collection', objectName: 'secret' }));
  });
  await step('with the right', async () => {
    await ok(search());
    await refused(ann.insert({ collection_name: 'secret', data: [{ id: 1, vector: [1, 2, 3, 4] }] }),
      /permission deny/);
    await refused(ann.dropCollection({ collection_name: 'secret' }), /permission deny/);
  });
  await step('revokePrivilege', async () => {
    await ok(client.revokePrivilege({ roleName: role, object: 'Collection', objectName: 'secret',
      privilegeName: 'Search' }));
    await refused(search(), /permission deny/);
  });
  await step('grantPrivilegeV2, revokePrivilegeV2', async () => {
    const grant = { role, privilege: 'Search', db_name: 'default', collection_name: 'secret' };
    await ok(client.grantPrivilegeV2(grant));
    await ok(search());
    await ok(client.revokePrivilegeV2(grant));
    await refused(search(), /permission deny/);
  });
  await step('privilege groups', async () => {
    const group_name = 'finders';
    await ok(client.createPrivilegeGroup({ group_name }));
    await ok(client.addPrivilegesToGroup({ group_name, privileges: ['Search', 'Query'] }));
    const { privilege_groups } = await ok(client.listPrivilegeGroups());
    const found = privilege_groups.find(g => g.group_name === group_name);
    assert.deepEqual(found.privileges.map(p => p.name).sort(), ['Query', 'Search']);
    const grant = { role, privilege: group_name, db_name: 'default', collection_name: 'secret' };
    await ok(client.grantPrivilegeV2(grant));
    await ok(search());
    await ok(client.revokePrivilegeV2(grant));
    await ok(client.removePrivilegesFromGroup({ group_name, privileges: ['Query'] }));
    await ok(client.dropPrivilegeGroup({ group_name }));
  });
  await step('removeUserFromRole, dropRole, deleteUser', async () => {
    await ok(client.removeUserFromRole({ username: 'ann', roleName: role }));
    for (const e of (await ok(client.listGrants({ roleName: role }))).entities)
      await ok(client.revokePrivilege({ roleName: role, object: e.object.name,
        objectName: e.object_name, privilegeName: e.grantor.privilege.name }));
    await ok(client.dropRole({ roleName: role }));
    await refused(client.dropRole({ roleName: 'admin' }), /default role/);
    await ok(client.deleteUser({ username: 'ann' }));
    await refused(client.deleteUser({ username: 'root' }), /root user cannot be deleted/);
    assert.deepEqual((await ok(client.listUsers())).usernames, ['root']);
  });
  await server.apart(() => restUsers(address));
  await ann.closeConnection();
  await client.closeConnection();
}
