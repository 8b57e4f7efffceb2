-- Removals of the last 90 days that failed at first: why, and when the access was gone. If gone_at is empty, the access may still exist.
WITH gone AS (
  SELECT request_id, min(from_iso8601_timestamp(time)) AS gone_at
  FROM audit
  WHERE event = 'revoked'
  GROUP BY request_id
)
SELECT min(from_iso8601_timestamp(time)) AS failed, gone_at, requester_email, account_id, role_name, group_name, max(detail) AS why, request_id
FROM audit
LEFT JOIN gone USING (request_id)
WHERE "timestamp" >= date_format(current_date - INTERVAL '90' DAY, '%Y/%m/%d')
  AND event = 'revoke_failed'
GROUP BY request_id, gone_at, requester_email, account_id, role_name, group_name
ORDER BY failed
