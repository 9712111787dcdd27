// npm install @segment/analytics-node
import { Analytics } from "@segment/analytics-node";

// Tries again for half an hour while the server cannot take events.
const analytics = new Analytics({ writeKey: $key, host: $host, maxRetries: 35 });

analytics.track({ userId: "user-1", event: "Signed Up", properties: { plan: "free" } });

// Before the process ends: send what is waiting, for at most 75 seconds.
await analytics.closeAndFlush();
