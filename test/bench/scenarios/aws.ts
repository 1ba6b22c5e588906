import { type CloudClass, cloudPods } from './cloud-pods.ts';

/** The role is in an annotation of the ServiceAccount (IRSA). */
export const awsClass: CloudClass = {
  dialect: 'aws',
  audiences: ['sts.amazonaws.com'],
  parameters: {
    region: 'eu-west-1',
    objects: `- objectName: bench/{{.ServiceAccount}}/o0
  objectType: secretsmanager
  objectAlias: o0
- objectName: bench/{{.ServiceAccount}}/o1
  objectType: secretsmanager
  objectAlias: o1
- objectName: /bench/{{.ServiceAccount}}/o2
  objectType: ssmparameter
  objectAlias: o2
`,
  },
};

export const aws = cloudPods(awsClass, 'two secrets and a parameter of AWS, by plain http');
