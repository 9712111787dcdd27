// Sends a script of calls with @rudderstack/rudder-sdk-node.
import { randomUUID } from "node:crypto";
import Analytics from "@rudderstack/rudder-sdk-node";
import { eachCall, finish, job, report } from "./driving.mjs";

const client = new Analytics(job.write_key, {
  dataPlaneUrl: job.host,
  retryCount: 64,
  axiosRetryConfig: { retryDelay: (retry) => Math.min(1_000 * 2 ** retry, 30_000) },
  flushAt: job.batch,
  logLevel: "none",
  // Without it a failed batch ends the process.
  errorHandler: (error) => report.errors.push(String(error)),
});

let open = 0;
await eachCall((call, timestamp) => {
  const messageId = randomUUID();
  const message = {
    messageId,
    userId: call.user_id,
    anonymousId: call.anonymous_id,
    context: call.context,
    ...(timestamp && { timestamp }),
    ...{
      track: { event: call.name, properties: call.properties },
      page: { name: call.name, properties: call.properties },
      screen: { name: call.name, properties: call.properties },
      identify: { traits: call.properties },
      group: { groupId: call.group_id, traits: call.properties },
      alias: { previousId: call.previous_id },
    }[call.kind],
  };
  open += 1;
  client[call.kind](message, (error) => {
    open -= 1;
    if (error) report.failed.push(messageId);
  });
  report.sent.push({ step: call.step, event_id: messageId });
});
// One flush sends one batch.
while (open > 0) {
  await client.flush();
  await new Promise(setImmediate);
}
finish();
