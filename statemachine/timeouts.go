package statemachine

import "time"

// FunctionTimeouts are the timeouts of the functions, by name. A Task's
// TimeoutSeconds must be longer. Otherwise the Task retries while the function
// still runs.
var FunctionTimeouts = map[string]time.Duration{
	"ingress":  10 * time.Second, // Slack waits 3 s; the rest is for work after the response
	"evaluate": 20 * time.Second,
	"await":    10 * time.Second,
	"notify":   6 * time.Second, // two attempts and a pause fit into the 15 s of NotifyGranted
	"grant":    30 * time.Second,
	"revoke":   30 * time.Second,
	"audit":    15 * time.Second,
	// 10,000 accounts take 500 sequential calls. 1,000 permission set names take
	// two minutes at the rate that leaves room for grants.
	"reconcile": 10 * time.Minute,
}

// AnnounceFor limits how long a request is announced again while Slack fails, and
// evaluated again while the policy can't decide it. Both count from its creation.
// AnnounceRounds limits how often: an execution may have 25,000 events. Each round of
// announcing writes about 23, and each evaluation 13.
const (
	AnnounceFor    = 8 * time.Hour
	AnnounceRounds = 600
)

// ShowRetries is how often NotifyOutcome and NotifyRevoked are retried, so that all messages
// show how a request ended, even after an outage of Slack. With the default delays, that
// takes about three hours. Each retry writes 3 of the execution's 25,000 events.
const ShowRetries = 50

// GrantWaitFor limits how long after the decision Grant is tried again while the policy
// can't decide. GrantWaitRounds limits how often: each round writes about 7 events.
const (
	GrantWaitFor    = time.Hour
	GrantWaitRounds = 60
)

// RevokeRounds is the number of failed rounds after which a new execution
// continues a removal. An execution may have 25,000 events and last one year.
const RevokeRounds = 10
