import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DialectName, InlineSettings } from '../../../../provider/plan/plan.ts';
import { mistakesOf, onlyFile, type Parameters, planOf, warningsOf } from '../a-class.ts';

const objects = '- {objectName: a, secretPath: s}';

const accessOf = (dialect: DialectName, parameters: Parameters) =>
  onlyFile(dialect, { objects, ...parameters }).source.access;

function settingsOf(dialect: DialectName, parameters: Parameters): InlineSettings {
  const { connection } = accessOf(dialect, { roleName: 'web', ...parameters });
  assert.ok(connection.kind === 'inline');
  assert.equal(connection.backend, 'vault');
  assert.equal(connection.profile, dialect);
  return connection.settings;
}

const settings: [string, string][] = [
  ['Address', 'address'],
  ['Namespace', 'namespace'],
  ['CACertPath', 'caCert'],
  ['CADirectory', 'caDir'],
  ['TLSServerName', 'serverName'],
  ['KubernetesMountPath', 'authMount'],
  ['AuthMountPath', 'authMount'],
];

describe('the parameters of a Vault class', () => {
  for (const [suffix, setting] of settings) {
    it(`set the connection's ${setting} by vault${suffix}`, () => {
      assert.deepEqual(settingsOf('vault', { [`vault${suffix}`]: 'x' }), { [setting]: 'x' });
      assert.deepEqual(warningsOf('vault', { objects, roleName: 'web', [`vault${suffix}`]: 'x' }), []);
    });
  }

  it('leave out what is empty', () => {
    const empty = Object.fromEntries(settings.map(([suffix]) => [`vault${suffix}`, '']));
    assert.deepEqual(settingsOf('vault', { ...empty, vaultSkipTLSVerify: '' }), {});
  });

  it('set a client certificate and its key together', () => {
    assert.deepEqual(settingsOf('vault', { vaultTLSClientCertPath: 'c', vaultTLSClientKeyPath: 'k' }), {
      clientCert: 'c',
      clientKey: 'k',
    });
  });

  for (const name of ['vaultTLSClientCertPath', 'vaultTLSClientKeyPath']) {
    it(`must not have ${name} alone`, () => {
      assert.match(
        mistakesOf('vault', { roleName: 'web', objects, [name]: 'x' }).join(),
        /both client cert and client key/,
      );
    });
  }

  it('must not have both names of the auth mount', () => {
    const both = { roleName: 'web', objects, vaultKubernetesMountPath: 'a', vaultAuthMountPath: 'a' };
    assert.match(mistakesOf('vault', both).join(), /both vaultKubernetesMountPath and vaultAuthMountPath/);
  });

  it('do not know the spellings of OpenBao', () => {
    assert.deepEqual(settingsOf('vault', { baoAddress: 'x', openbaoNamespace: 'y' }), {});
  });

  it('give role and audience', () => {
    const access = accessOf('vault', { roleName: 'web', audience: 'https://vault' });
    assert.equal(access.role, 'web');
    assert.equal(access.audience, 'https://vault');
  });

  it('make one connection of equal settings', () => {
    const two = '- {objectName: a, secretPath: s}\n- {objectName: b, secretPath: t}';
    const { sources } = planOf('vault', { roleName: 'web', objects: two, vaultAddress: 'https://v' });
    assert.equal(sources[0]?.accessKey, sources[1]?.accessKey);
  });
});

describe('vaultSkipTLSVerify', () => {
  for (const text of ['1', 't', 'T', 'TRUE', 'true', 'True']) {
    it(`turns verification off by ${text}`, () => {
      assert.deepEqual(settingsOf('vault', { vaultSkipTLSVerify: text }), { skipVerify: true });
    });
  }

  for (const text of ['0', 'f', 'F', 'FALSE', 'false', 'False']) {
    it(`is the same as its absence by ${text}: it cannot undo an admin's setting`, () => {
      assert.deepEqual(settingsOf('vault', { vaultSkipTLSVerify: text }), {});
    });
  }

  for (const text of ['yes', 'no', 'tRUE', ' true', '2']) {
    it(`must not be ${JSON.stringify(text)}, and the error names it`, () => {
      const mistakes = mistakesOf('vault', { roleName: 'web', objects, vaultSkipTLSVerify: text });
      assert.deepEqual(mistakes, ['parameters.vaultSkipTLSVerify: must be "true" or "false"']);
    });
  }
});

