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
	// invocations is how many invocations come before the memory is measured.
	invocations = 10
)

// The targets. MB are millions of bytes, the unit in which AWS states a package's
// size.
const (
	pollTarget     = 12 * time.Millisecond
	answerTarget   = 30 * time.Millisecond
	binaryTarget   = 14_000_000
	residentTarget = 22_000_000
)

// firstEvents has each function's event for the measurement: the first one in a
// request's life that makes the function do its work.
var firstEvents = map[string]func(*stub) []byte{
	"ingress":   func(s *stub) []byte { return signEvent(slackRequests()[0].body(s)) },
	"evaluate":  func(*stub) []byte { return taskEvent("evaluate", openRequest) },
	"await":     func(*stub) []byte { return taskEvent("approval", openRequest) },
	"notify":    func(*stub) []byte { return taskEvent("announce", openRequest) },
	"grant":     func(*stub) []byte { return taskEvent("start", approvedOne) },
	"revoke":    func(*stub) []byte { return taskEvent("start", grantedRequest) },
	"audit":     func(*stub) []byte { return taskEvent("granted", grantedRequest) },
	"reconcile": func(*stub) []byte { return taskEvent("look", "") },
}

// start has the times of one cold start.
type start struct{ poll, answer time.Duration }

// measureColdStart starts the function, and gives it the event as soon as it polls.
func measureColdStart(binary string, s *stub, event []byte) (start, reply, error) {
	f, err := startFunction(binary, environment(s))
	if err != nil {
		return start{}, reply{}, err
	}
	defer f.stop()
	answer, _, err := f.invoke(event)
	if err != nil {
		return start{}, reply{}, fmt.Errorf("%w\n%s", err, f.stopAndReadLog())
	}
	poll, err := f.awaitFirstPoll()
	if err != nil {
		return start{}, reply{}, err
	}
	return start{poll, answer.at.Sub(f.started)}, answer, f.checkComplaints()
}

// measureResident returns the function's memory after some invocations.
func measureResident(binary string, s *stub, event func(*stub) []byte) (int64, error) {
	f, err := startFunction(binary, environment(s))
	if err != nil {
		return 0, err
	}
	defer f.stop()
	for range invocations {
		if _, _, err := f.invoke(event(s)); err != nil {
			return 0, fmt.Errorf("%w\n%s", err, f.stopAndReadLog())
		}
	}
	bytes, err := f.residentMemory()
	return bytes, errors.Join(err, f.checkComplaints())
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
			took, _, err := measureColdStart(b.path(name), s, event(s))
			if err != nil {
				return nil, fmt.Errorf("start %s: %w", name, err)
			}
			toPoll, toAnswer = append(toPoll, took.poll), append(toAnswer, took.answer)
		}
		polls = append(polls, durationLine("cold start ► first poll: "+name, median(toPoll), pollTarget))
		answers = append(answers, durationLine("cold start ► first answer: "+name, median(toAnswer), answerTarget))
		sizes = append(sizes, bytesLine("binary (arm64): "+name, b.arm64[name], binaryTarget))
		var resident []int64
		for range residentRuns {
			bytes, err := measureResident(b.path(name), s, event)
			if err != nil {
				return nil, fmt.Errorf("memory of %s: %w", name, err)
			}
			resident = append(resident, bytes)
		}
		slices.Sort(resident)
		memory = append(memory, bytesLine(fmt.Sprintf("resident after %d invocations: %s", invocations, name), resident[len(resident)/2], residentTarget))
	}
	return slices.Concat(polls, answers, sizes, memory), s.checkComplaints()
}

// bytesLine returns a line with a target in bytes.
func bytesLine(measure string, bytes, most int64) line {
	megabytes := func(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
	return line{measure, megabytes(most), megabytes(bytes), judge(bytes <= most)}
}
