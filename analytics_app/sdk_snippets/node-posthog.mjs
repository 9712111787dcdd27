// npm install posthog-node
import { PostHog } from "posthog-node";

const posthog = new PostHog($key, { host: $host });

posthog.capture({ distinctId: "user-1", event: "Signed Up", properties: { plan: "free" } });

// Before the process ends: send what is waiting.
await posthog.shutdown();
