package statemachine

import "time"

// FunctionTimeouts is how long each function may run, by its name. A Task's
// TimeoutSeconds must exceed it: a Task that gives up first would be tried
// again while the function still runs.
var FunctionTimeouts = map[string]time.Duration{
	"ingress":  10 * time.Second, // Slack hangs up after 3 s; the rest is for what follows the answer
	"evaluate": 20 * time.Second,
	"await":    10 * time.Second,
	"notify":   6 * time.Second, // two tries and a pause fit into the 15 s that telling people may take
	"grant":    30 * time.Second,
	"revoke":   30 * time.Second,
	"audit":    15 * time.Second,
	// 10,000 accounts are 500 calls one after the other, and 1,000 names of
	// permission sets take two minutes at the pace that leaves room for grants.
	"reconcile": 10 * time.Minute,
}

// AnnounceFor is how long at most a request is announced again and again while
// Slack does not take it, and AnnounceRounds is how often: an execution may have
// 25,000 events, and each round writes about 23.
const (
	AnnounceFor    = 8 * time.Hour
	AnnounceRounds = 600
)

// RevokeRounds is after how many rounds of a removal that does not succeed a
// fresh execution goes on: an execution may have 25,000 events and one year.
const RevokeRounds = 10
