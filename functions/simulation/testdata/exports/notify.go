package notify

import "time"

// Remembering is what main makes of Slack's client.
func Remembering(s Slack, now func() time.Time) Slack { return &members{Slack: s, now: now} }
