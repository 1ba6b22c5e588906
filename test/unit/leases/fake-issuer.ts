import type { Backend, Lease, Login, Secret, Session, Tenure } from '../../../provider/backends/backend.ts';
import { Uses } from '../../../provider/backends/vault/uses.ts';
import { KeymountError } from '../../../provider/errors.ts';
import type { Connection } from '../../../provider/sessions/connections.ts';
import { type JsonObject, ownKey } from '../../../provider/util/json.ts';
import type { SteppedClock } from './stepped-clock.ts';

/** Seconds. `max` from the issue on; `renewable` unless told. */
export interface Terms {
  ttl: number;
  max?: number;
  renewable?: boolean;
  /** Each renewal gives `ttl` again, whatever `max` says. */
  periodic?: boolean;
  /** Of a token: requests that it is good for. The last one ends it. */
  uses?: number;
}

interface Issued extends Terms {
  readonly id: string;
  readonly issuedAt: number;
  end: number;
  revoked: boolean;
  /** Of a lease. */
  readonly token: string;
}

/** A server with the rules of Vault: tokens, leases that die with their token, renewals up to a maximum. */
export class FakeIssuer {
  token: Terms = { ttl: 3_600, max: 72_000 };
  /** By address; `cert/…` is a certificate without a lease, `kv/…` has no end. */
  readonly terms = new Map<string, Terms>();
  readonly tokens = new Map<string, Issued>();
  readonly leases = new Map<string, Issued>();
  /** Characters that answers have beside the password, by address. */
  readonly padding = new Map<string, number>();
  address = 'https://vault:8200';
  /** Seconds that pod tokens live, of which kubelet asks for the next one after four fifths; undefined: the login has no end. */
  podToken: number | undefined;
  /** Renews no token whose login ended more than a minute ago. */
  checksLogins = false;
  /** A class alone chose the server. */
  chosenByClass = false;
  /** What was asked, as `SECONDS call what`, by the clock. */
  readonly calls: string[] = [];
  readonly logins: Login[] = [];
  /** Thrown instead of an answer; may hang as well. */
  fault: (call: string, what: string) => KeymountError | Promise<never> | undefined = () => undefined;
  /** Waited for before an answer. */
  held: (call: string) => Promise<void> | undefined = () => undefined;
  readonly #clock: SteppedClock;
  readonly #wall: () => number;
  #count = 0;

  constructor(clock: SteppedClock, wall: () => number) {
    this.#clock = clock;
    this.#wall = wall;
  }

