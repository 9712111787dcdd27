curl -u $shell_user -H 'Content-Type: application/json' $shell_batch_url \
  -d '{"batch": [{"type": "track", "userId": "user-1", "event": "Signed Up", "properties": {"plan": "free"}}]}'
