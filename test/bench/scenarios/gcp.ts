import { type CloudClass, cloudPods } from './cloud-pods.ts';

const objects = [0, 1, 2].map(
  (object) => `- resourceName: projects/shop-prod/secrets/{{.ServiceAccount}}-o${object}/versions/latest
  path: o${object}
`,
);

/** Workload identity of GKE; roles are granted to the ServiceAccount itself. */
export const gcpClass: CloudClass = {
  dialect: 'gcp',
  audiences: ['shop-prod.svc.id.goog'],
  parameters: { secrets: objects.join('') },
};

export const gcp = cloudPods(gcpClass, 'three secrets of Google Cloud, by plain http');
