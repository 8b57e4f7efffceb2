package access

import "time"

// LongestReminderInterval bounds the time between two reminders to approvers.
const LongestReminderInterval = 24 * time.Hour
