import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseClassFile } from '../../../provider/commands/class-file.ts';
import { formatError, KeymountError } from '../../../provider/errors.ts';

const manifest = (name: string, provider = 'vault', parameters = '    roleName: "app-role"') =>
  `kind: SecretProviderClass\nmetadata: {name: ${name}, namespace: shop}\nspec:\n  provider: ${provider}\n  parameters:\n${parameters}\n`;

const refusal = (text: string, name?: string): string => {
  try {
    parseClassFile(text, name);
  } catch (error) {
    assert.ok(error instanceof KeymountError);
    return formatError(error);
  }
  return assert.fail('it was taken');
};

describe('a file with a SecretProviderClass', () => {
  it('gives the class', () => {
    assert.deepEqual(parseClassFile(manifest('web'), undefined), {
      name: 'web',
      namespace: 'shop',
      dialect: 'vault',
      parameters: { roleName: 'app-role' },
    });
  });

  it('may hold other things beside it', () => {
    const text = `kind: Pod\nmetadata: {name: x}\n---\n${manifest('web')}---\n---\nkind: Service\n`;
    assert.equal(parseClassFile(text, undefined).name, 'web');
  });

  it('may hold several classes, of which one is chosen', () => {
    const text = `${manifest('web')}---\n${manifest('jobs', 'keymount')}`;
    assert.equal(parseClassFile(text, 'jobs').dialect, 'keymount');
    assert.equal(
      refusal(text),
      'the file has several SecretProviderClasses: web, jobs; choose one with --class NAME [class-invalid]',
    );
    assert.equal(refusal(text, 'db'), 'the file has no SecretProviderClass named "db" [class-invalid]');
  });

  const refused: [name: string, text: string, message: RegExp][] = [
    ['without a class', 'kind: Pod\n', /^the file has no SecretProviderClass \[class-invalid\]$/],
    ['that is empty', '', /^the file has no SecretProviderClass \[class-invalid\]$/],
    ['that is not YAML', 'a: {', /^the file is not YAML: .*, line 1 \[class-invalid\]$/],
    [
      'with another provider',
      manifest('web', 'akeyless'),
      /^spec\.provider: there is no provider "akeyless"; keymount answers as /,
    ],
    ['with a misspelt provider', manifest('web', 'valut'), /no provider "valut"; did you mean vault\?/],
    [
      'with a parameter that is not text',
      manifest('web', 'vault', '    vaultSkipTLSVerify: false'),
      /^spec\.parameters\.vaultSkipTLSVerify: must be text; put it in quotes \[class-invalid\]$/,
    ],
    ['without a name', 'kind: SecretProviderClass\nmetadata: {}\nspec: {provider: vault}\n', /^metadata\.name: /],
  ];
  for (const [name, text, message] of refused) it(`is refused ${name}`, () => assert.match(refusal(text), message));
});
