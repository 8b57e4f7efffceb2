// Package iam makes IAM's decisions on the local stack: whether a role permits a
// function's call. It supports the part of IAM that the template uses. Reading a
// policy that uses more is an error.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
package iam

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
)

// Policy is an identity-based policy, with CloudFormation's functions resolved.
type Policy struct{ statements []statement }

type statement struct {
	deny       bool
	actions    []string
	resources  []string
	conditions []condition
}

// Request is one action on one resource.
type Request struct {
	Action   string // such as "dynamodb:GetItem"
	Resource string // ARN, or "*" if the action has no resources
	// Context has the request's other facts, by condition key. A key that is missing here
	// is missing on AWS, too.
	Context map[string][]string
}

// Parse reads the policy document of a role.
func Parse(document []byte) (Policy, error) { return parseDocument(document, false) }

// ParseBucketPolicy reads the policy document of a bucket. It supports only
// statements that deny actions to everyone.
func ParseBucketPolicy(document []byte) (Policy, error) { return parseDocument(document, true) }

func parseDocument(document []byte, ofBucket bool) (Policy, error) {
	var raw struct {
		Version   string
		Statement []map[string]json.RawMessage
	}
	if err := json.Unmarshal(document, &raw); err != nil {
		return Policy{}, fmt.Errorf("read policy: %w", err)
	}
	if raw.Version != "2012-10-17" {
		return Policy{}, fmt.Errorf("read policy: the local stack does not support version %q", raw.Version)
	}
	var p Policy
	for i, fields := range raw.Statement {
		if ofBucket {
			if err := checkDeniesEverybody(fields); err != nil {
				return Policy{}, fmt.Errorf("read policy: statement %d: %w", i, err)
			}
			delete(fields, "Principal")
		}
		s, err := parseStatement(fields)
		if err != nil {
			return Policy{}, fmt.Errorf("read policy: statement %d: %w", i, err)
		}
		p.statements = append(p.statements, s)
	}
	return p, nil
}

func checkDeniesEverybody(fields map[string]json.RawMessage) error {
	var effect string
	var principal struct{ AWS string }
	_ = json.Unmarshal(fields["Effect"], &effect)
	if err := json.Unmarshal(fields["Principal"], &principal); err != nil || principal.AWS != "*" || effect != "Deny" {
		return errors.New("the local stack supports only statements that deny to everyone")
	}
	return nil
}

func parseStatement(fields map[string]json.RawMessage) (s statement, err error) {
	for name, raw := range fields {
		switch name {
		case "Sid":
		case "Effect":
			var effect string
			if err := json.Unmarshal(raw, &effect); err != nil || effect != "Allow" && effect != "Deny" {
				return s, fmt.Errorf("the effect %s is neither Allow nor Deny", raw)
			}
			s.deny = effect == "Deny"
		case "Action":
			s.actions, err = parseOneOrMore(raw)
		case "Resource":
			s.resources, err = parseOneOrMore(raw)
		case "Condition":
			s.conditions, err = parseConditions(raw)
		default: // NotAction, NotResource, Principal
			err = errors.New("the local stack does not support this element")
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
	}
	if fields["Effect"] == nil || len(s.actions) == 0 || len(s.resources) == 0 {
		return s, errors.New("effect, action or resource is missing")
	}
	return s, nil
}

func parseOneOrMore(raw json.RawMessage) ([]string, error) {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, nil
	}
	var number json.Number // numeric operators take numbers as well
	if json.Unmarshal(raw, &number) == nil {
		return []string{number.String()}, nil
	}
	var more []string
	err := json.Unmarshal(raw, &more)
	return more, err
}

// Allowed reports whether policies together allow a request: a statement must allow
// it, and none may deny it.
func Allowed(policies []Policy, r Request) bool {
	allowed := false
	for _, p := range policies {
		for _, s := range p.statements {
			if !s.applies(r) {
				continue
			}
			if s.deny {
				return false
			}
			allowed = true
		}
	}
	return allowed
}

// Denied reports whether policies together deny a request.
func Denied(policies []Policy, r Request) bool {
	for _, p := range policies {
		for _, s := range p.statements {
			if s.deny && s.applies(r) {
				return true
			}
		}
	}
	return false
}

func (s statement) applies(r Request) bool {
	return matchesAny(s.actions, r.Action, matchesAction) && matchesAny(s.resources, r.Resource, matchesARN) && allHold(s.conditions, r.Context)
}

func matchesAny(patterns []string, value string, match func(pattern, value string) bool) bool {
	for _, pattern := range patterns {
		if match(pattern, value) {
			return true
		}
	}
	return false
}

// matchesAction compares actions. Their case doesn't matter.
func matchesAction(pattern, action string) bool {
	return matches(strings.ToLower(pattern), strings.ToLower(action))
}

// matchesARN compares ARNs part by part up to the resource. There, "*" stops at a
// colon; in the resource, it doesn't.
func matchesARN(pattern, arn string) bool {
	if pattern == "*" || pattern == arn {
		return true
	}
	patterns, parts := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
	if len(patterns) != 6 || len(parts) != 6 {
		return false
	}
	for i := range patterns {
		if !matches(patterns[i], parts[i]) {
			return false
		}
	}
	return true
}

// matches reports whether text matches a pattern with "*" (any text, or none) and
// "?" (any one character).
func matches(pattern, text string) bool {
	// path.Match has the same wildcards, but its "*" stops at "/", and "[" and "\"
	// have a meaning.
	quote := strings.NewReplacer("/", "\x00", "[", "\x01", `\`, "\x02")
	ok, err := path.Match(quote.Replace(pattern), quote.Replace(text))
	return ok && err == nil
}
