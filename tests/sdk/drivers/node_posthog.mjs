// Sends a script of calls with posthog-node.
import { PostHog } from "posthog-node";
import { eachCall, finish, job, report } from "./driving.mjs";

const OWN_NAMES = { identify: "$identify", alias: "$create_alias", group: "$groupidentify" };
const steps = new Map(job.calls.map((call) => [OWN_NAMES[call.kind] ?? call.name, call.step]));
const delivered = new Set();
const client = new PostHog(job.write_key, {
  host: job.host,
  flushAt: job.batch,
  fetchRetryCount: 600,
  fetchRetryDelay: 3_000,
});
client.on("error", (error) => report.errors.push(String(error)));
client.on("flush", (messages) => messages.forEach((message) => delivered.add(message.uuid)));
for (const queued of ["capture", "identify", "alias"]) {
  client.on(queued, ({ event, uuid }) => report.sent.push({ step: steps.get(event), event_id: uuid }));
}

await eachCall((call, timestamp) => {
  const distinctId = call.user_id ?? call.anonymous_id;
  if (call.kind === "identify") client.identify({ distinctId, properties: call.properties });
  else if (call.kind === "alias") client.alias({ distinctId, alias: call.previous_id });
  else if (call.kind === "group")
    client.groupIdentify({ groupType: "company", groupKey: call.group_id, properties: call.properties, distinctId });
  else client.capture({ distinctId, event: call.name, properties: call.properties, timestamp });
});
await client.shutdown(60_000);
report.failed = report.sent.map((item) => item.event_id).filter((id) => !delivered.has(id));
finish();
