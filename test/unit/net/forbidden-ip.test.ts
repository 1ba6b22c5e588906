import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
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
      'fd00:c1::a9fe:a9fe',
      'fd00:42::42',
      'fd00:a9fe:a9fe::1',
      '64:ff9b:1::a9fe:a9fe',
      '64:ff9b:1:a9fe:a9:fe00::',
      '64:ff9b:1:0:a9:fea9:fe00:0',
      '64:ff9b:1:a9:fe:a9fe::',
      '::ffff:0:a9fe:a9fe',
      '::ffff:0:169.254.169.254',
      '2001:0:a9fe:a9fe::1',
      '2001:0:808:808:0:0:5601:5601',
      '2001:db8::5efe:a9fe:a9fe',
      '2001:db8::200:5efe:169.254.169.254',
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
      '64:ff9b:1::a00:1',
      '64:ff9b:1:7f00:0:100::',
      '64:ff9b:2::a9fe:a9fe',
      '::ffff:0:a00:1',
      '2001:0:808:808:0:0:f5ff:fffe',
      '2001:db8::5efe:10.0.0.1',
      '2001:1::a9fe:a9fe',
      'vault.example',
      '',
    ]) {
      assert.ok(!isForbiddenIp(ip), ip);
    }
  });
});

describe('a forbidden IPv4 address', () => {
  const ipv4 = fc.oneof(
    fc.ipV4(),
    fc.constantFrom('169.254.169.254', '168.63.129.16', '100.100.100.200', '192.0.0.192', '224.0.0.1'),
    fc.ipV4().map((ip) => ip.replace(/^\d+\.\d+/, '169.254')),
  );
  const hex = (byte: number) => byte.toString(16).padStart(2, '0');
  /** Sixteen bytes as an IPv6 address without any shortening. */
  const address = (bytes: readonly number[]) =>
    Array.from({ length: 8 }, (_, index) => hex(bytes[2 * index] ?? 0) + hex(bytes[2 * index + 1] ?? 0)).join(':');
  const nat64 = [0, 0x64, 0xff, 0x9b, 0, 1];

  it('is one in every IPv6 address that leads to it', () => {
    fc.assert(
      fc.property(ipv4, fc.uint8Array({ minLength: 8, maxLength: 8 }), (ip, anyPrefix) => {
        fc.pre(isForbiddenIp(ip) && !ip.startsWith('0.'));
        const [a = 0, b = 0, c = 0, d = 0] = ip.split('.').map(Number);
        const zeros = (count: number) => new Array<number>(count).fill(0);
        for (const bytes of [
          [...zeros(12), a, b, c, d],
          [...zeros(10), 0xff, 0xff, a, b, c, d],
          [...zeros(8), 0xff, 0xff, 0, 0, a, b, c, d],
          [0, 0x64, 0xff, 0x9b, ...zeros(8), a, b, c, d],
          [...nat64, a, b, 0, c, d],
          [...nat64, 7, a, 0, b, c, d],
          [...nat64, 7, 7, 0, a, b, c, d],
          [...nat64, 7, 7, 0, 7, 7, 7, a, b, c, d],
          [0x20, 0x02, a, b, c, d, 1, 2],
          [0x20, 0x01, 0, 0, a, b, c, d],
          [0x20, 0x01, 0, 0, ...anyPrefix, ~a & 255, ~b & 255, ~c & 255, ~d & 255],
          [...anyPrefix, 0, 0, 0x5e, 0xfe, a, b, c, d],
          [...anyPrefix, 2, 0, 0x5e, 0xfe, a, b, c, d],
        ]) {
          assert.ok(isForbiddenIp(address(bytes)), address(bytes));
          assert.ok(isForbiddenIp(`${address(bytes)}%eth0`), address(bytes));
        }
      }),
    );
  });

  it('makes no other address forbidden that has it elsewhere', () => {
    fc.assert(
      fc.property(ipv4, (ip) => {
        const [a = 0, b = 0, c = 0, d = 0] = ip.split('.').map(Number);
        assert.ok(!isForbiddenIp(address([0x20, 0x01, 0x0d, 0xb8, a, b, c, d, 1, 1, 1, 1, a, b, c, d])));
      }),
    );
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
