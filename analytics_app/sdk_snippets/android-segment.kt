// build.gradle.kts: implementation("com.segment.analytics.kotlin:android:1.+")
import com.segment.analytics.kotlin.android.Analytics
import com.segment.analytics.kotlin.core.Settings
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonObject

// In Application.onCreate(). The settings are given here, so that the SDK does not need Segment's servers.
val analytics = Analytics($key, applicationContext) {
    apiHost = $segment_host
    cdnHost = $segment_host
    defaultSettings = Settings(
        integrations = buildJsonObject {
            putJsonObject("Segment.io") {
                put("apiKey", $key)
                put("apiHost", $segment_host)
            }
        },
    )
    trackApplicationLifecycleEvents = true
}

analytics.identify("user-1")
analytics.track("Signed Up", buildJsonObject { put("plan", "free") })
