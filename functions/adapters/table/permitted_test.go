package table_test

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/table"
)

// template is the deployed template, from its golden file.
const template = "../../../infra/testdata/template.json"

// namedInUpdates is a table that notes the attributes named in updates, by the prefix
// of the row. IAM compares the same names (dynamodb:Attributes): of a path, the first
// part.
type namedInUpdates struct {
	table.API
	names map[string]map[string]bool
	// failing is set if the condition of the next update fails. Some methods then try
	// another one.
	failing bool
}

// ownRow is the part of each row that says whose it is.
var ownRow = map[string]types.AttributeValue{"execution_arn": &types.AttributeValueMemberS{Value: "arn:own"}}

func (n *namedInUpdates) GetItem(_ context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	item := maps.Clone(in.Key)
	maps.Copy(item, ownRow)
	return &dynamodb.GetItemOutput{Item: item}, nil
}

func (n *namedInUpdates) UpdateItem(_ context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	prefix, _, _ := strings.Cut(in.Key["pk"].(*types.AttributeValueMemberS).Value, "#")
	if n.names[prefix] == nil {
		n.names[prefix] = map[string]bool{}
	}
	for placeholder, name := range in.ExpressionAttributeNames {
		if regexp.MustCompile(`(^|[^.])` + placeholder + `\b`).MatchString(*in.UpdateExpression + " " + *in.ConditionExpression) {
			n.names[prefix][name] = true
		}
	}
	if n.failing {
		n.failing = false
		return nil, &types.ConditionalCheckFailedException{}
	}
	return &dynamodb.UpdateItemOutput{Attributes: ownRow}, nil
}

