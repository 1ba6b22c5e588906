import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { runStatus } from '../../../provider/commands/status.ts';
import { KeymountError } from '../../../provider/errors.ts';
import { adminPath } from '../../../provider/rpc/admin.ts';
import { scratchFolder } from '../../lab/scratch.ts';

const status = {
  version: '1.2.3',
  uptime: 90_500,
  mounts: { answered: 10, failed: 2, inFlight: 1 },
  sessions: { account: 3, pod: 4 },
  secrets: { count: 5, bytes: 2_049, ages: { '<1m': 5, '<10m': 0, '<1h': 0, older: 0 } },
  reads: { backend: 1, cache: 2, stale: 0 },
  leases: { pods: 0, count: 0, nextRenewal: undefined, firstEnd: undefined, podWatch: 'watched' },
  servers: [
    { address: 'https://vault:8200', open: false, failures: 0, inFlight: 2, waiting: 3 },
    { address: 'https://other:8200', open: true, failures: 7, inFlight: 0, waiting: 0 },
    { address: 'https://third:8200', open: false, failures: 2, inFlight: 0, waiting: 0 },
  ],
};

/** A socket directory whose admin socket answers like this. */
async function answering(t: TestContext, answer: RequestListener): Promise<string> {
  const folder = scratchFolder('status');
  const server = createServer(answer).listen(adminPath(folder));
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return folder;
}

const json: RequestListener = (_request, response) => void response.end(JSON.stringify(status));

async function run(folder: string, ...args: string[]): Promise<string> {
  const lines: string[] = [];
  assert.equal(await runStatus(args, folder, (line) => lines.push(line)), 0);
  return lines.join('\n');
}

const refusal = (reason: RegExp) => (error: unknown) => {
  assert.ok(error instanceof KeymountError);
  assert.equal(error.code, 'settings-invalid');
  assert.match(error.message, /^no keymount answers on .*\.keymount-admin\.sock$/);
  assert.match(error.reason ?? '', reason);
  return true;
};

describe('keymount status', () => {
  it('is what the process says, for programs', async (t) => {
    const said = JSON.parse(await run(await answering(t, json), '--json')) as unknown;
    assert.deepEqual(said, JSON.parse(JSON.stringify(status)));
  });

  it('is a few lines for people', async (t) => {
    const text = await run(await answering(t, json));
    assert.match(text, /^keymount 1\.2\.3, up 1m30s$/m);
    assert.match(text, /^mounts +10 answered, 2 failed, 1 in flight$/m);
    assert.match(text, /^secrets +5 in 3 KiB$/m);
    assert.match(text, /^reads +1 asked, 2 remembered, 0 outdated, 67 % from memory$/m);
    assert.match(text, /^https:\/\/vault:8200 +answers +2 +3$/m);
    assert.match(text, /^https:\/\/other:8200 +away \(7 failures in a row\) +0 +0$/m);
    assert.match(text, /^https:\/\/third:8200 +2 failures in a row +0 +0$/m);
  });

  it('is refused where nobody answers, or somebody who is no keymount', async (t) => {
    await assert.rejects(run(scratchFolder('none')), refusal(/ENOENT/));
    for (const [answer, reason] of [
      [(_request, response) => void response.writeHead(404).end('{}'), /404/],
      [(_request, response) => void response.end('canary'), /not that of a keymount/],
      [(_request, response) => void response.end('{}'), /not that of a keymount/],
    ] as [RequestListener, RegExp][]) {
      const folder = await answering(t, answer);
      await assert.rejects(run(folder), refusal(reason));
      await assert.rejects(run(folder, '--json'), refusal(reason));
    }
  });

  it('is refused, and not waited for without end, where the answer breaks off', async (t) => {
    const cut = await answering(t, (_request, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('{');
      setTimeout(() => response.destroy(), 50);
    });
    await assert.rejects(run(cut), refusal(/broke off|ECONNRESET/));
    const closed = await answering(t, (request) => void request.socket.destroy());
    await assert.rejects(run(closed), refusal(/ECONNRESET/));
  });
});
