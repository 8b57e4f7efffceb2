//go:build simulation

package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sso-elevator/functions/access"
	"sso-elevator/functions/drift"
	"sso-elevator/functions/internal/auditlog"
	"sso-elevator/functions/internal/catalog"
	"sso-elevator/functions/internal/claims"
	"sso-elevator/functions/internal/directory"
	"sso-elevator/functions/internal/identitycenter"
	"sso-elevator/functions/internal/leases"
	whois "sso-elevator/functions/internal/people"
	"sso-elevator/functions/internal/policyinforce"
	"sso-elevator/functions/internal/requests"
	"sso-elevator/functions/internal/runs"
	"sso-elevator/functions/internal/task"
	"sso-elevator/functions/internal/tasktoken"
	"sso-elevator/functions/recheck"
	"sso-elevator/functions/simulated/audit"
	"sso-elevator/functions/simulated/await"
	"sso-elevator/functions/simulated/evaluate"
	"sso-elevator/functions/simulated/grant"
	"sso-elevator/functions/simulated/ingress"
	"sso-elevator/functions/simulated/notify"
	"sso-elevator/functions/simulated/reconcile"
	"sso-elevator/functions/simulated/revoke"
	"sso-elevator/statemachine"
)

const tableName = "elevator"

// wire is what the mains of the functions do, with the fakes in the place of the
// services' clients.
func wire(w *world, name string) handler {
	store := requests.New(w.table, tableName)
	policy := policyinforce.New(w.ssm, w.objects, "policy", w.clock.now)
	center := identitycenter.New(w.center, w.center, w.org, instanceARN)
	held := &leases.Leases{Table: store, IdentityCenter: center, Now: w.clock.now, Sleep: sleep}
	count := func(name string, _ map[string]string) { w.ledger.counted(name) }
	claimed := &claims.Claims{Table: store, Limit: openRequests, Now: w.clock.now}
	names := &catalog.Catalog{Store: catalog.Object{Client: w.objects, Bucket: catalogBucket}, Now: w.clock.now, Logger: w.logger}
	users := &directory.Directory{
		Center: center, Index: &catalog.EmailIndex{Store: catalog.Object{Client: w.objects, Bucket: catalogBucket}, Now: w.clock.now, Logger: w.logger},
		Count: count, Logger: w.logger,
	}
	switch name {
	case "ingress":
		machine, err := ingress.NewMachine(w.steps, requestMachineARN)
		if err != nil {
			panic(err)
		}
		h := &ingress.Handler{
			Store: store, Claims: claimed, Slack: w.slack, People: whois.New(w.slack, users, team, nil, w.clock.now),
			Catalog: names, Policy: policy, Machine: machine, Tokens: tasktoken.Resumer{API: w.steps},
			Findings:       runs.New(w.objects, catalogBucket),
			SigningSecrets: func(context.Context) ([]string, error) { return []string{signingSecret}, nil },
			Refresh:        func() bool { return false },
			TeamID:         team, AppID: app, Account: account, Durations: append(slices.Clone(durations), longDuration), Now: w.clock.now, Logger: w.logger,
		}
		return func(ctx context.Context, payload []byte) ([]byte, error) {
			var event events.APIGatewayV2HTTPRequest
			if err := json.Unmarshal(payload, &event); err != nil {
				panic(err)
			}
			return answerOf(h.Handle(ctx, event))
		}
	case "evaluate":
		h := &evaluate.Handler{
			Store: store, Claims: claimed, People: whois.New(w.slack, users, team, nil, w.clock.now), Policy: policy, Catalog: names,
			Account: account, Reminders: evaluate.Reminders{Initial: reminderInitial, Multiplier: 2}, Expiration: expiration,
			AnnounceFor: min(statemachine.AnnounceFor, expiration), Now: w.clock.now, Logger: w.logger,
		}
		return edge(w, h.Handle)
	case "await":
		return edge(w, (&await.Handler{Table: store, Tokens: tasktoken.Resumer{API: w.steps}, Sleep: sleep}).Handle)
	case "notify":
		return edge(w, (&notify.Handler{
			Runs: runs.New(w.objects, catalogBucket), Store: store, Slack: notify.Remembering(w.slack, w.clock.now),
			Channel: channel, SendDM: true, PostRevoke: true, Logger: w.logger,
		}).Handle)
	case "grant":
		return edge(w, (&grant.Handler{
			Table: store, Policy: policy, Directory: grant.Center{Client: center, Users: users}, Catalog: names, Account: account, Longest: longDuration, Leases: held, Now: w.clock.now, Log: w.logger,
		}).Handle)
	case "revoke":
		return edge(w, (&revoke.Handler{
			Leases: held, Findings: runs.New(w.objects, catalogBucket), Rows: store, Users: center, Policy: policy, Limit: maxRemovals,
			Now: w.clock.now, Sleep: sleep, Count: count, Log: w.logger,
		}).Handle)
	case "audit":
		return edge(w, (&audit.Handler{
			Store: store, Claims: claimed, Runs: runs.New(w.objects, catalogBucket), Log: auditlog.New(w.objects, auditBucket, "logs"), Policy: policy,
			Now: w.clock.now, Count: count, Measure: func(string, time.Duration, map[string]string) {}, Logger: w.logger,
		}).Handle)
	case "reconcile":
		policyNow := func(ctx context.Context) (access.Policy, error) {
			p, _, err := policy.Load(ctx)
			return p, err
		}
		remover := reconcile.NewRemover(w.lambda, "revoke")
		return edge(w, (&reconcile.Handler{
			Sweep: &reconcile.Sweep{
				Table: store, Executions: reconcile.NewExecutions(w.steps, requestMachineARN, reconcileMachineARN), Remover: remover,
				Unique: func() string { return fmt.Sprintf("%08x", uint32(w.source.dice("unique").next())) },
				Now:    w.clock.now, Count: count, Gauge: func(string, int) {}, Logger: w.logger,
			},
			Claims: &claims.Sweep{Table: store, Now: w.clock.now},
			People: &recheck.Checker{
				Directory: center, Table: store, Store: runs.New(w.objects, catalogBucket), Tokens: tasktoken.Resumer{API: w.steps}, Remove: reconcile.RemoveOf(remover), Policy: policyNow,
				Show:  func(context.Context, string) error { panic("there are too few people for a wave") },
				NewID: func(time.Time) string { panic("there are too few people for a wave") },
				Now:   w.clock.now, Count: count, Logger: w.logger,
			},
			Drift: &drift.Engine{
				Directory: center,
				Policy:    policyNow,
				Leases:    store, Runs: runs.New(w.objects, catalogBucket), Rows: store, Beats: store, Removals: store, Limit: maxRemovals,
				Now: w.clock.now, Count: count, Logger: w.logger,
			},
			Count: count, Logger: w.logger,
		}).Handle)
	}
	panic("there is no function " + name)
}

// edge is a task's handler as Lambda calls it.
func edge[In task.Payload, Out any](w *world, handle func(context.Context, In) (Out, error)) handler {
	whole := task.Edge(w.logger, handle)
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		var in In
		if err := json.Unmarshal(payload, &in); err != nil {
			return nil, fmt.Errorf("unmarshal payload: %w", err)
		}
		return answerOf(whole(ctx, in))
	}
}

func answerOf(out any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}
