package reconcile

import (
	"context"
	"crypto/rand"
	"regexp"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/leavers"
	"sso-elevator/slack"
)

type invokeFunc func(*lambda.InvokeInput) error

func (f invokeFunc) Invoke(_ context.Context, in *lambda.InvokeInput, _ ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	return &lambda.InvokeOutput{}, f(in)
}

func TestShow(t *testing.T) {
	const function = "arn:aws:lambda:eu-west-1:123456789012:function:sso-elevator-notify:live"
	var asked string
	var answer error
	h, err := New(Settings{NotifyFunction: function}, Clients{
		Lambda: invokeFunc(func(in *lambda.InvokeInput) error {
			asked = *in.FunctionName + " " + string(in.InvocationType) + " " + string(in.Payload)
			return answer
		}),
	}, host.Process{Metrics: &host.Emitter{}})
	if err != nil {
		t.Fatal(err)
	}
	ask := h.People.(*leavers.Checker).Show
	if err := ask(t.Context(), "r-1"); err != nil {
		t.Errorf("got %v, want none", err)
	}
	if want := function + ` Event {"operation":"drift_question","run":"r-1"}`; asked != want {
		t.Errorf("asked %s, want %s", asked, want)
	}
	answer = &smithy.GenericAPIError{Code: "TooManyRequestsException", Message: "no"}
	if err := ask(t.Context(), "r-1"); access.CodeOf(err) != access.CodeThrottled {
		t.Errorf("got %v, want Throttled", err)
	}
}

// The name of a run that asks fits into a key and a button's value, and no one can
// predict it.
func TestNewRunID(t *testing.T) {
	one, two := newRunID(noon, rand.Text()), newRunID(noon, rand.Text())
	if one == two || !regexp.MustCompile(`^2026-03-02-1200-gone-[a-z2-7]{26}$`).MatchString(one) {
		t.Errorf("got %q and %q", one, two)
	}
}

// A question is closed once the update with the answer is recorded.
func TestShowsAnswer(t *testing.T) {
	h, err := New(Settings{}, Clients{}, host.Process{Metrics: &host.Emitter{}})
	if err != nil {
		t.Fatal(err)
	}
	run := access.Run{ID: "r-1", Guard: access.GuardGone, Removals: 11, People: 11, StartedAt: noon}
	asked := slack.DriftQuestionMessage(run, []access.Finding{{UserName: "ann"}}, nil)
	run.Answer = &access.RunAnswer{At: noon}
	answered := slack.DriftQuestionMessage(run, nil, nil)
	for name, tt := range map[string]struct {
		post access.Post
		want bool
	}{
		"the question":   {access.Post{TS: "1.1", Digest: asked.Digest()}, false},
		"the answer":     {access.Post{TS: "1.1", Digest: answered.Digest()}, true},
		"nobody knows":   {access.Post{TS: "1.1"}, false},
		"it isn't there": {access.Post{}, false},
	} {
		run.Posts = map[string]access.Post{asked.Purpose: tt.post}
		if got := h.People.(*leavers.Checker).ShowsAnswer(run); got != tt.want {
			t.Errorf("%s: got %t, want %t", name, got, tt.want)
		}
	}
}
