-- Refused presses of buttons in the last 90 days, and requests that ended without a press: who, what, and why.
SELECT time, event, actor_slack_id, actor_email, actor_principal_id, action, decision_reason, detail, requester_email, account_id, role_name, group_name, request_id
FROM audit
WHERE "timestamp" >= date_format(current_date - INTERVAL '90' DAY, '%Y/%m/%d')
  AND (event = 'press_refused'
    OR actor_slack_id = 'unknown'
    OR decision_reason = 'ExecutionGone')
ORDER BY time
