package acceptance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/infra/deployed"
	"sso-elevator/slack"
)

func options() Options {
	return Options{
		Target: Place{"shop", "Developer"}, Other: Place{"222222222222", "Developer"}, Duration: 2 * time.Minute,
		DriftUser: "eve@example.com", ManagementSet: "ReadOnly", CapitalsUser: "Ann@Example.com",
		Patience: 5 * time.Minute, Poll: time.Second, Now: time.Now,
	}
}

// try runs the acceptance in virtual time.
func try(t *testing.T, o Options, w *world, ctx context.Context) (r Result, lines []string) {
	t.Helper()
	r, err := Run(ctx, o, "elevator", w, people{w}, func(line string) { lines = append(lines, line) })
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Hour) // let everything that still runs end
	synctest.Wait()
	return r, lines
}

// names returns the steps with a status.
func names(r Result, s State) (names []string) {
	for _, step := range r.Steps {
		if step.State == s {
			names = append(names, step.Name)
		}
	}
	return names
}

func TestEverythingWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r, lines := try(t, options(), w, t.Context())
		if len(r.Steps) != 19 || r.Count(OK) != 19 || !r.Passed() {
			t.Errorf("%s", strings.Join(lines, "\n"))
		}
		if took := time.Duration(r.Seconds) * time.Second; took < 2*time.Minute || took > 10*time.Minute {
			t.Errorf("it took %s", took)
		}
		// The run checks every second, so no time is off by more than two.
		for kind, want := range map[string]float64{"request_to_posted": 2, "press_to_assigned": 3, "end_to_gone": 0, "early_end_to_gone": 0, "stop_to_gone": 60} {
			if got, ok := r.Times[kind]; !ok || got < want || got > want+2.5 {
				t.Errorf("%s took %g s, %t, want %g", kind, got, ok, want)
			}
		}
		want := []string{"+account#111111111111#arn:dev#p-eve", "-account#111111111111#arn:dev#p-eve"}
		if !slices.Equal(w.unasked, want) {
			t.Errorf("by hand it made and removed %q, want %q", w.unasked, want)
		}
		var seen []string
		for _, step := range r.Steps {
			seen = append(seen, step.Saw...)
		}
		for i, line := range seen {
			if !strings.HasSuffix(lines[i], line) {
				t.Errorf("line %d is %q, and the result has %q", i, lines[i], line)
			}
		}
		if step, _ := r.Step(StepRecords); step.Bytes != 400 {
			t.Errorf("the records have %d bytes", step.Bytes)
		}
	})
}

// A step without its setting is skipped, and the report says so.
func TestLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options()
		o.DriftUser, o.ManagementSet, o.CapitalsUser = "", "", ""
		r, lines := try(t, o, newWorld(), t.Context())
		if got, want := names(r, Skipped), []string{StepDrift, StepManagement, StepCapitals}; !slices.Equal(got, want) || !r.Passed() {
			t.Errorf("skipped are %q, want %q\n%s", got, want, strings.Join(lines, "\n"))
		}
		if step, _ := r.Step(StepManagement); step.Saw[0] != "skipped: needs --management" {
			t.Errorf("the management account is %q", step.Saw)
		}
		w := newWorld()
		w.account = w.catalog.ManagementAccount
		r, _ = try(t, o, w, t.Context())
		if step, _ := r.Step(StepManagement); !strings.Contains(step.Saw[0], "needs --management. The stack is in the management account") {
			t.Errorf("in the management account it is %q", step.Saw)
		}
	})
}

// A policy that needs no approval is fine, whether or not someone presses a button.
func TestAutomatic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.evaluate = func(r *access.Request) {
			r.Outcome = &access.Outcome{Kind: access.OutcomeAutomatic, At: time.Now().UTC()}
		}
		w.approve = func(*access.Request) { t.Error("nobody has to approve anything") }
		r, lines := try(t, options(), w, t.Context())
		if !r.Passed() || r.Count(OK) != 19 {
			t.Errorf("%s", strings.Join(lines, "\n"))
		}
	})
}

