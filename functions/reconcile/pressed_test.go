package reconcile

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

type pressWorld struct {
	run      access.Run
	runErr   error
	taken    bool
	startErr error
	showErr  error
	did      []string
}

func (w *pressWorld) Run(context.Context, string) (access.Run, error) { return w.run, w.runErr }

// An execution is started only for a press that the table has, and only while something is
// left to do. The message is updated after that.
func TestPressed(t *testing.T) {
	unavailable := access.Errorf(access.CodeUnavailable, "x")
	start := `start press-HASH-r1 {"mode":"press","run":"r","index":2}`
	press := access.FindingPress{Finding: 2, Remove: true, At: time.Unix(1, 0)}
	ended := func(result access.RemovalResult) []access.PressResult {
		return []access.PressResult{{Finding: 2, Result: result}}
	}
	for name, test := range map[string]struct {
		world pressWorld
		index int
		want  []string
		code  access.Code
	}{
		"remove":                   {pressWorld{run: access.Run{Presses: []access.FindingPress{press}}}, 2, []string{start, "show r"}, ""},
		"leave":                    {pressWorld{run: access.Run{Presses: []access.FindingPress{{Finding: 2}}}}, 2, []string{start, "show r"}, ""},
		"pressed again":            {pressWorld{run: access.Run{Presses: []access.FindingPress{press}, PressResults: ended(access.DriftRemoved)}}, 2, []string{"show r"}, ""},
		"pressed after a failure":  {pressWorld{run: access.Run{Presses: []access.FindingPress{press}, PressResults: ended(access.DriftFailed)}}, 2, []string{start, "show r"}, ""},
		"nobody pressed":           {pressWorld{}, 2, nil, access.CodeRefused},
		"another finding":          {pressWorld{run: access.Run{Presses: []access.FindingPress{press}}}, 1, nil, access.CodeRefused},
		"no row":                   {pressWorld{runErr: access.Errorf(access.CodeNotFound, "x")}, 2, nil, access.CodeNotFound},
		"the machine can't start":  {pressWorld{run: access.Run{Presses: []access.FindingPress{press}}, startErr: unavailable}, 2, []string{start}, access.CodeUnavailable},
		"someone took the name":    {pressWorld{run: access.Run{Presses: []access.FindingPress{press}}, taken: true}, 2, []string{start}, access.CodeUnavailable},
		"the message can't update": {pressWorld{run: access.Run{Presses: []access.FindingPress{press}}, showErr: unavailable}, 2, []string{start, "show r"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := &test.world
			p := &presses{
				table: w,
				start: func(_ context.Context, name, input string) (bool, error) {
					parts := strings.Split(name, "-")
					if len(parts) != 3 || len(parts[1]) != 16 || len(name) > 80 {
						t.Errorf("the execution is named %q", name)
					}
					w.did = append(w.did, fmt.Sprintf("start %s-HASH-%s %s", parts[0], parts[2], input))
					return w.taken, w.startErr
				},
				show: func(_ context.Context, run string) error {
					w.did = append(w.did, "show "+run)
					return w.showErr
				},
				unique: func() string { return "r1" },
				logger: slog.New(slog.DiscardHandler),
			}
			err := p.handle(t.Context(), access.FindingRef{Run: "r", Index: test.index})
			if access.CodeOf(err) != test.code || !slices.Equal(w.did, test.want) {
				t.Errorf("did %q, %v; want %q, %q", w.did, err, test.want, test.code)
			}
		})
	}
}
