package local

import (
	"context"
	"errors"
	"testing"

	"sso-elevator/functions/schedule"
	"sso-elevator/infra/local/lambda"
	player "sso-elevator/infra/local/schedule"
)

// invoked is a function that responds, or can't be invoked.
type invoked struct {
	result lambda.Result
	err    error
}

func (i invoked) Invoke(context.Context, string, string, []byte) (lambda.Result, error) {
	return i.result, i.err
}

func TestFirstCatalog(t *testing.T) {
	for name, test := range map[string]struct {
		invoked
		payload string
		isEnd   bool
		why     string
	}{
		"there is one":             {payload: `{"operation":"catalog"}`, isEnd: true},
		"the function fails":       {invoked: invoked{result: lambda.Result{Error: "Unhandled", Payload: []byte(`{"errorType":"Misconfigured"}`)}}, payload: `{"operation":"catalog"}`, isEnd: true, why: `{"errorType":"Misconfigured"}`},
		"it can't be invoked":      {invoked: invoked{err: errors.New("no such function")}, payload: `{"operation":"catalog"}`, isEnd: true, why: "no such function"},
		"another operation":        {payload: `{"operation":"look"}`},
		"nothing that makes sense": {payload: `catalog`},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFirstCatalog(test.invoked)
			for range 3 { // nobody waits for the later ones
				if got, err := f.Invoke(t.Context(), "reconcile", "live", []byte(test.payload)); err != test.err || got.Error != test.result.Error {
					t.Errorf("got %+v, %v", got, err)
				}
			}
			select {
			case why := <-f.ended:
				if !test.isEnd || why != test.why {
					t.Errorf("the first refresh ended with %q; want %q, %t", why, test.why, test.isEnd)
				}
			default:
				if test.isEnd {
					t.Error("nobody heard of its end")
				}
			}
		})
	}
}

func TestWhichScheduleMakesTheCatalog(t *testing.T) {
	for name, test := range map[string]struct {
		expression, function, input string
		want                        bool
	}{
		"the catalog's":      {"rate(10 minutes)", "reconcile", `{"operation":"catalog"}`, true},
		"another":            {"rate(1 minute)", "reconcile", `{"operation":"look"}`, false},
		"not played at once": {"cron(0 3 * * ? *)", "reconcile", `{"operation":"catalog"}`, false},
		"of a machine":       {"rate(10 minutes)", "", `{"operation":"catalog"}`, false},
	} {
		expression, err := schedule.Parse(test.expression)
		if err != nil {
			t.Fatal(err)
		}
		if got := newFirstCatalog(nil).isScheduled([]player.Schedule{{Expression: expression, Function: test.function, Input: test.input}}); got != test.want {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
	}
}
