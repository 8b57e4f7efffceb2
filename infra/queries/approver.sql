-- Requests that one person approved or denied in the last 90 days. Replace the address in the line with approver_email.
SELECT time, event, requester_email, account_id, role_name, group_name, permission_duration, reason, request_id
FROM audit
WHERE "timestamp" >= date_format(current_date - INTERVAL '90' DAY, '%Y/%m/%d')
  AND event IN ('approved', 'denied', 'approval_given', 'approval_taken_back')
  AND lower(approver_email) = 'ann@example.com'
ORDER BY time
