curl -u $shell_user -H 'Content-Type: application/json' $shell_events_url \
  -d '[{"event_type": "Signed Up", "user_id": "user-1", "properties": {"plan": "free"}}]'