describe('the prefixes of an OpenBao class', () => {
  for (const [suffix, setting] of settings) {
    it(`win in the order bao, openbao, vault for ${suffix}`, () => {
      const all = { [`vault${suffix}`]: 'v', [`openbao${suffix}`]: 'o', [`bao${suffix}`]: 'b' };
      assert.deepEqual(settingsOf('openbao', all), { [setting]: 'b' });
      assert.deepEqual(settingsOf('openbao', { ...all, [`bao${suffix}`]: '' }), { [setting]: 'o' });
      assert.deepEqual(settingsOf('openbao', { [`vault${suffix}`]: 'v' }), { [setting]: 'v' });
    });
  }

  it('win in the same order for SkipTLSVerify, even to false', () => {
    assert.deepEqual(settingsOf('openbao', { baoSkipTLSVerify: 'false', vaultSkipTLSVerify: 'true' }), {});
    assert.deepEqual(settingsOf('openbao', { openbaoSkipTLSVerify: 'T', vaultSkipTLSVerify: '0' }), {
      skipVerify: true,
    });
  });

  it('name the wrong boolean by the spelling that counts', () => {
    const mistakes = mistakesOf('openbao', {
      roleName: 'r',
      objects,
      openbaoSkipTLSVerify: 'x',
      vaultSkipTLSVerify: 'y',
    });
    assert.deepEqual(mistakes, ['parameters.openbaoSkipTLSVerify: must be "true" or "false"']);
  });

  it('may differ between certificate and key', () => {
    const parameters = { baoTLSClientCertPath: 'c', vaultTLSClientKeyPath: 'k' };
    assert.deepEqual(settingsOf('openbao', parameters), { clientCert: 'c', clientKey: 'k' });
  });

  it('do not allow the auth mount by two names, whatever their prefixes', () => {
    const both = { roleName: 'web', objects, baoKubernetesMountPath: 'a', vaultAuthMountPath: 'b' };
    assert.match(mistakesOf('openbao', both).join(), /cannot set both/);
  });

  const roles: [string, Parameters, string][] = [
    ['baoRoleName first', { baoRoleName: 'b', openbaoRoleName: 'o', vaultRoleName: 'v', roleName: 'r' }, 'b'],
    ['then openbaoRoleName', { baoRoleName: '', openbaoRoleName: 'o', vaultRoleName: 'v', roleName: 'r' }, 'o'],
    ['then vaultRoleName', { vaultRoleName: 'v', roleName: 'r' }, 'v'],
    ['then roleName', { roleName: 'r' }, 'r'],
  ];
  for (const [what, parameters, role] of roles) {
    it(`read the role from ${what}`, () => {
      assert.equal(accessOf('openbao', parameters).role, role);
      assert.deepEqual(warningsOf('openbao', { objects, ...parameters }), []);
    });
  }
});

describe('a missing role', () => {
  it('is an error', () => {
    assert.match(mistakesOf('vault', { objects }).join(), /parameters\.roleName: is missing; it is the role/);
    assert.match(mistakesOf('vault', { objects, roleName: '' }).join(), /parameters\.roleName: is missing/);
    assert.match(mistakesOf('openbao', { objects }).join(), /parameters\.roleName: is missing/);
  });

  for (const wrong of ['vaultRole', 'role', 'vaultRoleName']) {
    it(`is an error that names the ${wrong} in its place`, () => {
      assert.deepEqual(mistakesOf('vault', { objects, [wrong]: 'web' }), [
        `parameters.roleName: is missing; it is spelled roleName, not ${wrong}`,
      ]);
    });
  }

  it('is none beside a named connection, which has a role of its own', () => {
    assert.deepEqual(accessOf('vault', { connection: 'prod' }), { connection: { kind: 'named', name: 'prod' } });
  });
});

