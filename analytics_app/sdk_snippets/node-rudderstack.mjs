// npm install @rudderstack/rudder-sdk-node
import RudderAnalytics from "@rudderstack/rudder-sdk-node";

const analytics = new RudderAnalytics($key, {
  dataPlaneUrl: $host,
  // Tries again for half an hour while the server cannot take events; without it the SDK gives up after 7 seconds.
  retryCount: 64,
  axiosRetryConfig: { retryDelay: (retry) => Math.min(1_000 * 2 ** retry, 30_000) },
  // Without a handler, a batch that is given up ends the process.
  errorHandler: (error) => console.error(error.message),
});

analytics.track({ userId: "user-1", event: "Signed Up", properties: { plan: "free" } });

// Before the process ends: send what is waiting. One flush sends one batch.
while (analytics.queue.length > 0) await analytics.flush();
