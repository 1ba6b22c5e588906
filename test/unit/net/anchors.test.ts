import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { scratchFolder } from '../../lab/scratch.ts';
import { type Certificate, makeCa, makeIntermediate, makeLeaf, makeSelfSigned } from './certificates.ts';
import { askTls, poolTo, startTls } from './tls-lab.ts';

// Any certificate in the pool is an anchor: https://pkg.go.dev/crypto/x509#VerifyOptions
describe('anchors', () => {
  const root = makeCa('root');
  const intermediate = makeIntermediate(root);
  const leaf = makeLeaf(intermediate);
  const folder = scratchFolder('anchors');

  async function ask(t: TestContext, sent: readonly Certificate[], held: readonly Certificate[]) {
    const [own, ...chain] = sent;
    assert.ok(own !== undefined);
    const server = await startTls(t, own, chain);
    const path = join(folder, 'ca.pem');
    writeFileSync(path, held.map(({ cert }) => cert).join(''));
    return await askTls(poolTo(t, server, { ca: { path } }));
  }

  it('are the intermediate alone, whether the server sends it or not', async (t) => {
    assert.equal(await ask(t, [leaf, intermediate], [intermediate]), 'ok');
    assert.equal(await ask(t, [leaf], [intermediate]), 'ok');
  });

  it("are the server's own certificate, signed by a CA or by itself", async (t) => {
    const self = makeSelfSigned();
    assert.equal(await ask(t, [leaf, intermediate], [leaf]), 'ok');
    assert.equal(await ask(t, [leaf], [leaf]), 'ok');
    assert.equal(await ask(t, [self], [self]), 'ok');
  });

  it('are the root, whatever else is there', async (t) => {
    assert.equal(await ask(t, [leaf, intermediate], [root]), 'ok');
    assert.equal(await ask(t, [leaf], [makeCa('other'), intermediate, root]), 'ok');
  });

  it('have to be valid still, and so has what they sign', async (t) => {
    const expired = makeIntermediate(root, -1);
    const ofExpired = makeLeaf(expired);
    const old = makeLeaf(intermediate, { days: -1 });
    const oldSelf = makeSelfSigned({ days: -1 });
    for (const [sent, held] of [
      [[ofExpired, expired], [expired]],
      [[old, intermediate], [intermediate]],
      [[old], [old]],
      [[oldSelf], [oldSelf]],
    ] as const)
      assert.match(await ask(t, sent, held), /has expired; .*\[backend-untrusted\]$/);
  });

  it('do not make up for a wrong name', async (t) => {
    const other = makeLeaf(intermediate, { names: 'DNS:other.test' });
    const otherSelf = makeSelfSigned({ names: 'DNS:other.test' });
    for (const [sent, held] of [
      [[other, intermediate], [intermediate]],
      [[other], [other]],
      [[otherSelf], [otherSelf]],
    ] as const)
      assert.match(await ask(t, sent, held), /it is for other names/);
  });

  it('are nobody else: a sibling, or the key of another CA of that name', async (t) => {
    const sibling = makeLeaf(intermediate);
    const namesake = makeIntermediate(makeCa('root'));
    for (const held of [sibling, namesake, makeCa('root')]) {
      assert.match(await ask(t, [leaf, intermediate], [held]), /is not trusted: .*\[backend-untrusted\]$/);
    }
  });

  it('sign nothing where they are no CA', async (t) => {
    const byLeaf = makeLeaf(leaf);
    assert.match(await ask(t, [byLeaf, leaf, intermediate], [leaf]), /is not trusted/);
  });
});
