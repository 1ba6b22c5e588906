import { randomBytes } from 'node:crypto';

/** Who holds temporary credentials. */
export interface Holder {
  readonly role: string;
  readonly session: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** Temporary credentials that were issued. */
export class AwsKeys {
  readonly #holders = new Map<string, Holder>();

  issue(role: string, session: string, expires: number): Holder {
    const holder = {
      role,
      session,
      accessKeyId: `ASIA${randomBytes(8).toString('hex').toUpperCase()}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      sessionToken: randomBytes(90).toString('base64'),
      expires,
    };
    this.#holders.set(holder.accessKeyId, holder);
    return holder;
  }

  holder(accessKeyId: string): Holder | undefined {
    const holder = this.#holders.get(accessKeyId);
    return holder !== undefined && holder.expires > Date.now() ? holder : undefined;
  }

  clear(): void {
    this.#holders.clear();
  }
}
