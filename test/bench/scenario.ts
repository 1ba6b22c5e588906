import type { DialectName } from '../../provider/plan/plan.ts';
import type { BaoApi } from '../lab/openbao-api.ts';
import type { BenchLab } from './bench-lab.ts';
import type { CloudName } from './clouds/cloud.ts';
import type { StartContestant } from './contestant.ts';
import type { ContestantName } from './options.ts';

/**
 * The pods of a scenario and the class that they mount. `{{.Index}}` is the number of the pod and `{{.Object}}` that of the
 * object, both from 0; `{{.ServiceAccount}}` is the pod's (test/driver/cmd/mountbench/spec.go).
 */
export interface Workload {
  pods: number;
  objects: number;
  /** Of the pods, a ServiceAccount each unless told: `app-{{.Index}}`. */
  serviceAccount?: string;
  /** Whose socket is asked: `vault` unless told. */
  dialect?: DialectName;
  /** Of the tokens that a pod has: unless told `vault` and `openbao`, for which both Vault dialects ask first. */
  audiences?: readonly string[];
  parameters: Record<string, string>;
  /** One entry of the parameter `objects`, in YAML. A class without it has its objects in `parameters`. */
  object?: string;
}

/** What one run measured: figures by a name that holds the unit, in the order of the table. */
export type Figures = Record<string, number>;

/** One file of scenarios/ each; scenarios/all.ts lists them. */
export interface Scenario {
  /** As in `--scenario`. */
  name: string;
  /** One sentence above the table. */
  about: string;
  workload: Workload;
  /** Clouds that keymount is led to, besides OpenBao. */
  clouds?: readonly CloudName[];
  /** Who can run it: both unless told. */
  contestants?: readonly ContestantName[];
  /** Runs at most, however many are asked for: it takes long, and what it measures hardly differs between them. */
  mostRuns?: number;
  /** Writes what the class reads into OpenBao, once. Clouds have it from their start. */
  seed(bao: BaoApi): Promise<void>;
  /** One run of one contestant, which is started fresh with `start` and stopped by the caller. */
  run(start: StartContestant, lab: BenchLab): Promise<Figures>;
}
