import type { ErrorsLab } from './errors-lab.ts';
import { admins } from './situations/admins.ts';
import { logins } from './situations/logins.ts';
import { reads } from './situations/reads.ts';
import { servers } from './situations/servers.ts';

/** Makes something go wrong; gives the text that its author or admin gets. Leaves the lab as it was. */
export type Situation = (lab: ErrorsLab) => Promise<string>;

/** By the mark `error=` of the block in docs/errors.md that shows the text. */
export type Situations = Readonly<Record<string, Situation>>;

export const situations: Situations = { ...logins, ...reads, ...servers, ...admins };
