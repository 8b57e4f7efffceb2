-- Access of the last 30 days that needed no other person's approval, and the rule that allowed it.
SELECT time, requester_email, account_id, role_name, group_name, decision_reason, decision_statements, policy_digest, reason, request_id
FROM audit
WHERE "timestamp" >= date_format(current_date - INTERVAL '30' DAY, '%Y/%m/%d')
  AND event = 'granted'
  AND decision_reason IN ('ApprovalNotRequired', 'SelfApproval')
ORDER BY time