// TestSees breaks one thing after another. The acceptance fails at the right step.
func TestSees(t *testing.T) {
	rest := func(from string) (steps []string) { // all steps from one on, except the cleanup
		all := []string{StepStack, StepFunctions, StepCatalog, StepTargets, StepStopped, StepRequested, StepGranted, StepDrift, StepRemoved, StepHeld,
			StepEarlyEnd, StepSwept, StepManagement, StepCapitals, StepRecords, StepConditional, StepNested, StepSizes}
		return all[slices.Index(all, from)+1:]
	}
	for _, tt := range []struct {
		name    string
		breaks  func(w *world)
		options func(o *Options)
		failed  []string // the steps that fail; no others do
		skipped []string // nil if not compared
		says    string   // in the last line of the first failed step
	}{
		{name: "the last update was rolled back", breaks: func(w *world) { w.stack.Status = "UPDATE_ROLLBACK_COMPLETE" }, failed: []string{StepStack}, skipped: rest(StepStack), says: "its last deployment failed"},
		{name: "a resource failed", breaks: func(w *world) { w.stack.Resources[3].Status = "UPDATE_FAILED" }, failed: []string{StepStack}, skipped: rest(StepStack), says: "FunctionABC (AWS::Lambda::Function) is UPDATE_FAILED"},
		{name: "the stack lacks a function", breaks: func(w *world) { w.stack.Resources = w.stack.Resources[1:] }, failed: []string{StepStack}, skipped: rest(StepStack), says: "the stack has no function audit"},
		{name: "a function does not start", breaks: func(w *world) { w.functions[2].Problem = "it is Failed" }, failed: []string{StepFunctions}, skipped: rest(StepFunctions), says: "elevator-evaluate: it is Failed"},
		{name: "there are too few functions", breaks: func(w *world) { w.functions = append([]deployed.Function(nil), w.functions[1:]...) }, failed: []string{StepFunctions}, says: "there should be 8 functions"},
		{name: "a machine is gone", breaks: func(w *world) { w.nMachines, w.machines = 1, []string{"the state machine m does not exist"} }, failed: []string{StepFunctions}, says: "m does not exist"},
		{name: "there is no catalog", breaks: func(w *world) { w.catalog.ReadAt = time.Time{} }, failed: []string{StepCatalog}, skipped: rest(StepCatalog), says: "there is no catalog"},
		{name: "the catalog is empty", breaks: func(w *world) { w.catalog.Accounts = nil }, failed: []string{StepCatalog}, says: "the catalog is empty"},
		{name: "the catalog is old", breaks: func(w *world) { w.catalog.ReadAt = time.Now().Add(-catalogAge - time.Minute) }, failed: []string{StepCatalog}, says: "older than 1h"},
		{name: "the target is not there", options: func(o *Options) { o.Other.PermissionSet = "Nope" }, failed: []string{StepTargets}, skipped: rest(StepTargets), says: "the catalog has no Nope in 222222222222"},
		{name: "two accounts have the name", options: func(o *Options) { o.Target.Account = "twin" }, failed: []string{StepTargets}, says: "use the ID"},
		{name: "both targets are one", options: func(o *Options) { o.Other.Account = "111111111111" }, failed: []string{StepTargets}, says: "are the same"},
		{name: "nobody knows the management account", breaks: func(w *world) { w.catalog.ManagementAccount = "" }, failed: []string{StepTargets}, says: "which account is the management account"},
		{name: "the management account is the target", options: func(o *Options) { o.Target = Place{"management", "ReadOnly"} }, failed: []string{StepTargets}, says: "is the same as --target or --other"},
		{name: "the user for the drift does not exist", options: func(o *Options) { o.DriftUser = "x@example.com" }, failed: []string{StepTargets}, says: "find the user x@example.com"},

		{name: "nobody requests anything", breaks: func(w *world) { w.noRequest = true }, failed: []string{StepStopped, StepRequested, StepManagement, StepCapitals}, says: "timed out after 5m0s"},
		{name: "no message comes", breaks: func(w *world) {
			w.evaluate = func(r *access.Request) { r.Posts = map[string]access.Post{slack.PurposeAnnounce: {Channel: "C1"}} }
		}, failed: []string{StepStopped, StepRequested, StepManagement, StepCapitals, StepCleanup}, says: "its message in the channel: timed out after 2m0s"},
		{name: "the policy refuses it", breaks: func(w *world) {
			w.evaluate = func(r *access.Request) {
				r.Outcome = &access.Outcome{Kind: access.OutcomeRefused, Reason: "NoStatements"}
				r.ClosedAt = time.Now()
			}
		}, failed: []string{StepStopped, StepRequested, StepManagement, StepCapitals}, says: "is refused: NoStatements"},
		{name: "it is denied", breaks: func(w *world) {
			w.approve = func(r *access.Request) {
				r.Outcome = &access.Outcome{Kind: access.OutcomeDenied}
				r.ClosedAt = time.Now()
			}
		}, failed: []string{StepStopped, StepGranted, StepManagement, StepRecords, StepConditional}, says: "is denied"},
		{name: "nobody approves", breaks: func(w *world) { w.approve = func(*access.Request) {} }, failed: []string{StepStopped, StepGranted, StepManagement, StepRecords, StepConditional, StepCleanup}, says: "the approval of r1: timed out after 5m0s"},
		{name: "AWS turns the assignment down", breaks: func(w *world) {
			w.unassigned = true
			w.grant = func(r *access.Request) { r.Failure = &access.Failure{Code: access.CodeRefused, Message: "no role"} }
		}, failed: []string{StepStopped, StepGranted, StepManagement, StepRecords, StepConditional}, says: "the access was not granted: Refused: no role"},
		{name: "the row says granted, and there is no assignment", breaks: func(w *world) { w.unassigned = true }, failed: []string{StepStopped, StepGranted, StepManagement, StepRecords, StepConditional}, says: "the assignment: timed out after 2m0s"},
		{name: "something else made the assignment", breaks: func(w *world) { w.noLease = true }, failed: []string{StepStopped, StepGranted, StepManagement, StepRecords, StepConditional}, says: "something else created it"},
		{name: "the execution never waits for the end", breaks: func(w *world) { w.grant = func(r *access.Request) { r.EndToken = "" } }, failed: []string{StepStopped, StepGranted, StepManagement, StepRecords, StepConditional}, says: "the removal began before"},

		{name: "access goes early", breaks: func(w *world) { w.lasts = func(d time.Duration) time.Duration { return d - 20*time.Second } }, failed: []string{StepHeld}, says: "before its end"},
		{name: "the end is another one than requested", breaks: func(w *world) { w.grant = func(r *access.Request) { r.End = r.End.Add(-time.Minute) } }, failed: []string{StepHeld}, says: "is not 2m0s after the grant"},
		{name: "the person has the access already", breaks: func(w *world) {
			w.evaluate = func(r *access.Request) {
				if r.Target.AccountID == "111111111111" {
					r.Chain = &access.Chain{Since: r.CreatedAt.Add(-time.Hour), End: r.CreatedAt.Add(time.Hour), Extends: "r-old"}
				}
			}
		}, failed: []string{StepRequested, StepCapitals, StepCleanup}, says: "already has access to"},
		{name: "the person got the access before the approval", breaks: func(w *world) {
			w.grant = func(r *access.Request) { r.ChainSince, r.Extends = r.GrantedAt.Add(-time.Hour), "r-old" }
		}, failed: []string{StepStopped, StepGranted, StepManagement, StepRecords, StepConditional}, says: "through request r-old, until"},
		{name: "access comes back", breaks: func(w *world) { w.back = true }, failed: []string{StepCleanup}, says: "the access was gone, but it existed again"},
		{name: "the removal is late", breaks: func(w *world) { w.late = removalPromise + 500*time.Millisecond }, failed: []string{StepRemoved, StepSwept, StepManagement}, says: "removed too late"},
		{name: "the removal is very late", breaks: func(w *world) { w.late = 10 * time.Minute }, failed: []string{StepRemoved, StepSwept, StepManagement, StepRecords, StepCleanup}, says: "THE ACCESS IS STILL THERE"},
		{name: "access is never removed", breaks: func(w *world) { w.stuck = true }, failed: []string{StepRemoved, StepSwept, StepManagement, StepRecords, StepConditional, StepCleanup}, says: "THE ACCESS IS STILL THERE"},
		{name: "the early end does nothing", breaks: func(w *world) { w.noEnd = true }, failed: []string{StepEarlyEnd, StepManagement, StepRecords}, says: "ended on time, before anyone pressed"},
		{name: "the execution can't be stopped", breaks: func(w *world) { w.keepsRunning = true }, failed: []string{StepStopped, StepRecords, StepConditional}, says: "is RUNNING, not stopped"},
		{name: "no sweep comes", breaks: func(w *world) { w.sweeps = -1 }, failed: []string{StepSwept, StepRecords, StepConditional, StepCleanup}, says: "THE ACCESS IS STILL THERE"},
		{name: "the sweep comes late", breaks: func(w *world) { w.sweeps = removalPromise + time.Minute }, failed: []string{StepSwept, StepRecords}, says: "THE ACCESS IS STILL THERE"},

		{name: "the user has the access already", breaks: func(w *world) { w.assigned["account#111111111111#arn:dev#p-eve"] = true }, failed: []string{StepDrift}, says: "already has access to Developer in shop (111111111111)"},
		{name: "a request holds the access", breaks: func(w *world) { w.leases["account#111111111111#arn:dev#p-eve"] = access.Lease{} }, failed: []string{StepDrift}, says: "already"},
		{name: "making it by hand fails half way", breaks: func(w *world) { w.assignFails = true }, failed: []string{StepDrift}, says: "create the assignment by hand: no answer"},
		{name: "the run could not read everything", breaks: func(w *world) { w.warn = Status{"FAILED", "Incomplete", "one account"} }, failed: []string{StepDrift}, says: "the reconciliation is FAILED: Incomplete: one account"},
		{name: "the run finds nothing", breaks: func(w *world) { w.blind = true }, failed: []string{StepDrift}, says: "is not among them"},
		{name: "the finding has no record", breaks: func(w *world) { w.noFinding = true }, failed: []string{StepDrift}, says: "there is no audit record logs/"},
		{name: "what was made by hand can't be removed", breaks: func(w *world) { w.unassignFails = true }, failed: []string{StepDrift, StepCleanup}, says: "THE ASSIGNMENT CREATED BY HAND MAY STILL BE THERE"},

		{name: "the run can't be started", breaks: func(w *world) { w.startFails = true }, failed: []string{StepDrift}, says: "start a reconciliation: not permitted"},

		{name: "Identity Center answers no more", options: func(o *Options) { o.DriftUser = "" }, breaks: func(w *world) { w.silentFrom, w.silentFor = time.Now().Add(time.Minute), time.Hour },
			failed: []string{StepRemoved, StepHeld, StepSwept, StepManagement, StepCapitals, StepRecords, StepCleanup}, says: "THE ACCESS MAY STILL BE THERE"},
		{name: "Identity Center does not answer for a while", options: func(o *Options) { o.DriftUser = "" }, breaks: func(w *world) { w.silentFrom, w.silentFor = time.Now().Add(time.Minute), maxGap+5*time.Second },
			failed: []string{StepHeld}, says: "no check succeeded"},

		{name: "a record is missing", breaks: func(w *world) {
			w.record = func(r *access.Request, all []Record) []Record { return slices.Delete(all, 1, 2) }
		}, failed: []string{StepRecords}, says: "there is no record logs/"},
		{name: "the last record is missing", breaks: func(w *world) {
			w.record = func(r *access.Request, all []Record) []Record { return all[:len(all)-1] }
		}, failed: []string{StepRecords}, says: "-revoked.json"},
		{name: "there is a record too many", breaks: func(w *world) {
			w.record = func(r *access.Request, all []Record) []Record {
				return append(all, Record{Key: all[0].Key + "x", Record: all[0].Record})
			}
		}, failed: []string{StepRecords}, says: "5 records for 4 events"},
		{name: "a record says something else", breaks: func(w *world) {
			w.record = func(r *access.Request, all []Record) []Record {
				all[1].ApproverEmail = "mallory@example.com"
				return all
			}
		}, failed: []string{StepRecords}, says: "mallory@example.com"},
		{name: "an event did not happen", breaks: func(w *world) {
			w.close = func(r *access.Request) { r.Events = slices.Delete(r.Events, 1, 2); r.Audited-- }
		}, failed: []string{StepRecords}, says: "expected ["},
		{name: "a record waits in the table", breaks: func(w *world) { w.close = func(r *access.Request) { r.Audited-- } }, failed: []string{StepRecords}, says: "3 of 4 events are marked as recorded"},
		{name: "somebody else removed it", breaks: func(w *world) { w.close = func(r *access.Request) { r.Removal = access.RemovalAlreadyGone } }, failed: []string{StepRecords}, says: "already_gone, not removed"},

		{name: "ingress decides nothing", breaks: func(w *world) {
			w.close = func(r *access.Request) {
				if r.Outcome.By.SlackID, r.EndRequest = "", nil; len(r.Events) == 5 { // the access has ended
					r.Events = slices.Delete(r.Events, 3, 4)
					r.Audited--
				}
			}
		}, failed: []string{StepRecords, StepConditional}, says: "expected ["},
		{name: "evaluate writes nothing", breaks: func(w *world) { w.close = func(r *access.Request) { r.EvaluatedDecision = nil } }, failed: []string{StepConditional}, says: "function evaluate writes"},
		{name: "grant writes nothing", breaks: func(w *world) { w.close = func(r *access.Request) { r.GrantedAt = time.Time{} } }, failed: []string{StepConditional}, says: "function grant writes"},
		{name: "revoke writes nothing", breaks: func(w *world) { w.close = func(r *access.Request) { r.RevokingAt = time.Time{} } }, failed: []string{StepConditional}, says: "function revoke writes"},
		{name: "reconcile writes nothing", breaks: func(w *world) { w.close = func(r *access.Request) { r.Tombstone = false } }, failed: []string{StepConditional}, says: "function reconcile writes"},
		{name: "audit writes nothing", breaks: func(w *world) { w.close = func(r *access.Request) { r.Audited = 0 } }, failed: []string{StepRecords, StepConditional}, says: "0 of 4"},
		{name: "notify writes nothing after it sent a message", breaks: func(w *world) {
			w.close = func(r *access.Request) { r.Posts[slack.PurposeAnnounce] = access.Post{Channel: "C1"} }
		}, failed: []string{StepNested}, says: "has no posts.announce"},

		{name: "an execution has no history", breaks: func(w *world) { w.history = History{} }, failed: []string{StepSizes}, says: "has no history"},
		{name: "a payload is large", breaks: func(w *world) { w.history.Largest = maxPayload/2 + 1 }, failed: []string{StepSizes}, says: "more than half of an AWS limit"},
		{name: "a history is long", breaks: func(w *world) { w.history.Events = maxEvents/2 + 1 }, failed: []string{StepSizes}, says: "more than half of an AWS limit"},
		{name: "a row is large", breaks: func(w *world) { w.create = func(r *access.Request) { r.Reason += strings.Repeat(" x", maxItem/4) } }, failed: []string{StepSizes}, says: "more than half of an AWS limit"},

		{name: "assignments to the management account fail", breaks: func(w *world) {
			w.grant = func(r *access.Request) {
				if r.Target.AccountID == "999999999999" {
					r.Failure = &access.Failure{Code: access.CodeMisconfigure, Message: "403"}
				}
			}
		}, failed: []string{StepManagement, StepRecords}, says: "403"},
		{name: "the user with capitals is taken for somebody else", breaks: func(w *world) { w.emails = []string{"ann@example.com"} }, failed: []string{StepCapitals, StepRecords, StepCleanup}, says: "whose emails are"},
		{name: "somebody else requests it", options: func(o *Options) { o.CapitalsUser = "Dan@Example.com" }, breaks: func(w *world) {
			w.create = func(r *access.Request) { r.Requester.Email = "bea@example.com" }
		}, failed: []string{StepCapitals, StepRecords, StepCleanup}, says: "bea@example.com submitted the request"},
		{name: "it is approved and not denied", breaks: func(w *world) {
			w.deny = func(r *access.Request) {
				r.Outcome = &access.Outcome{Kind: access.OutcomeApproved}
				r.ClosedAt = time.Now()
			}
		}, failed: []string{StepCapitals, StepRecords}, says: "is approved, not denied"},
		{name: "there is access although it was denied", breaks: func(w *world) {
			w.deny = func(r *access.Request) {
				r.Outcome = &access.Outcome{Kind: access.OutcomeDenied}
				happens(r, access.EventDenied)
				w.finish(r)
				w.assigned[r.Subject().Key()] = true
			}
		}, failed: []string{StepCapitals, StepCleanup}, says: "the request was denied, but the access exists"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, o := newWorld(), options()
				if tt.breaks != nil {
					tt.breaks(w)
				}
				if tt.options != nil {
					tt.options(&o)
				}
				r, lines := try(t, o, w, t.Context())
				failed := names(r, Failed)
				if !slices.Equal(failed, tt.failed) || r.Passed() {
					t.Errorf("failed are %q, want %q\n%s", failed, tt.failed, strings.Join(lines, "\n"))
				}
				if skipped := names(r, Skipped); tt.skipped != nil && !slices.Equal(skipped, tt.skipped) {
					t.Errorf("skipped are %q, want %q", skipped, tt.skipped)
				}
				if len(failed) > 0 {
					if step, _ := r.Step(failed[0]); !strings.Contains(step.Saw[len(step.Saw)-1], tt.says) {
						t.Errorf("the step %s says %q, want %q", step.Name, step.Saw[len(step.Saw)-1], tt.says)
					}
				}
				if !w.unassignFails && w.assigned["account#111111111111#arn:dev#p-eve"] && tt.name != "the user has the access already" {
					t.Error("what was made by hand is still there")
				}
				if tt.name == "the user has the access already" && len(w.unasked) > 0 {
					t.Errorf("it touched what it did not make: %q", w.unasked)
				}
			})
		})
	}
}

