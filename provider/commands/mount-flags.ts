import { parseArgs } from 'node:util';
import { KeymountError } from '../errors.ts';
import { configKnob, namedKnobs } from '../settings/knobs.ts';

/** What `keymount mount` takes besides the settings of `keymount serve`. */
export interface MountFlags {
  /** Path of the manifest. */
  readonly classFile: string;
  readonly className: string | undefined;
  readonly namespace: string | undefined;
  readonly pod: string;
  readonly podUid: string;
  readonly serviceAccount: string;
  /** Files with ServiceAccount tokens, by audience. */
  readonly tokenFiles: ReadonlyMap<string, string>;
  /** Where to write the files; undefined: nowhere. */
  readonly out: string | undefined;
  /** The rest of the arguments, which are settings. */
  readonly settings: readonly string[];
}

export const mountUsage = `Usage: keymount mount CLASS.yaml [FLAG]...

Reads a SecretProviderClass from a file and mounts it once, in this process: the same code as on a
node, without a driver. Prints the files, their modes, sizes and versions, and never their contents.

  --namespace <name>        of the pod; the class's own, else default
  --service-account <name>  of the pod; default unless told
  --pod <name>              dry-run unless told
  --pod-uid <uid>           all zeros unless told
  --token <audience>=<file> a ServiceAccount token as the driver would send it; may be repeated
                            (kubectl create token NAME --audience AUDIENCE > FILE)
  --class <name>            which class, if the file has several
  --out <directory>         also write the files there, with their modes; new or empty

and every flag of keymount serve that says how to reach a backend: --config, --vault-addr, ...
`;

const own = {
  class: { type: 'string' },
  namespace: { type: 'string' },
  pod: { type: 'string' },
  'pod-uid': { type: 'string' },
  'service-account': { type: 'string' },
  token: { type: 'string', multiple: true },
  out: { type: 'string' },
} as const;

/** Throws `settings-invalid`. Flags that are not its own are left for the settings to judge. */
export function parseMountFlags(argv: readonly string[]): MountFlags {
  const settingFlags = Object.fromEntries(
    [configKnob, ...namedKnobs].map(({ flag, knob }) => [
      flag,
      { type: knob.kind.alone ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  const options = { ...settingFlags, ...own };
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
  const given = new Map<string, string[]>();
  const classFiles: string[] = [];
  const taken = new Set<number>();
  for (const token of tokens) {
    if (token.kind === 'positional' && classFiles.length === 0) {
      classFiles.push(token.value);
      taken.add(token.index);
    } else if (token.kind === 'option' && Object.hasOwn(own, token.name)) {
      if (!token.value) throw wrong(`--${token.name} needs a value`);
      given.set(token.name, [...(given.get(token.name) ?? []), token.value]);
      taken.add(token.index);
      if (!token.inlineValue) taken.add(token.index + 1);
    }
  }
  const [classFile] = classFiles;
  if (classFile === undefined) throw wrong('the file with the SecretProviderClass is missing');
  const last = (name: keyof typeof own) => given.get(name)?.at(-1);
  return {
    classFile,
    className: last('class'),
    namespace: last('namespace'),
    pod: last('pod') ?? 'dry-run',
    podUid: last('pod-uid') ?? '00000000-0000-0000-0000-000000000000',
    serviceAccount: last('service-account') ?? 'default',
    tokenFiles: new Map((given.get('token') ?? []).map(readTokenFlag)),
    out: last('out'),
    settings: argv.filter((_, index) => !taken.has(index)),
  };
}

function readTokenFlag(text: string): [audience: string, file: string] {
  // An audience may be a URL with a query; a path seldom holds "=".
  const split = text.lastIndexOf('=');
  if (split < 1 || split === text.length - 1) throw wrong('--token must be AUDIENCE=FILE');
  return [text.slice(0, split), text.slice(split + 1)];
}

function wrong(message: string): KeymountError {
  return new KeymountError('settings-invalid', message, { hint: 'keymount mount --help tells more' });
}
