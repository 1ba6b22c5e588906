import { durationForm, formatDuration, parseDuration } from '../util/duration.ts';
import { didYouMean } from '../util/nearest.ts';
import { isAddressPattern, isAwsRegion, isListenAddress, isProxyUrl, isServerAddress } from './address.ts';
import { checked, type Kind, one } from './kind.ts';

export const line: Kind<string> = checked('text', 'one line of text', (text) => !/\p{Cc}/u.test(text));

export const path: Kind<string> = checked(
  'path',
  'an absolute path',
  (text) => text.startsWith('/') && !text.includes('\0'),
);

/** A path, or the PEM text itself, which has lines. */
export const pathOrPem: Kind<string> = checked(
  'path',
  'an absolute path, or certificates in PEM',
  (text) => (text.startsWith('/') && !/\p{Cc}/u.test(text)) || (isPem(text) && !text.includes('\0')),
);

/** Is a value of `pathOrPem` the text itself? */
export function isPem(value: string): boolean {
  return !value.startsWith('/') && value.includes('-----BEGIN CERTIFICATE-----');
}

// https://pkg.go.dev/strconv#ParseBool, which the Go providers read VAULT_SKIP_VERIFY with.
const truths = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const falsehoods = ['0', 'f', 'F', 'FALSE', 'false', 'False'];

export const yesNo: Kind<boolean> = one(
  'bool',
  (text) => {
    if (truths.includes(text)) return { value: true };
    return falsehoods.includes(text) ? { value: false } : { problem: 'must be true or false' };
  },
  { alone: true },
);

/** One of a few words, exactly as spelled. */
export function word<Word extends string>(...words: readonly Word[]): Kind<Word> {
  return one(words.join('|'), (text) => {
    const value = words.find((each) => each === text);
    return value === undefined
      ? { problem: `must be one of ${words.join(', ')}${didYouMean(text, words)}` }
      : { value };
  });
}

/** A whole number within bounds, both inclusive. */
export function whole(least: number, most: number): Kind<number> {
  return one('number', (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    return value >= least && value <= most ? { value } : { problem: `must be a whole number, ${least} to ${most}` };
  });
}

const units: readonly [string, number][] = [
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
];

/** A count of bytes, bare or in KiB, MiB, GiB; at least 1 KiB, at most 1 GiB. */
export const bytes: Kind<number> = one(
  'bytes',
  (text) => {
    const [, digits, unit] = /^(\d{1,12}) ?(KiB|MiB|GiB)?$/.exec(text) ?? [];
    const value = Number(digits) * (units.find(([name]) => name === unit)?.[1] ?? 1);
    if (value >= 2 ** 10 && value <= 2 ** 30) return { value };
    return { problem: 'must be a size from 1KiB to 1GiB, as 4194304, 4096KiB or 4MiB' };
  },
  {
    show(value) {
      const [name, size] = units.find(([, size]) => value % size === 0) ?? ['', 1];
      return `${value / size}${name}`;
    },
  },
);

/** Milliseconds, written as a duration, at least `least` of them. */
export function duration(least: number): Kind<number> {
  return one(
    'duration',
    (text) => {
      const value = parseDuration(text);
      if (value === undefined) return { problem: `must be ${durationForm}` };
      return value >= least ? { value } : { problem: `must be at least ${formatDuration(least)}` };
    },
    { show: formatDuration },
  );
}

export const listenAddress: Kind<string> = checked(
  'host:port',
  'host:port, as 127.0.0.1:8080, [::1]:8080 or :8080 for every address',
  isListenAddress,
);

export const serverAddress: Kind<string> = checked(
  'url',
  'https://host:port, http://host:port or unix:///path, without user, query and fragment',
  isServerAddress,
);

export const addressPattern: Kind<string> = checked(
  'url',
  'https://host:port, http://host:port or unix:///path, where * may stand for one DNS label',
  isAddressPattern,
);

/** As in Go, a proxy without a scheme is an http one. */
export const proxyUrl: Kind<string> = one('url', (text) => {
  const value = text.includes('://') ? text : `http://${text}`;
  return isProxyUrl(value) ? { value } : { problem: 'must be http://, https:// or socks5://host:port of a proxy' };
});

// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
export const kubernetesName: Kind<string> = checked(
  'name',
  'a Kubernetes name: lower case letters, digits, - and .',
  (text) => text.length <= 253 && text.split('.').every((label) => isLabel(label, 253)),
);

export const kubernetesLabel: Kind<string> = checked(
  'name',
  'a Kubernetes namespace: up to 63 lower case letters, digits and -',
  (text) => isLabel(text, 63),
);

function isLabel(text: string, longest: number): boolean {
  return text.length <= longest && /^[a-z0-9-]+$/.test(text) && !text.startsWith('-') && !text.endsWith('-');
}

/** An auth mount such as `kubernetes` or `clusters/blue`: path elements without `.`, `..` and the marks of a URL. */
export const mountPath: Kind<string> = checked(
  'mount',
  'the path of an auth mount, as kubernetes or clusters/blue',
  (text) => text.split('/').every((element) => /^[\w.~-]+$/.test(element) && element !== '.' && element !== '..'),
);

export const awsRegion: Kind<string> = checked('region', 'an AWS region, as eu-central-1', isAwsRegion);

export const podAccount: Kind<string> = checked(
  'namespace/name',
  'namespace/serviceaccount, where * stands for any run of characters',
  (text) => /^[a-z0-9*-]{1,63}\/[a-z0-9.*-]{1,253}$/.test(text),
);