// TestKnownDrift checks that only the first run that finds something records it.
func TestKnownDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.firstSeen = time.Now().Add(-time.Hour)
		r, lines := try(t, options(), w, t.Context())
		if step, _ := r.Step(StepDrift); step.State != OK || !strings.Contains(fmt.Sprint(step.Saw), "already recorded this finding") {
			t.Errorf("%s", strings.Join(lines, "\n"))
		}
	})
}

// TestWrongRequest: someone requests something else first. The run says so, and they
// submit the right request.
func TestWrongRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.wrong = true
		r, lines := try(t, options(), w, t.Context())
		if step, _ := r.Step(StepStopped); step.State != OK || !strings.Contains(step.Saw[0], "is not the expected request (Developer in network (222222222222) for 2m0s)") {
			t.Errorf("%s", strings.Join(lines, "\n"))
		}
	})
}

// TestInterrupted: someone presses Ctrl-C while the assignment made by hand exists.
// The run removes it.
func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		ctx, cancel := context.WithCancel(t.Context())
		w.onAssign = cancel
		r, lines := try(t, options(), w, ctx)
		if step, _ := r.Step(StepDrift); step.State != Failed || !slices.Contains(step.Saw, "removed the assignment created by hand") || w.assigned["account#111111111111#arn:dev#p-eve"] {
			t.Errorf("%s", strings.Join(lines, "\n"))
		}
		if step, _ := r.Step(StepSizes); step.State != Skipped || step.Saw[0] != "skipped: interrupted" {
			t.Errorf("the last step is %+v", step)
		}
		// The requested access still exists, and the output says so.
		if step, _ := r.Step(StepCleanup); step.State != Failed || !strings.Contains(step.Saw[0], "THE ACCESS IS STILL THERE") {
			t.Errorf("the cleanup is %+v", step)
		}
	})
}

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(o *Options)
		want string
	}{
		{"as they should be", func(*Options) {}, ""},
		{"no target", func(o *Options) { o.Target = Place{} }, "--target needs an account and a permission set"},
		{"no permission set", func(o *Options) { o.Other.PermissionSet = "" }, "--other needs an account and a permission set"},
		{"one target", func(o *Options) { o.Other = o.Target }, "--target and --other must differ"},
		{"no time at all", func(o *Options) { o.Duration = 0 }, "the duration is 0s"},
		{"too long", func(o *Options) { o.Duration = time.Hour }, "the duration is 1h0m0s, but it must be at most 10m0s"},
		{"no capitals", func(o *Options) { o.CapitalsUser = "ann@example.com" }, "the email ann@example.com has no capital letter"},
		{"no patience", func(o *Options) { o.Patience = 0 }, "patience, poll interval and clock must be set"},
		{"no pause", func(o *Options) { o.Poll = 0 }, "patience, poll interval and clock must be set"},
		{"no clock", func(o *Options) { o.Now = nil }, "patience, poll interval and clock must be set"},
		{"two mistakes", func(o *Options) { o.Duration, o.CapitalsUser = -1, "x" }, "no capital letter"},
	} {
		o := options()
		tt.edit(&o)
		err := o.check()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	o := options()
	o.Duration = 0
	if _, err := Run(t.Context(), o, "elevator", nil, nil, nil); err == nil {
		t.Error("Run began with options that make no sense")
	}
}

