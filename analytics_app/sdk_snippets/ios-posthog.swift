// Swift package: https://github.com/PostHog/posthog-ios, version 3
import PostHog

let config = PostHogConfig(apiKey: $key, host: $host)
config.preloadFeatureFlags = false
config.sendFeatureFlagEvent = false
PostHogSDK.shared.setup(config)

PostHogSDK.shared.identify("user-1")
PostHogSDK.shared.capture("Signed Up", properties: ["plan": "free"])
