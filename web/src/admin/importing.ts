// An import: what it would do, step by step, and what became of each step. No call takes all of it or nothing, so that it is
// told exactly what was taken and what was not.

import { CallError } from "../core/net.ts";

export interface Step {
  name: string;
  go: () => Promise<void>;
}
export interface Plan {
  /** What is wrong, by line; nothing is done then. */
  faults: { line: number; text: string }[];
  /** What else holds it up. */
  wrong: string[];
  /** What it would do, in words; it is the plan that was agreed to as long as these are the same. */
  says: string[];
  steps: Step[];
}
export interface Outcome {
  done: string[];
  refused: { name: string; why: string }[];
  /** No answer came: it was taken, or it was not. */
  unknown: string[];
  left: string[];
}

export const isWhole = ({ refused, unknown, left }: Outcome) => refused.length + unknown.length + left.length === 0;

/** One after the other. What is refused for itself holds nothing up; where the server is away or busy the rest is left. */
export async function doAll(
  steps: Step[],
  whyOf: (error: CallError) => string,
  onstep: (done: number) => void,
): Promise<Outcome> {
  const outcome: Outcome = { done: [], refused: [], unknown: [], left: [] };
  for (const [at, { name, go }] of steps.entries()) {
    onstep(at);
    try {
      await go();
      outcome.done.push(name);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      if (error.status === 0) outcome.unknown.push(name);
      else outcome.refused.push({ name, why: whyOf(error) });
      if (![0, 401, 403, 429].includes(error.status) && error.status < 500) continue;
      outcome.left = steps.slice(at + 1).map((step) => step.name);
      break;
    }
  }
  return outcome;
}
