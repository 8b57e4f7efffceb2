-- Everything that happened to one person's requests in the last 90 days. Replace the address in the line with requester_email.
SELECT request_id, sequence, time, event, actor_email, account_id, account_name, role_name, group_name, reason, decision_reason, removal, detail
FROM audit
WHERE "timestamp" >= date_format(current_date - INTERVAL '90' DAY, '%Y/%m/%d')
  AND lower(requester_email) = 'jane@example.com'
ORDER BY request_id, sequence