// IAM rejects an update that names even one attribute outside the role's policy. moto
// checks no policy, so it doesn't show this. An attribute that is permitted but never
// named is a right that nobody needs.
func TestUpdatesNameWhatThePoliciesPermit(t *testing.T) {
	type change = func(*table.Table) error
	at, person, post := monday, access.Person{SlackID: "U1", PrincipalID: "p-1"}, access.Post{Channel: "C1"}
	decide := func(s *table.Table) error { _, _, err := s.Decide(ctx, "a", access.Outcome{At: at}); return err }
	approve := func(s *table.Table) error {
		r := access.Request{ID: "a", Posts: map[string]access.Post{"announce": {Channel: "C1", TS: "1.1"}}}
		_, _, err := s.ChangeApprovals(ctx, r, table.ApprovalChange{Outcome: &access.Outcome{At: at}, Purposes: []string{"announce"}})
		return err
	}
	fail := func(s *table.Table) error { return s.Fail(ctx, "a", access.Failure{At: at}) }
	answer := func(s *table.Table) error {
		_, _, err := s.AnswerRun(ctx, access.Run{ID: "a"}, access.RunAnswer{At: at}, true)
		return err
	}
	answerMore := func(s *table.Table) error {
		_, _, err := s.AnswerRun(ctx, access.Run{ID: "a", Answers: []access.RunAnswer{{At: at}}}, access.RunAnswer{At: at}, false)
		return err
	}
	expire := func(s *table.Table) error { _, _, err := s.ExpireRun(ctx, "a", at); return err }
	end := func(s *table.Table) error {
		_, _, err := s.RequestEnd(ctx, "a", access.EndRequest{By: person, At: at})
		return err
	}
	press := func(s *table.Table) error {
		_, _, err := s.AddPress(ctx, access.Run{ID: "a"}, access.FindingPress{At: at})
		return err
	}
	pressMore := func(s *table.Table) error {
		_, _, err := s.AddPress(ctx, access.Run{ID: "a", Presses: []access.FindingPress{{At: at}}}, access.FindingPress{At: at})
		return err
	}
	refuse := func(s *table.Table) error {
		_, err := s.AddRefusedPress(ctx, access.Run{ID: "a"}, access.RefusedPress{At: at})
		return err
	}
	refuseMore := func(s *table.Table) error {
		_, err := s.AddRefusedPress(ctx, access.Run{ID: "a", RefusedPresses: []access.RefusedPress{{At: at}}}, access.RefusedPress{Finding: 1, At: at})
		return err
	}
	pressResult := func(s *table.Table) error {
		return s.AddPressResult(ctx, access.Run{ID: "a", PressResults: []access.PressResult{{At: at}}}, access.PressResult{At: at})
	}
	yield := func(s *table.Table) error { return s.AskToYield(ctx, at) }
	pace := func(s *table.Table) error {
		_, _, err := s.PutPace(ctx, access.Pace{Version: 1})
		return err
	}
	firstPace := func(s *table.Table) error { _, _, err := s.PutPace(ctx, access.Pace{}); return err }
	functions := map[string][]change{
		"Ingress": {yield, decide, approve, answer, answerMore, press, pressMore, refuse, refuseMore, end, func(s *table.Table) error {
			_, _, err := s.EndHolder(ctx, "a", access.EndRequest{By: person, At: at})
			return err
		}, func(s *table.Table) error {
			return s.EndShown(ctx, "a")
		}, func(s *table.Table) error {
			_, err := s.AppendEvent(ctx, access.Request{ID: "a"}, access.Event{Kind: access.EventPressRefused, By: person, At: at})
			return err
		}},
		"Evaluate": {yield, decide, approve, func(s *table.Table) error {
			return s.CountReminder(ctx, "a", table.Reminder{Number: 1, At: at, Further: []access.FurtherApprover{{Person: person}}})
		}, func(s *table.Table) error {
			_, err := s.Evaluate(ctx, "a", table.Evaluation{Requester: person, Approvers: []access.Person{person}, Background: &access.Background{}, Chain: &access.Chain{}, HeldWith: []string{"b"}, Description: "d", ExpiresAt: at})
			return err
		}, func(s *table.Table) error { _, _, err := s.TakeOver(ctx, "a", "arn:own"); return err }},
		"Await": {
			func(s *table.Table) error {
				_, err := s.StoreToken(ctx, "a", table.WaitApproval, "arn:own", "t")
				return err
			},
			func(s *table.Table) error {
				_, err := s.StoreToken(ctx, "a", table.WaitEnd, "arn:own", "t")
				return err
			},
			func(s *table.Table) error { _, err := s.StoreRunToken(ctx, "a", "arn:own", "t"); return err },
		},
		"Notify": {
			func(s *table.Table) error { _, _, err := s.BeginPost(ctx, "a", "announce", post); return err },
			func(s *table.Table) error {
				_, _, err := s.BeginPostAfter(ctx, "a", "granted", post, "announce", post)
				return err
			},
			func(s *table.Table) error { return s.CompletePost(ctx, "a", "announce", post) },
			func(s *table.Table) error { return s.FailPost(ctx, "a", "announce", "C1") },
			func(s *table.Table) error { _, _, err := s.BeginRunPost(ctx, "a", "report", post); return err },
			func(s *table.Table) error { return s.CompleteRunPost(ctx, "a", "report", post) },
		},
		"Grant": {yield, fail, func(s *table.Table) error { return s.RecordOUPath(ctx, "a", []string{"ou-1"}) }, end, func(s *table.Table) error {
			_, err := s.RecordGrant(ctx, "a", table.Grant{At: at, End: at, MembershipID: "m-1", CreateRequestID: "aws-1", Chain: &access.Chain{Since: at, Extends: "b"}})
			return err
		}},
		"Revoke": {
			yield,
			func(s *table.Table) error { _, err := s.BeginRevoke(ctx, "a", "arn:own", at); return err },
			func(s *table.Table) error { return s.Rebuild(ctx, access.Rebuilt{ID: "a", At: at}) },
			func(s *table.Table) error {
				_, err := s.RecordRemoval(ctx, access.Request{ID: "a", KeptUntil: at, KeptLink: "https://acme.slack.com/archives/C1/p12", AWSCreateRequestID: "aws-1"}, at, access.RemovalKept, "aws-2")
				return err
			},
		},
		"Audit": {
			func(s *table.Table) error {
				_, err := s.AppendEvent(ctx, access.Request{ID: "a"}, access.Event{Kind: access.EventGranted, At: at})
				return err
			},
			func(s *table.Table) error {
				_, err := s.AppendEvent(ctx, access.Request{ID: "a"}, access.Event{Kind: access.EventRevokeFailed, At: at})
				return err
			},
			func(s *table.Table) error { _, err := s.MarkAudited(ctx, "a", 1); return err },
			func(s *table.Table) error { return s.MarkBlocksRecorded(ctx, 1) },
			func(s *table.Table) error { return s.Close(ctx, "a", 1, at, time.Hour) },
		},
		"Reconcile": {pace, firstPace, end, fail, expire, pressResult, func(s *table.Table) error {
			_, err := s.GiveUp(ctx, "a", access.Failure{At: at})
			return err
		}},
	}
	for function, changes := range functions {
		tableName := &namedInUpdates{names: map[string]map[string]bool{}}
		for _, change := range changes {
			if err := change(table.New(tableName, "table")); err != nil {
				t.Fatalf("%s: %v", function, err)
			}
			tableName.failing = true
			change(table.New(tableName, "table")) // whether it succeeds then doesn't matter
			tableName.failing = false
		}
		named := map[string][]string{}
		for prefix, names := range tableName.names {
			named[prefix] = slices.Sorted(maps.Keys(names))
		}
		if may := permittedUpdates(t, function); !maps.EqualFunc(named, may, slices.Equal) {
			t.Errorf("%s names %q, and may name %q", function, named, may)
		}
	}
}

// permittedUpdates returns the attributes that the function's role may name in
// updates, sorted, by the prefix of the row.
func permittedUpdates(t *testing.T, function string) map[string][]string {
	t.Helper()
	body, err := os.ReadFile(template)
	if err != nil {
		t.Fatal(err)
	}
	var stack struct {
		Resources map[string]json.RawMessage
	}
	if err := json.Unmarshal(body, &stack); err != nil {
		t.Fatal(err)
	}
	may := map[string][]string{}
	for id, resource := range stack.Resources {
		if !strings.HasPrefix(id, function+"RoleDefaultPolicy") {
			continue
		}
		var policy struct {
			Properties struct {
				PolicyDocument struct {
					Statement []struct {
						Action    any // one value or several
						Condition json.RawMessage
					}
				}
			}
		}
		if err := json.Unmarshal(resource, &policy); err != nil {
			t.Fatal(err)
		}
		for _, s := range policy.Properties.PolicyDocument.Statement {
			if s.Action != "dynamodb:UpdateItem" {
				continue
			}
			var condition map[string]map[string][]string
			if err := json.Unmarshal(s.Condition, &condition); err != nil {
				t.Fatal(err)
			}
			for _, rows := range condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] {
				prefix, _, _ := strings.Cut(rows, "#")
				may[prefix] = condition["ForAllValues:StringEquals"]["dynamodb:Attributes"]
			}
		}
	}
	return may
}
