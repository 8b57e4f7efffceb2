-- What somebody approved or denied in the last 90 days. Put the approver's email into the line with approver_email.
SELECT time, event, requester_email, account_id, role_name, group_name, permission_duration, reason, request_id
FROM audit
WHERE "timestamp" >= date_format(current_date - INTERVAL '90' DAY, '%Y/%m/%d')
  AND event IN ('approved', 'denied')
  AND lower(approver_email) = 'ann@example.com'
ORDER BY time
