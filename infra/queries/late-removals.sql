-- Access of the last 90 days that was gone more than two minutes after its planned end. Records of earlier releases have no planned end.
SELECT requester_email, account_id, role_name, group_name, ends_at, time AS gone_at, removal, aws_delete_request_id, request_id
FROM audit
WHERE "timestamp" >= date_format(current_date - INTERVAL '90' DAY, '%Y/%m/%d')
  AND event = 'revoked'
  AND from_iso8601_timestamp(time) > from_iso8601_timestamp(nullif(ends_at, 'NA')) + INTERVAL '2' MINUTE
ORDER BY gone_at
