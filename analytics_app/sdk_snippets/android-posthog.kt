// build.gradle.kts: implementation("com.posthog:posthog-android:3.+")
import com.posthog.PostHog
import com.posthog.android.PostHogAndroid
import com.posthog.android.PostHogAndroidConfig

// In Application.onCreate().
val config = PostHogAndroidConfig(apiKey = $key, host = $host).apply {
    preloadFeatureFlags = false
    sendFeatureFlagEvent = false
}
PostHogAndroid.setup(this, config)

PostHog.identify("user-1")
PostHog.capture("Signed Up", properties = mapOf("plan" to "free"))
