// npm install posthog-node
import { PostHog } from "posthog-node";

// Tries again for half an hour while the server cannot take events; without it the SDK gives up after 9 seconds.
const posthog = new PostHog($key, { host: $host, fetchRetryCount: 600, fetchRetryDelay: 3_000 });

posthog.capture({ distinctId: "user-1", event: "Signed Up", properties: { plan: "free" } });

// Before the process ends: send what is waiting, for at most a minute.
await posthog.shutdown(60_000);
