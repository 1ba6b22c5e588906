import { podLogin, startAzureLab } from './azure-lab.ts';
import { backendContract, type Harness } from './contract.ts';

/** Names in a vault have no slash. */
const nameOf = (name: string) => name.replaceAll('/', '-');

backendContract('azure-keyvault', async () => {
  const lab = await startAzureLab();
  return {
    backend: lab.backend as Harness['backend'],
    settings: lab.settings,
    login: podLogin(),
    address: nameOf,
    shown: nameOf,
    put: async (name, json) => void lab.vault.put(`secrets/${nameOf(name)}`, { fields: { value: json } }),
    remove: async (name) => void lab.vault.objects.delete(`secrets/${nameOf(name)}`),
    close: lab.close,
  };
});
