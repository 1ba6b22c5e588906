import type { BaoApi } from '../lab/openbao-api.ts';
import type { BenchLab } from './bench-lab.ts';
import type { StartContestant } from './contestant.ts';

/**
 * The pods of a scenario and the class that they mount. `{{.Index}}` is the number of the pod and `{{.Object}}` that of the
 * object, both from 0 (test/driver/cmd/mountbench/spec.go).
 */
export interface Workload {
  pods: number;
  objects: number;
  /** Of the pods, a ServiceAccount each unless told: `app-{{.Index}}`. */
  serviceAccount?: string;
  parameters: Record<string, string>;
  /** One entry of the parameter `objects`, in YAML. */
  object: string;
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
  /** Writes what the class reads into OpenBao, once. */
  seed(bao: BaoApi): Promise<void>;
  /** One run of one contestant, which is started fresh with `start` and stopped by the caller. */
  run(start: StartContestant, lab: BenchLab): Promise<Figures>;
}
