-- Access that was granted and, according to the records, not removed yet. The oldest grant comes first.
SELECT time, requester_email, account_id, role_name, group_name, permission_duration, approver_email, approvers, reason, request_id
FROM audit
WHERE event = 'granted'
  AND request_id NOT IN (SELECT request_id FROM audit WHERE event = 'revoked')
ORDER BY time
