package main

import (
	"errors"
	"fmt"
	"time"
)

// The targets of a warm ingress.
const (
	warmMedianTarget = 2 * time.Millisecond
	warmP99Target    = 10 * time.Millisecond
)

const (
	warmUps      = 20
	warmRequests = 400
)

// measureIngress measures the answers of one warm process, which has already cached
// everything that it keeps for a minute.
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
		times, err := f.repeat(s, request, warmUps, warmRequests)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", request.kind, err)
		}
		lines = append(lines, percentilesLine("ingress, warm: "+request.kind, times))
	}
	return lines, errors.Join(f.checkComplaints(), s.checkComplaints())
}

// repeat sends a request many times. The first ones don't count.
func (r *running) repeat(s *stub, request slackRequest, uncounted, counted int) ([]time.Duration, error) {
	var times []time.Duration
	before := s.countOf(request.calls)
	for i := range uncounted + counted {
		answer, took, err := r.invoke(signEvent(request.body(s)))
		if err == nil {
			err = checkAnswer(answer.body, request.want)
		}
		if err != nil {
			return nil, fmt.Errorf("%w\n%s", err, r.stopAndReadLog())
		}
		if i >= uncounted {
			times = append(times, took)
		}
	}
	if got := s.countOf(request.calls) - before; request.calls != "" && got != uncounted+counted {
		return nil, fmt.Errorf("%d requests led to %d calls of %s\n%s", uncounted+counted, got, request.calls, r.stopAndReadLog())
	}
	return times, nil
}

func percentilesLine(measure string, times []time.Duration) line {
	p50, p99 := median(times), percentile(times, 99)
	return line{
		measure + ": p50, p99", formatDuration(warmMedianTarget) + ", " + formatDuration(warmP99Target),
		formatDuration(p50) + ", " + formatDuration(p99), judge(p50 <= warmMedianTarget && p99 <= warmP99Target),
	}
}
