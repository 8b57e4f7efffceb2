package main

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	coldStarts   = 20
	residentRuns = 5
	// invocations is after how many the memory is looked at.
	invocations = 10
)

// What is to be reached. MB are millions of bytes, as AWS states the size of a
// package.
const (
	pollTarget     = 12 * time.Millisecond
	answerTarget   = 30 * time.Millisecond
	binaryTarget   = 14_000_000
	residentTarget = 22_000_000
)

// firstEvents is, for each function, the event that it is measured with: the one
// that comes first in the life of a request, of those that do its work.
var firstEvents = map[string]func(*stub) []byte{
	"ingress":   func(s *stub) []byte { return signed(slackRequests()[0].body(s)) },
	"evaluate":  func(*stub) []byte { return task("evaluate", openRequest) },
	"await":     func(*stub) []byte { return task("approval", openRequest) },
	"notify":    func(*stub) []byte { return task("announce", openRequest) },
	"grant":     func(*stub) []byte { return task("start", approvedOne) },
	"revoke":    func(*stub) []byte { return task("start", grantedRequest) },
	"audit":     func(*stub) []byte { return task("granted", grantedRequest) },
	"reconcile": func(*stub) []byte { return task("look", "") },
}

// start is one cold start.
type start struct{ poll, answer time.Duration }

// coldStart starts the function and hands it its event as soon as it asks.
func coldStart(binary string, s *stub, event []byte) (start, reply, error) {
	f, err := startFunction(binary, environment(s))
	if err != nil {
		return start{}, reply{}, err
	}
	defer f.stop()
	answer, _, err := f.invoke(event)
	if err != nil {
		return start{}, reply{}, fmt.Errorf("%w\n%s", err, f.said())
	}
	poll, err := f.firstPoll()
	if err != nil {
		return start{}, reply{}, err
	}
	return start{poll, answer.at.Sub(f.started)}, answer, f.complaint()
}

// residentAfter is the memory of the function after so many invocations.
func residentAfter(binary string, s *stub, event func(*stub) []byte) (int64, error) {
	f, err := startFunction(binary, environment(s))
	if err != nil {
		return 0, err
	}
	defer f.stop()
	for range invocations {
		if _, _, err := f.invoke(event(s)); err != nil {
			return 0, fmt.Errorf("%w\n%s", err, f.said())
		}
	}
	bytes, err := f.resident()
	return bytes, errors.Join(err, f.complaint())
}

func measureFunctions(b *binaries) ([]line, error) {
	rows := requestRows(time.Now().UTC())
	s, err := newStub(smallWorld(), rows, leaseRows(rows))
	if err != nil {
		return nil, err
	}
	defer s.close()
	var polls, answers, sizes, memory []line
	for _, name := range b.names {
		event, ok := firstEvents[name]
		if !ok {
			return nil, fmt.Errorf("there is no event to measure the function %s with", name)
		}
		var toPoll, toAnswer []time.Duration
		for range coldStarts {
			took, _, err := coldStart(b.path(name), s, event(s))
			if err != nil {
				return nil, fmt.Errorf("start %s: %w", name, err)
			}
			toPoll, toAnswer = append(toPoll, took.poll), append(toAnswer, took.answer)
		}
		polls = append(polls, within("cold start ► first poll: "+name, median(toPoll), pollTarget))
		answers = append(answers, within("cold start ► first answer: "+name, median(toAnswer), answerTarget))
		sizes = append(sizes, atMost("binary (arm64): "+name, b.arm64[name], binaryTarget))
		var resident []int64
		for range residentRuns {
			bytes, err := residentAfter(b.path(name), s, event)
			if err != nil {
				return nil, fmt.Errorf("memory of %s: %w", name, err)
			}
			resident = append(resident, bytes)
		}
		slices.Sort(resident)
		memory = append(memory, atMost(fmt.Sprintf("resident after %d invocations: %s", invocations, name), resident[len(resident)/2], residentTarget))
	}
	return slices.Concat(polls, answers, sizes, memory), s.complaint()
}

// atMost is a line whose figure has to be at most so many bytes.
func atMost(measure string, bytes, most int64) line {
	megabytes := func(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
	return line{measure, megabytes(most), megabytes(bytes), judge(bytes <= most)}
}
