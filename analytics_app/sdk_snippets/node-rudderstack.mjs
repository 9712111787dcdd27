// npm install @rudderstack/rudder-sdk-node
import RudderAnalytics from "@rudderstack/rudder-sdk-node";

const analytics = new RudderAnalytics($key, { dataPlaneUrl: $host });

analytics.track({ userId: "user-1", event: "Signed Up", properties: { plan: "free" } });

// Before the process ends: send what is waiting.
await analytics.flush();
