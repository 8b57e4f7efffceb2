package main

import (
	"errors"
	"fmt"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// The targets for the largest supported world.
const (
	largeColdTarget = 150 * time.Millisecond
	largeWarmTarget = 15 * time.Millisecond
)

// largeRequests returns the request that opens the form, and one for each key typed
// into its selects.
func largeRequests() []slackRequest {
	requests := []slackRequest{slackRequests()[0]}
	requests[0].kind = "form opened"
	key := func(what, action, typed, want string) {
		chosen := access.Target{Kind: access.KindAccount, AccountID: largeAccount(4321)}
		requests = append(requests, slackRequest{
			kind: fmt.Sprintf("%s select, typed %q", what, typed), want: want,
			body: func(*stub) string { return suggestionBody(action, typed, chosen) },
		})
	}
	const word = "workload-04321"
	for _, end := range []int{0, 1, 2, 4, 8, 10, 12, len(word)} {
		key("account", slack.ActionAccount, word[:end], `"value":"`)
	}
	key("account", slack.ActionAccount, largeAccount(4321), largeAccount(4321))
	key("account", slack.ActionAccount, "no account has this name", `"options":[]`)
	for _, typed := range []string{"", "P", "Permission", "Set432"} {
		key("permission set", slack.ActionPermissionSet, typed, largeSet(432))
	}
	key("group", slack.ActionGroup, "a", smallGroup)
	return requests
}

// measureLarge measures every request twice: from the start of a new process, and
// in a process that has answered before.
func measureLarge(b *binaries) ([]line, error) {
	rows := requestRows(time.Now().UTC())
	s, err := newStub(largeWorld(), rows, leaseRows(rows))
	if err != nil {
		return nil, err
	}
	defer s.close()
	warm, err := startFunction(b.path("ingress"), environment(s))
	if err != nil {
		return nil, err
	}
	defer warm.stop()
	const size = "full size"
	var colds, warms []line
	for _, request := range largeRequests() {
		var times []time.Duration
		for range coldStarts {
			took, answer, err := measureColdStart(b.path("ingress"), s, signEvent(request.body(s)))
			if err == nil {
				err = checkAnswer(answer.body, request.want)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", request.kind, err)
			}
			times = append(times, took.answer)
		}
		colds = append(colds, durationLine(size+", cold: "+request.kind, median(times), largeColdTarget))
		if times, err = warm.repeat(s, request, warmUps/4, warmRequests/4); err != nil {
			return nil, fmt.Errorf("%s: %w", request.kind, err)
		}
		warms = append(warms, durationLine(size+", warm: "+request.kind, median(times), largeWarmTarget))
	}
	return append(colds, warms...), errors.Join(warm.checkComplaints(), s.checkComplaints())
}
