// npm install @rudderstack/analytics-js
// The bundled form loads no further files from RudderStack's servers.
import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";

export const analytics = new RudderAnalytics();
analytics.load($key, $host, { configUrl: $host });

analytics.page();
analytics.identify("user-1");
analytics.track("Signed Up", { plan: "free" });
