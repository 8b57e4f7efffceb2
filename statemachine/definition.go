// Package statemachine holds the workflows as AWS Step Functions runs them. The
// definitions are files that a person can open: request.asl.json, one execution
// per request, and reconcile.asl.json, which clears up and finds what no request
// granted. The names and numbers that only a deployment knows stand in them as
// placeholders, and this package fills them in.
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

// RequestPlaceholders are the placeholders of request.asl.json: each field is
// written there as ${Field}. All of them must be set, numbers to at least 1.
type RequestPlaceholders struct {
	Partition string // of AWS, as in ARNs: "aws", "aws-us-gov", "aws-cn"

	// What the Tasks invoke: a name or an ARN, with its alias.
	EvaluateFunction string
	AwaitFunction    string
	NotifyFunction   string
	GrantFunction    string
	RevokeFunction   string
	AuditFunction    string

	RetryIntervalSeconds   int // before the first retry
	RetryMaxDelaySeconds   int // between any two retries of a failing call
	ConfirmMaxDelaySeconds int // between any two looks at an operation under way
	RevokeWaitSeconds      int // between two rounds of a removal that does not succeed
	AnnounceWaitSeconds    int // before Slack is tried again
	RevokeRounds           int // of a removal, before a fresh execution goes on
}

// Render is the definition with the placeholders filled in: valid JSON. It
// reports all that is wrong at once: a field that is not set or not used, a
// placeholder without a field, a number that does not stand alone in its
// quotes.
func (p RequestPlaceholders) Render() (string, error) {
	return render(requestSource, reflect.ValueOf(p))
}

// ReconcilePlaceholders are those of reconcile.asl.json.
type ReconcilePlaceholders struct {
	Partition string // as for the request machine

	ReconcileFunction string
	EvaluateFunction  string
	AwaitFunction     string
	NotifyFunction    string
	RevokeFunction    string
	AuditFunction     string

	RetryIntervalSeconds   int // before the first retry
	RetryMaxDelaySeconds   int // between any two retries of a failing call
	ConfirmMaxDelaySeconds int // between any two looks at an operation under way
	QuestionSeconds        int // until a person's answer is not waited for any more
}

// Render is the definition with the placeholders filled in, as for the request
// machine.
func (p ReconcilePlaceholders) Render() (string, error) {
	return render(reconcileSource, reflect.ValueOf(p))
}

// placeholder is a JSON string that is nothing but a placeholder, or a
// placeholder inside a longer one.
var placeholder = regexp.MustCompile(`"\$\{(\w+)\}"|\$\{(\w+)\}`)

// render fills source's placeholders with the fields of values, a struct of
// strings and ints, in one pass: what is filled in is not looked at again, so
// that a value may itself look like a placeholder (the CDK's tokens do).
func render(source string, values reflect.Value) (string, error) {
	var mistakes []error
	mistake := func(format string, args ...any) {
		mistakes = append(mistakes, fmt.Errorf(format, args...))
	}

	used := map[string]bool{}
	rendered := placeholder.ReplaceAllStringFunc(source, func(found string) string {
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

// quote is s as a JSON string, without escaping what JSON need not escape.
func quote(s string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	// A string always encodes, and a strings.Builder always takes it.
	_ = encoder.Encode(s)
	return strings.TrimSuffix(b.String(), "\n")
}
