import type { Scenario } from '../scenario.ts';
import { allBackends } from './all-backends.ts';
import { aws } from './aws.ts';
import { azure } from './azure.ts';
import { fiftyObjects } from './fifty-objects.ts';
import { gcp } from './gcp.ts';
import { manyPods } from './many-pods.ts';
import { outage } from './outage.ts';
import { replicas } from './replicas.ts';
import { startUp } from './start-up.ts';
import { stormAndRepublish } from './storm-and-republish.ts';

/** Every scenario, in the order of the report. */
export const scenarios: readonly Scenario[] = [
  ...[startUp, stormAndRepublish, replicas, fiftyObjects, outage, manyPods],
  ...[aws, gcp, azure, allBackends],
];