describe('a named connection', () => {
  for (const [name, value] of [
    ['vaultAddress', 'https://v'],
    ['vaultSkipTLSVerify', 'true'],
    ['vaultNamespace', 'ns'],
    ['vaultCACertPath', '/ca'],
    ['vaultAuthMountPath', 'm'],
  ] as const) {
    it(`must not stand beside ${name}, which would redirect it`, () => {
      const mistakes = mistakesOf('vault', { objects, connection: 'prod', [name]: value });
      assert.match(mistakes.join(), /^parameters\.connection: a named connection brings its own /);
    });
  }

  it('takes role and audience of the class', () => {
    const access = accessOf('vault', { connection: 'prod', roleName: 'web', audience: 'v' });
    assert.deepEqual(access, { connection: { kind: 'named', name: 'prod' }, role: 'web', audience: 'v' });
  });

  it('of an object replaces the class-chosen one with all its settings', () => {
    const named = '- {objectName: a, secretPath: s, connection: prod}';
    const access = accessOf('vault', { objects: named, roleName: 'web', vaultAddress: 'https://v' });
    assert.deepEqual(access, { connection: { kind: 'named', name: 'prod' }, role: 'web' });
  });
});

describe('an unknown parameter', () => {
  const guesses: [DialectName, string, string | undefined][] = [
    ['vault', 'vaultRole', 'roleName'],
    ['vault', 'rolename', 'roleName'],
    ['vault', 'vaultAddr', 'vaultAddress'],
    ['vault', 'VAULT_ADDR', 'vaultAddress'],
    ['vault', 'vaultaddress', 'vaultAddress'],
    ['vault', 'namespace', 'vaultNamespace'],
    ['vault', 'vaultSkipVerify', 'vaultSkipTLSVerify'],
    ['vault', 'vaultKubernetesMountPaht', 'vaultKubernetesMountPath'],
    ['vault', 'secrets', 'objects'],
    ['vault', 'vaultKVSecretsEngineVersion', undefined],
    ['vault', 'kubernetesServiceAccountPath', undefined],
    ['vault', 'secrets-store.csi.k8s.io/usedefaultsa', undefined],
    ['openbao', 'baoaddress', 'baoAddress'],
    ['vault', 'constructor', undefined],
    ['vault', 'toString', undefined],
    ['openbao', 'hasOwnProperty', undefined],
  ];
  for (const [dialect, name, meant] of guesses) {
    it(`${name} is a warning${meant === undefined ? '' : ` that guesses ${meant}`}`, () => {
      const guess = meant === undefined ? '' : `; did you mean ${meant}?`;
      assert.deepEqual(warningsOf(dialect, { roleName: 'web', objects, [name]: 'x' }), [
        `parameters.${name}: is not a known parameter and is ignored${guess}`,
      ]);
    });
  }

  it('named __proto__ is one like any other', () => {
    const parameters = JSON.parse(
      `{"roleName": "web", "objects": ${JSON.stringify(objects)}, "__proto__": "x"}`,
    ) as Parameters;
    assert.deepEqual(warningsOf('vault', parameters), [
      'parameters.__proto__: is not a known parameter and is ignored',
    ]);
  });

  it('is told of a hundred times, however many there are', () => {
    const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`vaultKubernetesMount${i}`, 'x']));
    const started = process.cpuUsage().user;
    assert.equal(warningsOf('openbao', { ...many, roleName: 'web', objects }).length, 100);
    assert.ok(process.cpuUsage().user - started < 1_000_000, 'and does not hold the process up');
  });

  it('does not fill the log by its name alone', () => {
    const [warning = ''] = warningsOf('vault', { roleName: 'web', objects, ['x'.repeat(100_000)]: 'y' });
    assert.ok(warning.length < 200);
  });
});
