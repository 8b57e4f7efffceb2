-- Access of the last 90 days whose requester was found in Identity Center only under a fallback domain.
SELECT time, requester_email, sso_user_principal_id, account_id, role_name, group_name, approver_email, reason, request_id
FROM audit
WHERE "timestamp" >= date_format(current_date - INTERVAL '90' DAY, '%Y/%m/%d')
  AND event = 'granted'
  AND secondary_domain_was_used = 'true'
ORDER BY time
