import type { Situations } from '../situations.ts';
import { anything, object, parameters } from './classes.ts';

/** What goes wrong with a secret. */
export const reads: Situations = {
  'no-data': (lab) => lab.told(anything(object('secret/database/config'))),
  'no-data-denied': (lab) => lab.told({ parameters: parameters(object('secret/database/config')) }),
  'data-in-kv1': (lab) => lab.told(anything(object('kv1/data/database/config'))),
  missing: (lab) => lab.told(anything(object('secret/data/database/confg'))),
  denied: (lab) => lab.told({ parameters: parameters(object('secret/data/billing/config')) }),
  deleted: (lab) => lab.told(anything(object('secret/data/old/config'))),
  destroyed: (lab) => lab.told(anything(object('secret/data/ruined/config'))),
  'no-version': (lab) => lab.told(anything(object('secret/data/database/config?version=7'))),
  // A zero-width space, as copied from a web page.
  invisible: (lab) => lab.told(anything(object('secret/data/database/config', 'password\u200b'))),
  'no-key': (lab) => lab.told(anything(object('secret/data/database/config', 'pasword'))),
  'key-case': (lab) => lab.told(anything(object('secret/data/database/config', 'Password'))),
  'key-null': (lab) => lab.told(anything(object('secret/data/database/config', 'note'))),
  'not-base64': (lab) => lab.told(anything(object('secret/data/database/config', 'password', '  encoding: base64\n'))),
  'get-for-put': (lab) => lab.told(anything(object('pki/issue/web', 'certificate'))),
  'bad-arguments': (lab) =>
    lab.told(
      anything(object('pki/issue/web', 'certificate', '  method: PUT\n  secretArgs: {common_name: web.other}\n')),
    ),
  'no-content': (lab) => lab.told(anything(object('cubbyhole/x', 'a', '  method: PUT\n  secretArgs: {a: b}\n'))),
  'no-namespace': (lab) => lab.told(anything(object('secret/data/database/config'), { vaultNamespace: 'team-a' })),
  several: (lab) =>
    lab.told(
      anything(
        `- {objectName: db-password, secretPath: secret/data/database/config, secretKey: pasword}
- {objectName: api-key, secretPath: secret/data/api, secretKey: key}
- {objectName: tls.crt, secretPath: pki/issue/web, secretKey: certificate}
`,
      ),
    ),
};
