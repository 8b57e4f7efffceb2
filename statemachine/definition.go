// Package statemachine holds the workflows that AWS Step Functions runs. Each is a
// JSON file. request.asl.json runs one execution per request. reconcile.asl.json
// finishes requests whose execution is gone, and searches for unknown access.
//
// This package fills in the placeholders of both files: the names and numbers of
// a deployment, and the retries that many Tasks share.
package statemachine

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

//go:embed request.asl.json
var requestSource string

//go:embed reconcile.asl.json
var reconcileSource string

// RequestPlaceholders are the values that a deployment gives request.asl.json.
// The file names each field as ${Field}. All fields must be set, numbers to at
// least 1.
type RequestPlaceholders struct {
	Partition string // the AWS partition, as in ARNs: "aws", "aws-us-gov", "aws-cn"

	// The functions that the Tasks invoke: each is a name or an ARN, with its alias.
	EvaluateFunction string
	AwaitFunction    string
	NotifyFunction   string
	GrantFunction    string
	RevokeFunction   string
	AuditFunction    string

	RetryIntervalSeconds   int // before the first retry
	RetryMaxDelaySeconds   int // the longest wait between two retries
	ConfirmMaxDelaySeconds int // the longest wait between two checks of a running operation
	ShowMaxDelaySeconds    int // the longest wait between two attempts to show how a request ended
	RevokeWaitSeconds      int // between two rounds of a removal that fails
	AnnounceWaitSeconds    int // before Slack is tried again
	RevokeRounds           int // rounds of a removal before a new execution continues
}

// Render returns request.asl.json with all placeholders filled in, as valid
// JSON. Its error lists every mistake: a field that is not set or not used, a
// placeholder without a field, a number that is only part of a string.
func (p RequestPlaceholders) Render() (string, error) {
	return render(requestSource, reflect.ValueOf(p))
}

// ReconcilePlaceholders are the values that a deployment gives
// reconcile.asl.json. The rules of RequestPlaceholders apply.
type ReconcilePlaceholders struct {
	Partition string // the AWS partition, as in ARNs

	ReconcileFunction string
	EvaluateFunction  string
	AwaitFunction     string
	NotifyFunction    string
	RevokeFunction    string
	AuditFunction     string

	RetryIntervalSeconds   int // before the first retry
	RetryMaxDelaySeconds   int // the longest wait between two retries
	ConfirmMaxDelaySeconds int // the longest wait between two checks of a running operation
	QuestionSeconds        int // how long a run waits for a person's answer
}

// Render returns reconcile.asl.json with all placeholders filled in. Its errors
// are those of RequestPlaceholders.Render.
func (p ReconcilePlaceholders) Render() (string, error) {
	return render(reconcileSource, reflect.ValueOf(p))
}

// placeholder matches a JSON string that is only a placeholder, or a
// placeholder inside a longer string.
var placeholder = regexp.MustCompile(`"\$\{(\w+)\}"|\$\{(\w+)\}`)

// render fills in the shared retries, then the fields of values, a struct of
// strings and ints. It replaces the fields in one pass, because a value may look
// like a placeholder: the CDK's tokens do.
func render(source string, values reflect.Value) (string, error) {
	var mistakes []error
	mistake := func(format string, args ...any) {
		mistakes = append(mistakes, fmt.Errorf(format, args...))
	}

	used := map[string]bool{}
	rendered := placeholder.ReplaceAllStringFunc(FillRetries(source), func(found string) string {
		alone := found[0] == '"'
		name := strings.Trim(found, `"${}`)
		value := values.FieldByName(name)
		if !value.IsValid() {
			mistake("placeholder ${%s} has no value", name)
			return found
		}
		used[name] = true
		switch {
		case value.Kind() == reflect.Int && alone:
			return strconv.FormatInt(value.Int(), 10)
		case value.Kind() == reflect.Int:
			mistake("placeholder ${%s} is a number and must stand alone in its quotes", name)
			return found
		case alone:
			return quote(value.String())
		default:
			quoted := quote(value.String())
			return quoted[1 : len(quoted)-1]
		}
	})

	for i := range values.NumField() {
		name, value := values.Type().Field(i).Name, values.Field(i)
		switch {
		case !used[name]:
			mistake("the definition has no placeholder ${%s}", name)
		case value.Kind() == reflect.Int && value.Int() < 1:
			mistake("%s is %d, want at least 1", name, value.Int())
		case value.Kind() == reflect.String && value.String() == "":
			mistake("%s is not set", name)
		}
	}
	if len(mistakes) == 0 && !json.Valid([]byte(rendered)) {
		mistake("the definition is not valid JSON")
	}
	if err := errors.Join(mistakes...); err != nil {
		return "", fmt.Errorf("render state machine: %w", err)
	}
	return rendered, nil
}

// quote returns s as a JSON string. It escapes only what JSON requires.
func quote(s string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	// Encoding a string never fails, and neither does writing to a strings.Builder.
	_ = encoder.Encode(s)
	return strings.TrimSuffix(b.String(), "\n")
}
