// Swift package: https://github.com/segmentio/analytics-swift
import Segment

// The settings are given here, so that the SDK does not need Segment's servers.
let configuration = Configuration(writeKey: $key)
    .apiHost($segment_host)
    .cdnHost($segment_host)
    .defaultSettings(Settings(writeKey: $key, apiHost: $segment_host))
    .trackApplicationLifecycleEvents(true)
let analytics = Analytics(configuration: configuration)

analytics.identify(userId: "user-1")
analytics.track(name: "Signed Up", properties: ["plan": "free"])
