-- Requests of the last 90 days that were not granted: who decided, why, and by which rule.
SELECT time, event, requester_email, account_id, role_name, group_name, approver_email, denial_reason, detail, rule, eligible_approvers, message_permalink, request_id
FROM audit
WHERE "timestamp" >= date_format(current_date - INTERVAL '90' DAY, '%Y/%m/%d')
  AND event IN ('denied', 'expired', 'refused', 'not_granted')
ORDER BY time
