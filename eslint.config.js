// Biome formats and lints; ESLint adds what it lacks: the promise rules (an async handler that rejects kills a grpc-js server),
// the import layers of docs/architecture.md, and the bans below.
import tseslint from 'typescript-eslint';

// Each folder may import from those before it, never from those after it.
const layers = [
  'util',
  'settings',
  'telemetry',
  'net',
  'render',
  'kube',
  'plan',
  'backends',
  'sessions',
  'leases',
  'mount',
  'rpc',
  'commands',
];

// Type-only imports carry no code: settings name dialects, errors name nothing.
const layerRules = layers.map((layer, index) => ({
  files: [`provider/${layer}/**/*.ts`],
  rules: {
    '@typescript-eslint/no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: [...layers.slice(index + 1).map((above) => `**/${above}/**`), '**/main.ts'],
            allowTypeImports: true,
            message: 'Imports go one way; see docs/architecture.md.',
          },
        ],
      },
    ],
  },
}));

const bans = [
  {
    selector: "NewExpression[callee.name='RegExp'][arguments.0.type!='Literal']",
    message: 'No RegExp from data: it can hang the process.',
  },
  {
    selector: "CallExpression[callee.name='RegExp'][arguments.0.type!='Literal']",
    message: 'No RegExp from data: it can hang the process.',
  },
];
const edges = [
  { selector: "MemberExpression[object.name='process']", message: 'process.* belongs to main.ts.' },
  { selector: "CallExpression[callee.name='setTimeout']", message: 'Timers go through util/clock.' },
  { selector: "MemberExpression[object.name='Date'][property.name='now']", message: 'Time goes through util/clock.' },
  { selector: "MemberExpression[object.name='Math'][property.name='random']", message: 'Randomness is injected.' },
];

export default tseslint.config(
  { ignores: ['node_modules', 'dist', 'provider/rpc/gen', '.cache'] },
  {
    files: ['provider/**/*.ts', 'test/**/*.ts', 'hack/**/*.ts'],
    extends: [tseslint.configs.base],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: ['describe', 'it', 'test', 'suite'], package: 'node:test' },
          ],
        },
      ],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      'no-restricted-syntax': ['error', ...bans],
    },
  },
  {
    files: ['provider/**/*.ts'],
    ignores: ['provider/main.ts', 'provider/util/clock.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...bans, ...edges],
      // `void` hides a rejection, and one that nobody catches ends the process: util/background.ts says what becomes of it.
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: false }],
      'max-lines-per-function': ['error', { max: 65, skipComments: true, skipBlankLines: true }],
    },
  },
  ...layerRules,
);
