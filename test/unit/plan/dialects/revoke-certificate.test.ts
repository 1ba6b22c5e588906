import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseVaultRef } from '../../../../provider/backends/vault/ref.ts';
import { issuingMount } from '../../../../provider/plan/issuing-path.ts';
import { mistakesOf, onlyFile, planOf, vaultClass } from '../a-class.ts';

const vault = (fields: string) => vaultClass(`- {objectName: a, revokeCertificate: true, ${fields}}`);
const native = (fields: string) => ({ connection: 'c', objects: `- {file: a, revokeCertificate: true, ${fields}}` });

describe('revokeCertificate', () => {
  it('is for paths at which certificates are issued', () => {
    for (const [address, mount] of [
      ['pki/issue/web', 'pki'],
      ['/v1/pki/issue/web?a=b', 'pki'],
      ['team/pki/sign/web', 'team/pki'],
      ['/v1/pki/issuer/ca-2/issue/web', 'pki'],
      ['pki/sign-verbatim', 'pki'],
      ['pki/sign-verbatim/web', 'pki'],
      ['issue/issue/issue', 'issue'],
      ['pki/revoke', undefined],
      ['pki/issue', undefined],
      ['pki/issue/web/x', undefined],
      ['/issue/web', undefined],
      ['database/creds/issue', undefined],
    ] as const) {
      assert.equal(issuingMount(address), mount, address);
    }
  });

  it('tells the backend where', () => {
    const inVault = onlyFile(
      'vault',
      vault('secretPath: my pki/issue/web, method: PUT, secretKey: certificate'),
    ).source;
    const inNative = onlyFile('keymount', native('secret: my pki/sign/web, request: {method: POST}')).source;
    for (const source of [inVault, inNative]) {
      assert.equal(source.revokeCertificate, true);
      const ref = parseVaultRef(source);
      assert.equal(ref.kind === 'api' && ref.revokeAt, 'my%20pki/revoke');
    }
  });

  it('elsewhere is a mistake of the class, with its place', () => {
    const path =
      /^objects\[0\]\.revokeCertificate "a" \(line 1\): needs a path that issues a certificate, for example pki/;
    assert.match(mistakesOf('vault', vault('secretPath: secret/data/a')).join(), path);
    assert.match(mistakesOf('openbao', vault('secretPath: pki/cert/ca, method: PUT')).join(), path);
    assert.match(mistakesOf('keymount', native('secret: kv/a')).join(), path);
    for (const told of [
      mistakesOf('vault', vault('secretPath: pki/issue/web')),
      mistakesOf('keymount', native('secret: pki/issue/web')),
    ]) {
      assert.match(told.join(), /revokeCertificate "a" \(line 1\): needs the method PUT/);
    }
    assert.match(
      mistakesOf('vault', vaultClass('- {objectName: a, secretPath: s, revokeCertificate: 1}')).join(),
      /true or false/,
    );
  });

  it('of one of two objects that share an issue is for that issue', () => {
    const call = 'secretPath: pki/issue/web, method: PUT';
    for (const [first, second] of [
      ['', ', revokeCertificate: true'],
      [', revokeCertificate: true', ', revokeCertificate: false'],
    ]) {
      const objects = `- {objectName: a, ${call}${first}}\n- {objectName: b, ${call}${second}}`;
      const { sources } = planOf('vault', vaultClass(objects));
      assert.deepEqual(
        sources.map(({ revokeCertificate }) => revokeCertificate),
        [true],
      );
    }
    assert.equal(onlyFile('vault', vaultClass(`- {objectName: a, ${call}}`)).source.revokeCertificate, undefined);
  });
});
