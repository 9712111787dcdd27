// npm install posthog-js
import posthog from "posthog-js";

posthog.init($key, {
  api_host: $host,
  // Only events: Brokerlytics has no feature flags, session replay or surveys.
  advanced_disable_flags: true,
  disable_external_dependency_loading: true,
  disable_session_recording: true,
  disable_surveys: true,
  // Single-page applications: capture a page view on every change of the address.
  capture_pageview: "history_change",
});

posthog.identify("user-1");
posthog.capture("Signed Up", { plan: "free" });
