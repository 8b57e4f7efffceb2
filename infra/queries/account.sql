-- Who had access to an account on a day (UTC), and who approved it. Replace the account and the day in the lines below.
WITH asked AS (
  SELECT '111111111111' AS account, TIMESTAMP '2026-01-31 00:00:00 UTC' AS on_day
), gone AS (
  SELECT request_id, min(from_iso8601_timestamp(time)) AS gone_at
  FROM audit
  WHERE event = 'revoked'
  GROUP BY request_id
)
SELECT requester_email, role_name, approver_email, approvers, reason, from_iso8601_timestamp(time) AS since, gone_at, request_id
FROM audit
CROSS JOIN asked
LEFT JOIN gone USING (request_id)
WHERE event = 'granted'
  AND account_id = account
  AND from_iso8601_timestamp(time) < on_day + INTERVAL '1' DAY
  AND (gone_at IS NULL OR gone_at >= on_day)
ORDER BY since
