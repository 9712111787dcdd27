// What the Node drivers share: a job as JSON on standard input, a report as JSON on standard output.
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export const job = JSON.parse(readFileSync(0, "utf8"));
export const report = { sent: [], failed: [], errors: [] };

/** Runs `send` for each call of the job, with the job's pause between two of them. */
export async function eachCall(send) {
  for (const call of job.calls) {
    await send(call, call.timestamp ? new Date(call.timestamp) : undefined);
    await sleep(job.pause * 1000);
  }
}

/** Prints the report and ends the process, whatever timers an SDK has left. */
export function finish() {
  writeFileSync(1, JSON.stringify(report));
  process.exit(0);
}
