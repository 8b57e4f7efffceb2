-- Unknown access of the last 90 days: when it was found and removed, and who agreed to a removal that needed consent.
SELECT time, event, account_id, account_name, role_name, group_name, sso_user_principal_id, detail, approver_email, decision_reason, request_id
FROM audit
WHERE "timestamp" >= date_format(current_date - INTERVAL '90' DAY, '%Y/%m/%d')
  AND event IN ('drift_found', 'drift_revoked')
ORDER BY time
