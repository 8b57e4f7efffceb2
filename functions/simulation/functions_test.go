package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sso-elevator/functions/adapters/auditlog"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/identitycenter/identitycentertest"
	who "sso-elevator/functions/adapters/people"
	"sso-elevator/functions/adapters/policyinforce"
	readers "sso-elevator/functions/adapters/secrets"
	rows "sso-elevator/functions/adapters/table"
	"sso-elevator/functions/audit"
	"sso-elevator/functions/await"
	"sso-elevator/functions/evaluate"
	"sso-elevator/functions/grant"
	"sso-elevator/functions/ingress"
	"sso-elevator/functions/notify"
	"sso-elevator/functions/reconcile"
	"sso-elevator/functions/revoke"
	"sso-elevator/statemachine"
)

// These settings are shared by several functions.
var (
	stackSettings   = host.Stack{Account: account}
	tableSettings   = rows.Settings{Name: "elevator"}
	policySettings  = policyinforce.Settings{Pointer: "policy"}
	catalogSettings = catalog.Settings{Bucket: catalogBucket}
	centerSettings  = identitycenter.Settings{InstanceARN: identitycentertest.InstanceARN}
	peopleSettings  = who.Settings{Team: team}
	removals        = findings.Removals{Allowed: true, Max: maxRemovals}
)

// pointerBesideToken returns the policy's pointer, which is read in one call with the bot's
// token.
func pointerBesideToken(w *world, p host.Process) policyinforce.Source {
	return readers.New(w.ssm, nil, p.Now, "ssm:"+tokenParameter).Beside(policySettings.Pointer)
}

