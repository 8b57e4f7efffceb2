-- Access that was granted and, as far as the records go, not removed yet; the longest there is first.
SELECT time, requester_email, account_id, role_name, group_name, permission_duration, approver_email, reason, request_id
FROM audit
WHERE event = 'granted'
  AND request_id NOT IN (SELECT request_id FROM audit WHERE event = 'revoked')
ORDER BY time
