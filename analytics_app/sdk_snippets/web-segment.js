// npm install @segment/analytics-next
import { AnalyticsBrowser } from "@segment/analytics-next";

// With cdnSettings the SDK does not ask Segment's servers for its settings.
export const analytics = AnalyticsBrowser.load({
  writeKey: $key,
  cdnSettings: {
    integrations: {
      "Segment.io": { apiKey: $key, apiHost: $segment_host, protocol: $protocol },
    },
  },
});

analytics.page();
analytics.identify("user-1");
analytics.track("Signed Up", { plan: "free" });
