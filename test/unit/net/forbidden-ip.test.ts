import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { guardedLookup, isForbiddenIp } from '../../../provider/net/forbidden-ip.ts';

describe('a forbidden IP address', () => {
  it('is link-local, of a metadata service, "this host", multicast or reserved, in every spelling', () => {
    for (const ip of [
      '169.254.169.254',
      '169.254.170.23',
      '169.254.0.1',
      '0.0.0.0',
      '0.1.2.3',
      '224.0.0.1',
      '255.255.255.255',
      '168.63.129.16',
      '100.100.100.200',
      'fe80::1',
      'fe80::1%eth0',
      'febf::1',
      'fd00:ec2::254',
      'fd00:ec2::23',
      'fd20:ce::254',
      'ff02::1',
      '::',
      '::ffff:169.254.169.254',
      '::ffff:a9fe:a9fe',
      '0:0:0:0:0:ffff:a9fe:a9fe',
      '::169.254.169.254',
      '64:ff9b::a9fe:a9fe',
      '2002:a9fe:a9fe::1',
    ]) {
      assert.ok(isForbiddenIp(ip), ip);
    }
  });

  it('is no other one, and no name', () => {
    for (const ip of [
      '127.0.0.1',
      '10.0.0.1',
      '192.168.1.1',
      '169.253.255.255',
      '169.255.0.1',
      '8.8.8.8',
      '::1',
      '::ffff:10.0.0.1',
      '2001:db8::1',
      'fd00::1',
      'fec0::1',
      '64:ff9b::808:808',
      'vault.example',
      '',
    ]) {
      assert.ok(!isForbiddenIp(ip), ip);
    }
  });
});

describe('a guarded lookup', () => {
  const resolvesTo =
    (...addresses: string[]) =>
    (_host: string, _options: unknown, callback: (error: null, found: unknown) => void) =>
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
  const look = (addresses: string[], options: { all?: boolean }) =>
    new Promise((resolve) => {
      const lookup = guardedLookup(resolvesTo(...addresses) as never);
      lookup('name.example', options, (error, address, family) => resolve(error ?? [address, family]));
    });

  it('passes good addresses on in the form that was asked for', async () => {
    assert.deepEqual(await look(['10.0.0.1', '10.0.0.2'], {}), ['10.0.0.1', 4]);
    assert.deepEqual(await look(['10.0.0.1', '::1'], { all: true }), [
      [
        { address: '10.0.0.1', family: 4 },
        { address: '::1', family: 6 },
      ],
      undefined,
    ]);
  });

  it('refuses a name as soon as one of its addresses is forbidden', async () => {
    for (const all of [true, false]) {
      const error = await look(['10.0.0.1', '169.254.169.254'], { all });
      assert.ok(error instanceof KeymountError);
      assert.equal(error.code, 'address-not-allowed');
    }
  });

  it('passes errors of the resolver on', async () => {
    const failure = Object.assign(new Error('x'), { code: 'ENOTFOUND' });
    const lookup = guardedLookup(((_h: string, _o: unknown, callback: (error: Error) => void) =>
      callback(failure)) as never);
    const error = await new Promise((resolve) => lookup('x', {}, resolve));
    assert.equal(error, failure);
  });
});
