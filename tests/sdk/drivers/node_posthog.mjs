// Sends a script of calls with posthog-node.
import { PostHog } from "posthog-node";
import { eachCall, finish, job, report } from "./driving.mjs";

const client = new PostHog(job.write_key, { host: job.host, flushAt: job.batch });
const ids = [];
const delivered = new Set();
client.on("error", (error) => report.errors.push(String(error)));
client.on("capture", (message) => ids.push(message.uuid));
client.on("flush", (messages) => messages.forEach((message) => delivered.add(message.uuid)));

await eachCall((call, timestamp) => {
  const distinctId = call.user_id ?? call.anonymous_id;
  if (call.kind === "identify") client.identify({ distinctId, properties: call.properties });
  else if (call.kind === "alias") client.alias({ distinctId, alias: call.previous_id });
  else if (call.kind === "group")
    client.groupIdentify({ groupType: "company", groupKey: call.group_id, properties: call.properties, distinctId });
  else client.capture({ distinctId, event: call.name, properties: call.properties, timestamp });
});
await client.shutdown(60_000);
finish();
