import { type CloudClass, cloudPods } from './cloud-pods.ts';

const objects = [0, 1, 2].map(
  (object) => `  - |
    objectName: {{.ServiceAccount}}-o${object}
    objectType: secret
`,
);

/** Workload identity; client and tenant are in annotations of the ServiceAccount. */
export const azureClass: CloudClass = {
  dialect: 'azure',
  audiences: ['api://AzureADTokenExchange'],
  parameters: { keyvaultName: 'shop-kv', objects: `array:\n${objects.join('')}` },
};

export const azure = cloudPods(azureClass, 'three secrets of a Key Vault, by TLS');
