// npm install @segment/analytics-node
import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({ writeKey: $key, host: $host });

analytics.track({ userId: "user-1", event: "Signed Up", properties: { plan: "free" } });

// Before the process ends: send what is waiting.
await analytics.closeAndFlush();
