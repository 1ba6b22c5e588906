import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Keymount } from '../e2e/keymount.ts';
import { requestOf } from '../e2e/requests.ts';
import { until } from '../e2e/until.ts';
import { type FakeKube, startFakeKube } from '../lab/fakekube.ts';
import { mounted, texts } from '../lab/grpc-client.ts';
import type { OpenBao } from '../lab/openbao.ts';
import { enableKubernetesAuth, kubernetesRole } from '../lab/openbao-auth.ts';
import type { Pod } from '../lab/pod.ts';
import { requiresPostgres } from '../lab/postgres.ts';
import { requires } from '../lab/tools.ts';
import { classOf, counted, enablePki, type LeaseLab, startLeaseLab } from './lab.ts';

const skip = requires('bao', 'bao-earlier', 'fakekube').skip || requiresPostgres().skip;
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Seconds: a pod token, of which kubelet asks for the next one after four fifths, and a token of OpenBao. */
const [podToken, tokenTtl] = [18, 17];
const lives = 3;

const objects = [
  { objectName: 'user', secretPath: 'database/creds/app', secretKey: 'username' },
  { objectName: 'password', secretPath: 'database/creds/app', secretKey: 'password' },
  ...[
    ['tls.crt', 'certificate'],
    ['tls.key', 'private_key'],
  ].map(([objectName, secretKey]) => ({
    ...{ objectName, secretKey, secretPath: 'pki/issue/web', method: 'PUT' },
    secretArgs: { common_name: 'web.shop.svc', ttl: '1h' },
  })),
];

/** What a pod saw in its life. */
interface Seen {
  readonly users: Set<string>;
  readonly certificates: Set<string>;
  /** Logins to PostgreSQL, and those that were refused. */
  logins: number;
  readonly refused: string[];
}

/** OpenBao whose `kubernetes` method has each login and renewal reviewed by what signs the pods' tokens. */
async function startLoginLab(program: 'bao' | 'bao-earlier'): Promise<{ lab: LeaseLab; reviews: FakeKube }> {
  const lab = await startLeaseLab({ program });
  const reviews = await startFakeKube(lab.kube.issuer);
  await enablePki(lab.bao);
  await enableKubernetesAuth(lab.bao, reviews);
  await kubernetesRole(lab.bao, {
    name: 'app',
    policies: ['app'],
    ttl: `${tokenTtl}s`,
    more: { token_max_ttl: '24h' },
  });
  return { lab, reviews };
}

/** Mounts a pod's volume every second, and logs in every 200 ms with what is in it, for so many seconds. */
async function live({ kube, postgres }: LeaseLab, keymount: Keymount, pod: Pod, seconds: number): Promise<Seen> {
  const seen: Seen = { users: new Set(), certificates: new Set(), logins: 0, refused: [] };
  const began = Date.now();
  let file: Record<string, string> = {};
  for (let next = began, tick = 0; next < began + seconds * 1000; next += 200, tick++) {
    await pause(Math.max(0, next - Date.now()));
    if (tick % 5 === 0) {
      const since = Date.now() - began;
      const now = began + Math.floor(since / (800 * podToken)) * 800 * podToken;
      const parameters = classOf(objects, { vaultAuthMountPath: 'kubernetes' });
      const request = requestOf(kube.issuer, { pod, parameters, token: { ttl: podToken, now } });
      file = texts(mounted(await keymount.mount('vault', request)));
      seen.users.add(file['user'] ?? '');
      seen.certificates.add(file['tls.crt'] ?? '');
    }
    seen.logins++;
    if (!(await postgres.canLogIn(file['user'] ?? '', file['password'] ?? '')))
      seen.refused.push(`${file['user']} after ${(Date.now() - began) / 1000} s`);
  }
  return seen;
}

describe('credentials of a login that ends before its pod', { skip, concurrency: true }, () => {
  for (const [name, program] of [
    ['where OpenBao renews no further', 'bao'],
    ['where OpenBao renews on', 'bao-earlier'],
  ] as const) {
    describe(name, { concurrency: true }, () => {
      let lab: LeaseLab;
      let reviews: FakeKube;
      before(async () => {
        ({ lab, reviews } = await startLoginLab(program));
      });
      after(async () => {
        await reviews.stop();
        await lab.stop();
      });
      const versionOf = async (bao: OpenBao) =>
        ((await bao.request('GET', 'sys/health')).body as { version: string }).version;

      /** A life of a pod with a keymount of its own: what it saw, and what is told of it at the end. */
      async function play(args: string[]) {
        const keymount = await lab.keymount({ args });
        const pod = lab.pod();
        const seen = await live(lab, keymount, pod, lives * podToken + 5);
        const told = Object.fromEntries(
          await Promise.all(
            ['issued', 'lost', 'renewal-failed', 'login-ended', 'login-short'].map(async (event) => [
              event,
              await counted(keymount, event),
            ]),
          ),
        ) as Record<string, number>;
        lab.kube.podFeed.remove(pod);
        await until(async () => {
          const left = await lab.roles();
          return [...seen.users].every((user) => !left.includes(user));
        }, 10_000);
        await keymount.stop();
        assert.deepEqual(seen.refused, []);
        assert.ok(seen.logins > lives * podToken * 4, `${seen.logins} logins`);
        assert.deepEqual([told['lost'], told['renewal-failed']], [0, 0]);
        // What does not end with the token is not replaced with it.
        assert.equal(seen.certificates.size, 1);
        return { users: seen.users.size, told };
      }

      if (program === 'bao') {
        it('are replaced in time, no oftener than there is another pod token', async () => {
          assert.match(await versionOf(lab.bao), /^2\.7\.2/);
          const { users, told } = await play(['--token-request-fallback=false']);
          const tokens = Math.ceil((lives * podToken + 5) / (0.8 * podToken));
          assert.ok(users >= lives - 1 && users <= tokens, `${users} users`);
          assert.ok((told['login-ended'] ?? 0) >= lives - 1 && told['login-short'] === 1, JSON.stringify(told));
        });

        it('last as long as a token that keymount asks for', async () => {
          const { users, told } = await play(['--token-request-fallback']);
          assert.deepEqual([users, told['login-ended']], [1, 0]);
          assert.ok(lab.kube.tokenRequests.some(({ spec }) => spec.expirationSeconds === 86_400));
        });
      } else {
        it('are not replaced', async () => {
          assert.match(await versionOf(lab.bao), /^2\.7\.0/);
          const { users, told } = await play(['--token-request-fallback=false']);
          assert.deepEqual([users, told['login-ended'], told['login-short']], [1, 0, 0]);
        });
      }
    });
  }
});
