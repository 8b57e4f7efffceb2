-- Each approval of access that was granted in the last 90 days: by whom, when, by which rule, and who else could have approved.
SELECT split_part(approval, ' ', 1) AS approver, split_part(approval, ' ', 2) AS approved_at, time AS granted_at, ends_at, requester_email, account_id, role_name, group_name, rule, eligible_approvers, message_permalink, request_id
FROM audit
CROSS JOIN UNNEST(split(approvals, ',')) AS one (approval)
WHERE "timestamp" >= date_format(current_date - INTERVAL '90' DAY, '%Y/%m/%d')
  AND event = 'granted'
  AND approvals <> 'NA'
ORDER BY approved_at
