/** What is kept at most: credentials, and bytes by `keptSize`. */
export interface Bounds {
  readonly credentials: number;
  readonly bytes: number;
}

/** Who may keep how much. One that is over its bounds gets nothing issued: the Mount is refused before it asks. */
export interface LeaseLimits {
  /** Of one class in one pod; far above what a class of people has. */
  readonly volume: Bounds;
  readonly pod: Bounds;
  readonly namespace: Bounds;
  readonly node: Bounds;
  /** The state directory, with the tokens of pods that are gone. It is on tmpfs, which counts as memory of the container. */
  readonly directory: { readonly files: number; readonly bytes: number };
}

const KiB = 1024;
const MiB = 1024 * KiB;

// A database credential takes 1 KiB, a certificate with key and chain some 8 KiB. 110 pods with five of those are 4.4 MiB; the
// container of manifests/install.yaml has 256 MiB, of which keymount itself takes about 120. A start with 4,000 tokens of pods that
// are gone was measured with 174 MiB at most.
export const leaseLimits: LeaseLimits = {
  volume: { credentials: 100, bytes: 512 * KiB },
  pod: { credentials: 200, bytes: MiB },
  namespace: { credentials: 1_500, bytes: 8 * MiB },
  node: { credentials: 3_000, bytes: 16 * MiB },
  directory: { files: 4_000, bytes: 32 * MiB },
};

/** Milliseconds for which a life is believed at most, whatever a server says. What it issued is then replaced. */
export const longestLife = 30 * 86_400_000;

/** Secrets up to that size are kept whole: another class of the pod may select other keys of them. */
export const keptWhole = 16 * KiB;