// TestWatch: the lists of Identity Center lag behind.
func TestWatch(t *testing.T) {
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		looks            string // the result of each second's check: there, absent or error
		seen, gone, back int    // in seconds, or -1 for never
	}{
		{"", -1, -1, -1},
		{"aaa", -1, -1, -1},
		{"atta", 1, -1, -1},
		{"attaa", 1, 3, -1},
		{"atataaa", 1, 4, -1}, // a single check that misses it means nothing
		{"taea", 0, 1, -1},    // nor does a failed check
		{"taatt", 0, 1, 3},
		{"eet", 2, -1, -1},
	} {
		w := &watch{}
		for i, c := range tt.looks {
			var err error
			if c == 'e' {
				err = context.DeadlineExceeded
			}
			w.look(at.Add(time.Duration(i)*time.Second), c == 't', err)
		}
		s := w.sight()
		second := func(t time.Time) int {
			if t.IsZero() {
				return -1
			}
			return int(t.Sub(at) / time.Second)
		}
		if tt.back < 0 && s.looks != strings.Count(tt.looks, "t") {
			t.Errorf("%s: %d looks saw it", tt.looks, s.looks)
		}
		if second(s.seen) != tt.seen || second(s.gone) != tt.gone || second(s.back) != tt.back {
			t.Errorf("%s: seen %d, gone %d, back %d; want %d, %d, %d", tt.looks, second(s.seen), second(s.gone), second(s.back), tt.seen, tt.gone, tt.back)
		}
	}
}
