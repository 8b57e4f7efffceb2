-- AWS's request ids of access that came or went in the last 30 days, for a search in CloudTrail (requestID).
SELECT time, event, requester_email, account_id, role_name, permission_set_arn, group_name, group_membership_id, aws_create_request_id, aws_delete_request_id, request_id
FROM audit
WHERE "timestamp" >= date_format(current_date - INTERVAL '30' DAY, '%Y/%m/%d')
  AND event IN ('granted', 'revoked', 'drift_revoked')
ORDER BY time
