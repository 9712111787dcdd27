// Sends a script of calls with @segment/analytics-node.
import { Analytics } from "@segment/analytics-node";
import { eachCall, finish, job, report } from "./driving.mjs";

const client = new Analytics({
  writeKey: job.write_key,
  host: job.host,
  maxRetries: 35,
  flushAt: job.batch,
  flushInterval: 500,
});
client.on("error", (error) => report.errors.push(`${error.code}: ${error.reason}`));

await eachCall((call, timestamp) => {
  const message = {
    userId: call.user_id,
    anonymousId: call.anonymous_id,
    context: call.context,
    timestamp,
    ...{
      track: { event: call.name, properties: call.properties },
      page: { name: call.name, properties: call.properties },
      screen: { name: call.name, properties: call.properties },
      identify: { traits: call.properties },
      group: { groupId: call.group_id, traits: call.properties },
      alias: { previousId: call.previous_id },
    }[call.kind],
  };
  client[call.kind](message, (error, context) => {
    report.sent.push({ step: call.step, event_id: context.event.messageId });
    if (error) report.failed.push(context.event.messageId);
  });
});
// By itself it waits little longer than flushInterval, and events that are tried again would be given up.
await client.closeAndFlush({ timeout: 160_000 });
finish();
