package main

import (
	"errors"
	"fmt"
	"time"
)

// What is to be reached by ingress when it is warm.
const (
	warmMedianTarget = 2 * time.Millisecond
	warmP99Target    = 10 * time.Millisecond
)

const (
	warmUps      = 20
	warmRequests = 400
)

// measureIngress measures the answers of one warm process: what it keeps for a
// minute it has.
func measureIngress(b *binaries) ([]line, error) {
	rows := requestRows(time.Now().UTC())
	s, err := newStub(smallWorld(), rows, leaseRows(rows))
	if err != nil {
		return nil, err
	}
	defer s.close()
	f, err := startFunction(b.path("ingress"), environment(s))
	if err != nil {
		return nil, err
	}
	defer f.stop()
	var lines []line
	for _, request := range slackRequests() {
		times, err := f.slack(s, request, warmUps, warmRequests)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", request.kind, err)
		}
		lines = append(lines, percentiles("ingress, warm: "+request.kind, times))
	}
	return lines, errors.Join(f.complaint(), s.complaint())
}

// slack makes a request again and again; the first ones don't count.
func (r *running) slack(s *stub, request slackRequest, uncounted, counted int) ([]time.Duration, error) {
	var times []time.Duration
	before := s.counted(request.calls)
	for i := range uncounted + counted {
		answer, took, err := r.invoke(signed(request.body(s)))
		if err == nil {
			err = answered(answer.body, request.want)
		}
		if err != nil {
			return nil, fmt.Errorf("%w\n%s", err, r.said())
		}
		if i >= uncounted {
			times = append(times, took)
		}
	}
	if got := s.counted(request.calls) - before; request.calls != "" && got != uncounted+counted {
		return nil, fmt.Errorf("%d requests led to %d calls of %s\n%s", uncounted+counted, got, request.calls, r.said())
	}
	return times, nil
}

func percentiles(measure string, times []time.Duration) line {
	p50, p99 := median(times), percentile(times, 99)
	return line{
		measure + ": p50, p99", span(warmMedianTarget) + ", " + span(warmP99Target),
		span(p50) + ", " + span(p99), judge(p50 <= warmMedianTarget && p99 <= warmP99Target),
	}
}
