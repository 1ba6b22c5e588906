import type { Scenario } from '../scenario.ts';
import { fiftyObjects } from './fifty-objects.ts';
import { manyPods } from './many-pods.ts';
import { outage } from './outage.ts';
import { replicas } from './replicas.ts';
import { startUp } from './start-up.ts';
import { stormAndRepublish } from './storm-and-republish.ts';

/** Every scenario, in the order of the report. */
export const scenarios: readonly Scenario[] = [startUp, stormAndRepublish, replicas, fiftyObjects, outage, manyPods];