  readonly backend: Backend<unknown, string> = {
    kind: 'fake',
    connectionSchema: undefined as never,
    scopeOf: () => 'pod',
    identityOf: () => 'pod',
    parseRef: (source) => source.address,
    isChosenByClass: () => this.chosenByClass,
    titleOf: () => this.address,
    connect: async (_connection, login) => {
      this.logins.push(login);
      await this.#called('login', login.identity.pod);
      const token = this.#issue(this.tokens, `t${this.tokens.size + 1}`, this.token, '');
      return this.#session(token.id, this.#wall() + token.ttl * 1000, new Uses(this.token.uses), this.#loginEnds());
    },
    resume: async (_connection, state) =>
      this.#session(
        String(ownKey(state, 'token')),
        undefined,
        Uses.resumed(Number(ownKey(state, 'uses'))),
        typeof ownKey(state, 'loginEnds') === 'string' ? Number(ownKey(state, 'loginEnds')) : undefined,
      ),
  };

  readonly connection: Connection = {
    title: 'connection "prod"',
    key: 'named prod',
    backend: this.backend as Backend,
    settings: {},
    allow: undefined,
  };

  /** Would this lease, or the token, still be good for something? */
  isLive(id: string): boolean {
    const lease = this.leases.get(id);
    const token = this.tokens.get(lease?.token ?? id);
    return this.#isLive(token) && (lease === undefined || this.#isLive(lease));
  }

  live(): string[] {
    return [...this.leases.keys()].filter((id) => this.isLive(id));
  }

  count(call: RegExp): number {
    return this.calls.filter((line) => call.test(line)).length;
  }

  #isLive(issued: Issued | undefined): issued is Issued {
    return issued !== undefined && !issued.revoked && issued.end > this.#clock.time;
  }

  #issue(store: Map<string, Issued>, id: string, terms: Terms, token: string): Issued {
    const { time } = this.#clock;
    const issued = { ...terms, id, issuedAt: time, end: time + terms.ttl * 1000, revoked: false, token };
    store.set(id, issued);
    return issued;
  }

  /** Of the newest token that kubelet has now, by the wall clock. */
  #loginEnds(): number | undefined {
    if (this.podToken === undefined) return undefined;
    const [life, since] = [this.podToken * 1000, this.#clock.time - 1_000_000];
    return this.#wall() - since + Math.floor(since / (0.8 * life)) * 0.8 * life + life;
  }

  #session(token: string, expires: number | undefined, uses: Uses, loginEnds: number | undefined): Session<string> {
    return {
      expires,
      serviceAccountUid: undefined,
      isShareable: async () => false,
      uses,
      read: (addresses) => addresses.map((address) => this.#readCounted(token, address, uses)),
      isAuthorityLost: ({ code }) => code === 'secret-denied' || code === 'token-used-up',
      tenure: this.#tenure(token, uses, loginEnds),
      close: () => {},
    };
  }

  #tenure(id: string, uses: Uses, loginEnds: number | undefined): Tenure {
    return {
      id,
      loginEnds,
      renewable: this.tokens.get(id)?.renewable !== false && !uses.isLimited,
      isLimited: uses.isLimited,
      renew: async (lease) => {
        await this.#called('renew', lease?.id ?? id);
        this.#use(id);
        const issued = lease === undefined ? this.tokens.get(id) : this.leases.get(lease.id);
        if (issued === undefined || !this.isLive(issued.id)) throw new KeymountError('lease-lost', 'it is gone');
        const isOver = loginEnds !== undefined && this.#wall() > loginEnds + 60_000;
        if (lease === undefined && this.checksLogins && isOver) return 'login-ended';
        if (issued.renewable === false) throw new KeymountError('backend-rejected', 'it is not renewable');
        return { duration: this.#renew(issued), renewable: true };
      },
      takeBack: async ({ serial }) => await this.#called('take back', `${String(serial)} by ${id}`),
      revoke: async () => {
        await this.#called('revoke', id);
        const token = this.tokens.get(id);
        if (!this.#isLive(token)) throw new KeymountError('lease-lost', 'it is gone');
        token.revoked = true;
      },
      toState: (): JsonObject => ({
        token: id,
        uses: String(uses.limit ?? 0),
        ...(loginEnds === undefined ? {} : { loginEnds: String(loginEnds) }),
      }),
    };
  }

  #renew(issued: Issued): number {
    const { time } = this.#clock;
    const latest = issued.periodic ? Number.POSITIVE_INFINITY : issued.issuedAt + (issued.max ?? 1e9) * 1000;
    issued.end = Math.min(time + issued.ttl * 1000, latest);
    return Math.floor((issued.end - time) / 1000);
  }

  /** The server counts: with its last use a token ends, and its leases with it. False: it had none. */
  #use(token: string): boolean {
    const issued = this.tokens.get(token);
    if (!this.#isLive(issued)) return false;
    if (issued.uses !== undefined && --issued.uses === 0) issued.revoked = true;
    return true;
  }

  async #readCounted(token: string, address: string, uses: Uses): Promise<Secret> {
    const secret = await uses.run(async () => {
      const read = await this.#read(token, address);
      if (read.lease === undefined || !uses.isLimited) return read;
      uses.leased();
      return { ...read, lease: { ...read.lease, renewable: false } };
    });
    if (secret !== undefined) return secret;
    throw new KeymountError('token-used-up', `${address} takes one more use`);
  }

  async #read(token: string, address: string): Promise<Secret> {
    await this.#called('read', address);
    if (!this.#use(token)) throw new KeymountError('secret-denied', `${address} was refused`);
    const number = ++this.#count;
    const padding = this.padding.get(address) ?? 0;
    const size = 10 + padding;
    const keys = { password: `${address} ${number}`, ...(padding === 0 ? {} : { padding: 'x'.repeat(padding) }) };
    if (address.startsWith('kv/')) return { version: '1', size, keys };
    const terms = this.terms.get(address) ?? { ttl: 3_600, max: 72_000 };
    if (address.startsWith('cert/')) {
      const debt = address.startsWith('cert/revoked') ? { takeBack: { serial: String(number) } } : {};
      return { version: '', size, keys, notAfter: this.#wall() + terms.ttl * 1000, ...debt };
    }
    const { id, ttl, renewable = true } = this.#issue(this.leases, `${address}#${number}`, terms, token);
    const lease: Lease = { id, duration: ttl, renewable };
    const notAfter = address.startsWith('leased-cert/') ? { notAfter: this.#wall() + ttl * 1000 } : {};
    return { version: '', size, keys, lease, ...notAfter };
  }

  async #called(call: string, what: string): Promise<void> {
    const fault = this.fault(call, what);
    this.calls.push(`${(this.#clock.time - 1_000_000) / 1000} ${call} ${what}`);
    await this.held(call);
    if (fault !== undefined) throw await fault;
  }
}