// start creates a function as a cold start does, with fakes in place of the
// services' clients.
func start(w *world, name string) handler {
	p := process(w)
	switch name {
	case "ingress":
		h := must(ingress.New(ingress.Settings{
			Stack: stackSettings, Table: tableSettings, Policy: policySettings, Catalog: catalogSettings, IdentityCenter: centerSettings, People: peopleSettings,
			App: app, RequestMachine: host.RequestMachine{ARN: requestMachineARN}, ReconcileMachine: host.ReconcileMachine{ARN: reconcileMachineARN}, ReconcileFunction: "reconcile",
			Durations: append(slices.Clone(durations), longDuration), MaxOpenRequests: openRequests,
			DenyReason: string(ingress.DenyReasonOptional), DenyCooldown: 5 * time.Minute,
		}, ingress.Clients{
			DynamoDB: w.table, S3: w.objects, Pointer: pointerBesideToken(w, p), SSOAdmin: w.center, IdentityStore: w.center,
			StepFunctions: w.steps, Lambda: w.lambda, Slack: w.slack, SigningSecrets: secrets{},
		}, p))
		return func(ctx context.Context, payload []byte) ([]byte, error) {
			var event events.APIGatewayV2HTTPRequest
			if err := json.Unmarshal(payload, &event); err != nil {
				panic(err)
			}
			return answerOf(h.Handle(ctx, event))
		}
	case "evaluate":
		return edge(p, must(evaluate.New(evaluate.Settings{
			Stack: stackSettings, Table: tableSettings, Policy: policySettings, Catalog: catalogSettings, IdentityCenter: centerSettings, People: peopleSettings,
			MaxDuration: longDuration, Expiration: expiration, AnnounceFor: min(statemachine.AnnounceFor, expiration), ReminderInitial: reminderInitial, ReminderMultiplier: 2,
		}, evaluate.Clients{
			DynamoDB: w.table, S3: w.objects, Pointer: pointerBesideToken(w, p), SSOAdmin: w.center, IdentityStore: w.center, Organizations: w.center, Slack: w.slack,
		}, p)))
	case "await":
		return edge(p, must(await.New(await.Settings{Table: tableSettings}, await.Clients{DynamoDB: w.table, StepFunctions: w.steps}, p)))
	case "notify":
		return edge(p, must(notify.New(notify.Settings{
			Table: tableSettings, Catalog: catalogSettings, Channel: channel, SendDM: true, PostRevoke: true, ExtensionOffer: extensionOffer,
		}, notify.Clients{DynamoDB: w.table, S3: w.objects, Slack: w.slack}, p)))
	case "grant":
		return edge(p, must(grant.New(grant.Settings{
			Stack: stackSettings, Table: tableSettings, Policy: policySettings, Catalog: catalogSettings, IdentityCenter: centerSettings, MaxDuration: longDuration, WaitFor: statemachine.GrantWaitFor,
		}, grant.Clients{DynamoDB: w.table, S3: w.objects, SSM: w.ssm, SSOAdmin: w.center, IdentityStore: w.center, Organizations: w.center}, p)))
	case "revoke":
		return edge(p, must(revoke.New(revoke.Settings{
			Table: tableSettings, Policy: policySettings, Catalog: catalogSettings, IdentityCenter: centerSettings, Removals: removals,
		}, revoke.Clients{DynamoDB: w.table, S3: w.objects, SSM: w.ssm, SSOAdmin: w.center, IdentityStore: w.center}, p)))
	case "audit":
		return edge(p, must(audit.New(audit.Settings{
			Table: tableSettings, Policy: policySettings, Catalog: catalogSettings, Log: auditlog.Settings{Bucket: auditBucket, Prefix: "logs"},
		}, audit.Clients{DynamoDB: w.table, S3: w.objects, SSM: w.ssm}, p)))
	case "reconcile":
		return edge(p, must(reconcile.New(reconcile.Settings{
			Table: tableSettings, Policy: policySettings, Catalog: catalogSettings, IdentityCenter: centerSettings, Removals: removals,
			RequestMachine: host.RequestMachine{ARN: requestMachineARN}, ReconcileMachine: host.ReconcileMachine{ARN: reconcileMachineARN}, RevokeFunction: "revoke", NotifyFunction: "notify", AuditFunction: "audit", ExtensionOffer: extensionOffer,
		}, reconcile.Clients{
			DynamoDB: w.table, S3: w.objects, SSM: w.ssm, StepFunctions: w.steps, Lambda: w.lambda,
			// The fake has no quota, so the clients need no pace.
			Scans:    identitycenter.New(w.center, w.center, w.center, identitycentertest.InstanceARN),
			Rechecks: identitycenter.New(w.center, w.center, w.center, identitycentertest.InstanceARN),
		}, p)))
	}
	panic("there is no function " + name)
}

// process returns clock, log, randomness and metrics for a function's process.
func process(w *world) host.Process {
	return host.Process{
		Logger: w.logger,
		Now:    w.clock.now,
		Sleep:  sleep,
		Random: func() string {
			return strings.ToUpper(fmt.Sprintf("%08x%018x", uint32(w.source.dice("unique").next()), 0))
		},
		Metrics: metrics{w},
	}
}

// metrics passes the functions' metrics to the ledger.
type metrics struct{ world *world }

func (m metrics) Count(name string, _ map[string]string) {
	m.world.clock.mu.Lock()
	defer m.world.clock.mu.Unlock()
	m.world.ledger.count(name)
}
func (metrics) Gauge(string, int)                                {}
func (metrics) Measure(string, time.Duration, map[string]string) {}

// secrets never change.
type secrets struct{}

func (secrets) AnySource([]string, func(error)) func(context.Context) ([]string, error) {
	return func(context.Context) ([]string, error) { return []string{signingSecret}, nil }
}

func (secrets) Refresh(...string) bool { return false }

func must[H any](h H, err error) H {
	if err != nil {
		panic(err)
	}
	return h
}

// edge returns a task's handler as Lambda calls it.
func edge[In host.Payload, Out any](p host.Process, function host.Function[In, Out]) handler {
	whole := host.TaskHandler(p, function.Handle)
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
